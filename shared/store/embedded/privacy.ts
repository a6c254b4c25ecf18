import fileSystem from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../ArtifactStore.js';
import { codeOf, messageOf } from '../../errors/reasons.js';

/*
 * The store contains users' keys, so other users of the machine must not read it, even if another program or an earlier
 * version created the folder.
 */

const FILES = ['data.mdb', 'lock.mdb'];
/** Files that the store's own folder may contain. */
const OURS = new Set([...FILES, 'in-use.sock', 'lost+found', 'accepted', 'format.json', 'compacted', 'data.mdb.new']);
const OUR_PATTERNS = [/^invoker\d+\.begun/, /^data\.mdb\.before-restore-/];
const isOurs = (name: string): boolean => OURS.has(name) || OUR_PATTERNS.some((pattern) => pattern.test(name));
const OTHERS = 0o077;

/** The calls that change modes; a test may let them fail. */
type Files = Pick<typeof fileSystem, 'stat' | 'readdir' | 'chmod'>;

/**
 * Closes a folder to other users (mode 0700). Leaves a folder with other files, such as a home or `/tmp`, and a folder
 * of another user: there the modes of the files protect the store.
 */
export async function closeFolder(folder: string, { stat, readdir, chmod }: Files = fileSystem): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & OTHERS) === 0) return;
  if ((await readdir(folder)).some((name) => !isOurs(name))) return;
  await chmod(folder, 0o700).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error;
  });
}

/** Closes the store's files to other users (0600). @throws StoreError if that fails for a file that others may read. */
export async function closeFiles(folder: string, { stat, chmod }: Files = fileSystem): Promise<void> {
  for (const name of FILES) {
    const file = join(folder, name);
    try {
      const { mode } = await stat(file);
      if ((mode & OTHERS) !== 0) await chmod(file, 0o600);
    } catch (error) {
      throw new StoreError(
        `cannot close ${file} to other users, and the users' keys are in it: ${codeOf(error) ?? messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }
}
