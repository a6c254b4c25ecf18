import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Layout, openLayout } from '../../../../../invoker/containers/oci/images/Layout.js';
import { LayoutImages } from '../../../../../invoker/containers/oci/images/LayoutImages.js';
import { writeLayout, type LayoutImage } from '../../../../suites/ociLayout.js';

const REF_NAME = 'org.opencontainers.image.ref.name';

describe('an OCI layout', () => {
  let folder: string;
  let layers = 0;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'pw-layout-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  /** A folder with the files of a layer. A value `-> TARGET` makes a link. */
  function layer(files: Readonly<Record<string, string>>): string {
    const path = join(folder, `layer-${++layers}`);
    mkdirSync(path);
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      if (content.startsWith('-> ')) symlinkSync(content.slice(3), join(path, name));
      else writeFileSync(join(path, name), content);
    }
    return path;
  }
  function layout(...images: readonly LayoutImage[]): string {
    const path = join(folder, 'layout');
    writeLayout(path, images);
    return path;
  }
  async function unpacked(path: string, reference: string): Promise<string> {
    const image = (await new Layout(path).find(reference, 'x64')) ?? assert.fail('not found');
    const into = mkdtempSync(join(folder, 'into-'));
    await image.unpack(into);
    return into;
  }
  const one = (name: string, more: Partial<LayoutImage> = {}): LayoutImage => ({
    names: { [REF_NAME]: name },
    layers: [layer({ file: name })],
    config: { Cmd: [name] },
    ...more,
  });

  it('has images by the names that programs give them', async () => {
    const path = layout(
      one('palette/a:1'),
      one('docker.io/library/node:20'),
      one('plain'),
      one('saved', { names: { 'io.containerd.image.name': 'docker.io/someone/saved:2', [REF_NAME]: '2' } }),
    );
    const found = async (name: string): Promise<unknown> => (await new Layout(path).find(name))?.config.Cmd?.[0];
    assert.equal(await found('palette/a:1'), 'palette/a:1');
    assert.equal(await found('palette/a:2'), undefined);
    assert.equal(await found('palette/a'), undefined);
    assert.equal(await found('node:20'), 'docker.io/library/node:20');
    assert.equal(await found('plain:latest'), 'plain');
    assert.equal(await found('someone/saved:2'), 'saved');
  });

  it('takes the image for this architecture from an index of several', async () => {
    const path = layout(one('several', { architecture: 'amd64' }));
    assert.deepEqual((await new Layout(path).find('several', 'x64'))?.config.Cmd, ['several']);
    await assert.rejects(new Layout(path).find('several', 'arm64'), /no image for linux\/arm64/);
  });

  it('is unpacked layer by layer: later files replace, add to and remove earlier ones', async () => {
    const path = layout(
      one('layers', {
        layers: [
          layer({ kept: '1', replaced: '1', removed: '1', 'dir/kept': '1', 'dir/removed': '1', 'opaque/old': '1' }),
          layer({ replaced: '2', '.wh.removed': '', 'dir/.wh.removed': '', 'dir/added': '2' }),
          layer({ 'opaque/.wh..wh..opq': '', 'opaque/new': '3', 'kept/now-a-folder': '3' }),
        ],
      }),
    );
    const files = await unpacked(path, 'layers');
    const names = new Set(readdirSync(files, { recursive: true, encoding: 'utf8' }));
    const expected = ['dir', 'dir/added', 'dir/kept', 'kept', 'kept/now-a-folder', 'opaque', 'opaque/new', 'replaced'];
    assert.deepEqual(names, new Set(expected));
    assert.equal(readFileSync(join(files, 'replaced'), 'utf8'), '2');
    // Nothing remains of the layers themselves.
    assert.ok(!readdirSync(folder).some((name) => name.includes('-layer-')), readdirSync(folder).join());
  });

  it('keeps the mode and the owner of a folder if a later layer has files in it, but no entry of it', async () => {
    const lower = layer({ 'tmp/lower': '', 'own/lower': '' });
    const isRoot = process.getuid?.() === 0;
    if (isRoot) chownSync(join(lower, 'tmp'), 12, 34);
    chmodSync(join(lower, 'tmp'), 0o1777);
    const upper = layer({ 'tmp/upper': '', 'new/deep/upper': '', 'own/upper': '' });
    chmodSync(join(upper, 'own'), 0o711);
    const archive = join(folder, 'upper.tar');
    const names = ['tmp/upper', 'new/deep/upper', 'own/upper', 'own'];
    execFileSync('tar', ['--no-recursion', '-cf', archive, '-C', upper, ...names]);
    const files = await unpacked(layout(one('implicit', { layers: [lower, archive] })), 'implicit');
    const modes = ['tmp', 'new', 'new/deep', 'own'].map((name) => lstatSync(join(files, name)).mode & 0o7777);
    assert.deepEqual(modes, [0o1777, 0o755, 0o755, 0o711]);
    assert.deepEqual(readdirSync(join(files, 'tmp')), ['lower', 'upper']);
    if (isRoot) assert.deepEqual([lstatSync(join(files, 'tmp')).uid, lstatSync(join(files, 'tmp')).gid], [12, 34]);
  });

  it('has the ids of the images in a folder, and may have any in an archive', async () => {
    const path = layout(one('named'));
    const archive = join(folder, 'images.tar');
    execFileSync('tar', ['-cf', archive, '-C', path, '.']);
    const { id } = (await new Layout(path).find('named')) ?? assert.fail();
    const other = 'f'.repeat(64);
    const inFolder = new LayoutImages([path], join(folder, 'scratch'));
    assert.deepEqual([await inFolder.has(id), await inFolder.has(other)], [true, false]);
    assert.equal(await new LayoutImages([path, archive], join(folder, 'scratch')).has(other), true);
  });

  it('writes and removes nothing outside, by whatever links', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'mine');
    const path = layout(
      one('links', {
        layers: [
          layer({ link: `-> ${outside}`, other: `-> ${outside}`, third: '-> ../outside' }),
          layer({ 'link/file': 'theirs', 'other/.wh.file': '', 'third/.wh..wh..opq': '' }),
        ],
      }),
    );
    const files = await unpacked(path, 'links');
    assert.deepEqual(readdirSync(outside), ['file']);
    assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'mine');
    assert.ok(lstatSync(join(files, 'link')).isDirectory());
    assert.equal(readFileSync(join(files, 'link', 'file'), 'utf8'), 'theirs');
  });

  it('may be an archive', async () => {
    const path = layout(one('archived'));
    const archive = join(folder, 'images.tar');
    execFileSync('tar', ['-cf', archive, '-C', path, '.']);
    const scratch = join(folder, 'scratch');
    const opened = await openLayout(archive, scratch);
    assert.deepEqual((await opened.find('archived'))?.config.Cmd, ['archived']);
    const images = new LayoutImages([archive], join(folder, 'second'));
    const image = { kind: 'k', reference: 'archived', pull: false };
    assert.deepEqual((await images.find(image))?.config.Cmd, ['archived']);
    assert.equal(await images.find({ ...image, reference: 'other' }), undefined);
    // What the source still needs stays.
    await images.removeLeftovers();
    assert.deepEqual((await images.find(image))?.config.Cmd, ['archived']);
    await new LayoutImages([archive], scratch).removeLeftovers();
    assert.equal(existsSync(scratch), false);
  });

  it('is unpacked once from its archive, also if another layout cannot be opened', async () => {
    const archive = join(folder, 'images.tar');
    execFileSync('tar', ['-cf', archive, '-C', layout(one('archived')), '.']);
    const broken = join(folder, 'broken.tar');
    writeFileSync(broken, 'no archive');
    const scratch = join(folder, 'scratch');
    const images = new LayoutImages([archive, broken], scratch);
    const image = { kind: 'k', reference: 'other', pull: false };
    for (let i = 0; i < 3; i++) await assert.rejects(images.find(image), /broken\.tar cannot be unpacked/);
    assert.equal(readdirSync(scratch).length, 1);
    assert.deepEqual((await images.find({ ...image, reference: 'archived' }))?.config.Cmd, ['archived']);
  });

  it('is refused if it is damaged, or is none', async () => {
    const path = layout(one('damaged'));
    const blobs = join(path, 'blobs', 'sha256');
    const sizes = readdirSync(blobs).map((name) => [lstatSync(join(blobs, name)).size, join(blobs, name)] as const);
    const image = (await new Layout(path).find('damaged')) ?? assert.fail();
    const into = join(folder, 'into');
    mkdirSync(into);
    for (const [, blob] of sizes) {
      const bytes = readFileSync(blob);
      if (bytes[0] === 0x7b) continue;
      writeFileSync(blob, Buffer.concat([bytes, Buffer.from([0])]));
    }
    await assert.rejects(image.unpack(into), { name: 'LayoutError', message: /is damaged: sha256:/ });
    assert.deepEqual(readdirSync(into), []);
    for (const [, blob] of sizes) writeFileSync(blob, '{}');
    await assert.rejects(new Layout(path).find('damaged'), { name: 'LayoutError', message: /is damaged: sha256:/ });
    writeFileSync(join(path, 'index.json'), '{"manifests":[{"digest":"md5:1"}]}');
    await assert.rejects(new Layout(path).find('damaged'), /index\.json is not a document of an OCI layout.*sha256/s);
    await assert.rejects(openLayout(join(folder, 'nothing'), folder), /nothing cannot be read/);
    await assert.rejects(
      new LayoutImages([join(folder, 'nothing')], folder).find({ kind: 'k', reference: 'a', pull: false }),
      { name: 'ContainerStartError', message: /cannot get the image a: the layout .*nothing cannot be read/ },
    );
  });
});
