import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configuredRuntimes } from '../../../../shared/runtimes/configured.js';

const CONFIG = {
  manifest: undefined,
  defaultImagePrefix: undefined,
  defaultImageTag: undefined,
  bypassPullForLocalImages: false,
  localImagePrefix: 'local',
};
const MANIFEST = JSON.stringify({
  runtimes: {
    a: [{ kind: 'a:1', default: true, image: { name: 'plain' } }],
    b: [{ kind: 'b:1', default: true, image: { name: 'full', prefix: 'mine', tag: '7' } }],
  },
});

describe('the manifest that a process was configured with', () => {
  it('is ours if none is named', () => {
    assert.ok(configuredRuntimes(CONFIG).kinds.size > 0);
  });

  it('is JSON, or in a file', () => {
    const kinds = (manifest: string): string[] => [...configuredRuntimes({ ...CONFIG, manifest }).kinds.keys()];
    assert.deepEqual(kinds(MANIFEST), ['a:1', 'b:1']);
    const folder = mkdtempSync(join(tmpdir(), 'manifest-'));
    const file = join(folder, 'runtimes.json');
    writeFileSync(file, MANIFEST);
    assert.deepEqual(kinds(`file:${file}`), ['a:1', 'b:1']);
    rmSync(folder, { recursive: true });
    assert.throws(() => kinds(`file:${file}`), /Cannot read the runtimes manifest/);
    assert.throws(() => kinds('{'), /The runtimes manifest is not JSON/);
  });

  it('is refused in one line that names the mistake', () => {
    for (const [manifest, mistake] of [
      ['{"runtimes":[]}', /^The runtimes manifest is not valid: runtimes: Invalid input: expected record/],
      ['[]', /^The runtimes manifest is not valid: Invalid input: expected object/],
      ['{', /^The runtimes manifest is not JSON: Expected property name/],
      ['file:/none/x.json', /^Cannot read the runtimes manifest \/none\/x\.json: ENOENT/],
      ['{"runtimes":{"a":[]}}', /^The runtimes manifest has no default kind for 'a'\.$/],
    ] as const) {
      assert.throws(
        () => configuredRuntimes({ ...CONFIG, manifest }),
        (error: Error) => {
          assert.equal(error.name, 'RuntimesManifestError');
          assert.match(error.message, mistake);
          assert.ok(!error.message.includes('\n'));
          return true;
        },
      );
    }
  });

  it('fills in prefix and tag of images that name none', () => {
    const runtimes = configuredRuntimes({
      ...CONFIG,
      manifest: MANIFEST,
      defaultImagePrefix: 'theirs',
      defaultImageTag: '3',
    });
    assert.deepEqual(
      [...runtimes.kinds.values()].map(({ reference }) => reference),
      ['theirs/plain:3', 'mine/full:7'],
    );
  });
});
