import fileSystem from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../ArtifactStore.js';
import { codeOf, messageOf } from '../../errors/reasons.js';

/*
 * The keys of users are in the store, so that nobody else may read it, also where the folder was made by another
 * program, or by an earlier version.
 */

const FILES = ['data.mdb', 'lock.mdb'];
/** What a folder may have beside them and still be the store's own. */
const OURS = new Set([...FILES, 'in-use.sock', 'lost+found', 'accepted', 'format.json', 'compacted']);
const JOURNAL = /^invoker\d+\.begun/;
const OTHERS = 0o077;

/** The calls that change modes; a test may let them fail. */
type Files = Pick<typeof fileSystem, 'stat' | 'readdir' | 'chmod'>;

/**
 * Closes a folder to other users (0700). A folder that holds other files too, such as a home or `/tmp`, is not the store's to
 * close: there the modes of the files protect it. So they do where the folder belongs to another user.
 */
export async function closeFolder(folder: string, { stat, readdir, chmod }: Files = fileSystem): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & OTHERS) === 0) return;
  if ((await readdir(folder)).some((name) => !OURS.has(name) && !JOURNAL.test(name))) return;
  await chmod(folder, 0o700).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPERM') throw error;
  });
}

/** Closes the store's files to other users (0600). @throws StoreError where this user may not, and others may read one. */
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
