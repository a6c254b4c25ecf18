import assert from 'node:assert/strict';
import fileSystem from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreError } from '../../../../../shared/store/ArtifactStore.js';
import { closeFiles, closeFolder } from '../../../../../shared/store/embedded/privacy.js';

const { chmod, mkdtemp, rm, stat, writeFile } = fileSystem;
const failing = (code: string) => ({
  ...fileSystem,
  chmod: () => Promise.reject(Object.assign(new Error(code), { code })),
});

describe('the privacy of the store', () => {
  let folder: string;
  const modeOf = async (...path: string[]): Promise<number> => (await stat(join(folder, ...path))).mode & 0o777;
  const write = async (mode: number, ...names: string[]): Promise<void> => {
    for (const name of names) {
      await writeFile(join(folder, name), '');
      await chmod(join(folder, name), mode);
    }
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'palette-whisk-privacy-'));
    await chmod(folder, 0o755);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("closes the store's own folder to other users, with whatever the server writes there", async () => {
    await write(0o644, 'data.mdb', 'lock.mdb', 'accepted', 'format.json', 'compacted', 'invoker12.begun');
    await closeFolder(folder);
    assert.equal(await modeOf(), 0o700);
  });

  it('leaves a folder as it is that holds the files of other programs, or is closed already', async () => {
    await write(0o644, 'data.mdb', 'invoker.begun');
    await closeFolder(folder);
    assert.equal(await modeOf(), 0o755);
    await rm(join(folder, 'invoker.begun'));
    await chmod(folder, 0o500);
    await closeFolder(folder);
    assert.equal(await modeOf(), 0o500);
  });

  it('leaves the folder of another user open: the modes of the files protect the keys', async () => {
    await closeFolder(folder, failing('EPERM'));
    assert.equal(await modeOf(), 0o755);
  });

  it('says why a folder could not be closed otherwise', async () => {
    await assert.rejects(closeFolder(folder, failing('EROFS')), { code: 'EROFS' });
  });

  it('closes both files of the store to other users, and touches no other file', async () => {
    await write(0o644, 'data.mdb', 'lock.mdb', 'foreign');
    await closeFiles(folder);
    assert.deepEqual(
      await Promise.all(['data.mdb', 'lock.mdb', 'foreign'].map((name) => modeOf(name))),
      [0o600, 0o600, 0o644],
    );
  });

  it('leaves files alone that only their owner may read, even if it may not change their modes', async () => {
    await write(0o400, 'data.mdb', 'lock.mdb');
    await closeFiles(folder, failing('EPERM'));
    assert.deepEqual([await modeOf('data.mdb'), await modeOf('lock.mdb')], [0o400, 0o400]);
  });

  it('refuses to start with a file that others may read and that it may not protect, and names the file', async () => {
    await write(0o604, 'data.mdb', 'lock.mdb');
    await assert.rejects(closeFiles(folder, failing('EPERM')), (error: Error) => {
      assert.ok(error instanceof StoreError);
      assert.match(error.message, new RegExp(`^cannot close ${join(folder, 'data.mdb')} to other users.*EPERM$`));
      return true;
    });
  });

  it('refuses to start without a file of the store', async () => {
    await write(0o600, 'data.mdb');
    await assert.rejects(closeFiles(folder), (error: Error) => {
      assert.ok(error instanceof StoreError);
      assert.match(error.message, /lock\.mdb.*ENOENT$/);
      return true;
    });
  });
});
