import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ImageSource } from '../../../../../invoker/containers/oci/images/ImageSource.js';
import { RootFilesystems } from '../../../../../invoker/containers/oci/RootFilesystems.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';

const NOW = Date.UTC(2030, 0, 1);
const [MINUTE, DAY] = [60_000, 24 * 3_600_000];
const id = (digit: string): string => digit.repeat(64);

describe('unpacked images', () => {
  let data: string;
  beforeEach(() => (data = mkdtempSync(join(tmpdir(), 'pw-roots-'))));
  afterEach(() => rmSync(data, { recursive: true }));

  /** An unpacked image that was used at this age, in ms. */
  function image(folder: string, name: string, age: number): void {
    mkdirSync(join(data, folder, name, 'rootfs'), { recursive: true });
    utimesSync(join(data, folder, name), new Date(NOW - age), new Date(NOW - age));
  }
  /** Removes what is not needed. @returns the ids that the source was asked about. */
  async function prune(has: (name: string) => boolean, inUse: readonly string[] = []): Promise<string[]> {
    const asked: string[] = [];
    const source: ImageSource = {
      find: async () => undefined,
      has: async (name) => asked.push(name) > 0 && has(name),
      removeLeftovers: async () => undefined,
    };
    const roots = new RootFilesystems({ sources: [source], log: silentLogger, data, firstUser: 70_000 });
    await roots.prune(new Set(inUse), NOW);
    return asked;
  }
  const left = (folder: string): string[] => readdirSync(join(data, folder)).toSorted();

  it('are removed if no source has them and no container uses them, or a week after their last use', async () => {
    image('images-70000', id('a'), 9 * MINUTE);
    image('images-70000', id('b'), 11 * MINUTE);
    image('images-70000', id('c'), 11 * MINUTE);
    image('images-70000', id('d'), 8 * DAY);
    image('images-70000', id('e'), 8 * DAY);
    const asked = await prune((name) => name === id('c'), [id('e')]);
    assert.deepEqual(left('images-70000'), [id('a'), id('c'), id('e')]);
    assert.deepEqual(asked.toSorted(), [id('b'), id('c')]);
  });

  it('are removed also if they have other owners than those of the settings, and nothing else is', async () => {
    for (const folder of ['images', 'images-80000', 'images-other', 'owners']) {
      image(folder, id('a'), 8 * DAY);
      image(folder, id('b'), DAY);
    }
    writeFileSync(join(data, 'images-90000'), 'no folder');
    await prune(() => true);
    assert.deepEqual(['images', 'images-80000'].map(left), [[id('b')], [id('b')]]);
    assert.deepEqual(['images-other', 'owners'].map(left), [
      [id('a'), id('b')],
      [id('a'), id('b')],
    ]);
  });

  it('leave no folder of a mapping behind when the last of them is removed', async () => {
    image('images-70000', id('a'), 8 * DAY);
    image('images-80000', id('a'), 8 * DAY);
    image('images-90000', id('a'), 8 * DAY);
    image('images-90000', id('b'), MINUTE);
    await prune(() => false);
    assert.deepEqual(readdirSync(data), ['images-90000']);
    assert.deepEqual(left('images-90000'), [id('b')]);
  });

  it('are unpacked into a folder that was removed meanwhile', async () => {
    const source: ImageSource = {
      find: async () => ({
        id: id('a'),
        name: 'an image',
        config: { Cmd: ['/run'] },
        unpack: async (folder) => writeFileSync(join(folder, 'file'), ''),
      }),
      has: async () => true,
      removeLeftovers: async () => undefined,
    };
    const roots = new RootFilesystems({ sources: [source], log: silentLogger, data, firstUser: undefined });
    const wanted = { kind: 'k', reference: 'r', pull: false };
    const first = await roots.of(wanted);
    rmSync(join(data, 'images'), { recursive: true });
    assert.deepEqual(await roots.of(wanted), first);
    assert.deepEqual(readdirSync(first.folder), ['file']);
  });

  it('that a killed start did not finish are removed after an hour, also if a source may have any image', async () => {
    image('images-70000', 'part-new', 59 * MINUTE);
    image('images-70000', 'part-old', 61 * MINUTE);
    assert.deepEqual(await prune(() => true), []);
    assert.deepEqual(left('images-70000'), ['part-new']);
  });
});
