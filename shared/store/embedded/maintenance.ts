import { chmod, copyFile, link, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../ArtifactStore.js';
import {
  checkAccepted,
  checkData,
  checkDataBeside,
  claimFormat,
  compactedFolder,
  DATA_FILE,
  freshFile,
  LOCK_FILE,
  readFormat,
  refuseNewer,
  requireData,
  type FolderFormat,
} from './dataFolder.js';
import type { Findings } from './lmdbFile.js';
import { lockFolder, userOf } from './lock.js';
import { openEnvironment } from './open.js';
import { closeFolder } from './privacy.js';
import { messageOf } from '../../errors/reasons.js';

/* Operations on a whole data folder. Each throws a StoreError with one line that explains the failure. */

export interface Checked extends Findings {
  readonly format: FolderFormat;
}

/** Checks every page in use, and the log of accepted work. The folder's server may run. */
export async function checkFolder(folder: string): Promise<Checked> {
  const format = existing(folder);
  checkDataBeside(folder);
  // A read transaction prevents the server from reusing the pages.
  const root = openEnvironment(folder, true);
  const transaction = root.useReadTransaction();
  try {
    const findings = checkData(folder, true);
    if (!findings) throw new StoreError(`${folder} does not contain a store`);
    checkAccepted(folder);
    return { ...findings, format };
  } finally {
    transaction.done();
    await root.close();
  }
}

/**
 * Copies a snapshot of a folder's databases into the new folder `target`. The folder's server may run. Accepted work is
 * not copied, since the server finishes it. @returns the size of the copy in bytes
 */
export async function backupFolder(folder: string, target: string): Promise<number> {
  existing(folder);
  checkDataBeside(folder);
  await newFolder(target);
  const root = openEnvironment(folder, true);
  const copy = join(target, DATA_FILE);
  try {
    await root.backup(target, true);
    // The users' keys are in it.
    await chmod(copy, 0o600);
    await flush(copy);
  } catch (error) {
    await rm(copy, { force: true });
    throw new StoreError(`the backup to ${target} failed: ${messageOf(error)}`, { cause: error });
  } finally {
    await root.close();
  }
  claimFormat(target);
  checkData(target, true);
  return (await stat(copy)).size;
}

/**
 * Replaces a folder's databases by a backup. No server may use the folder or the backup.
 * @returns the new path of the replaced data file; undefined if there was no data file.
 */
export async function restoreFolder(folder: string, backup: string, now: Date): Promise<string | undefined> {
  existing(backup);
  const user = await userOf(backup);
  // A copy of a file that a server writes could be a mixture of its states.
  if (user !== undefined) {
    throw new StoreError(`a server uses ${backup} (process ${user}): make a copy of it with data backup first`);
  }
  checkData(backup, true);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(folder);
  try {
    claimFormat(folder);
    const path = join(folder, DATA_FILE);
    const fresh = freshFile(folder);
    await copyFile(join(backup, DATA_FILE), fresh).catch(async (error: unknown) => {
      await rm(fresh, { force: true });
      throw new StoreError(`cannot copy ${backup} to ${folder}: ${messageOf(error)}`, { cause: error });
    });
    await chmod(fresh, 0o600);
    const kept = `${path}.before-restore-${now.toISOString().replaceAll(/[:.]/g, '-')}`;
    const had = await exists(path);
    if (had) await keep(path, kept);
    await putData(folder, fresh);
    return had ? kept : undefined;
  } finally {
    await lock.release();
  }
}

/**
 * Rewrites the data file without free pages. No server may use the folder.
 * @returns the sizes before and after in bytes
 */
export async function compactFolder(folder: string): Promise<{ readonly before: number; readonly after: number }> {
  existing(folder);
  const lock = await lockFolder(folder);
  const copy = compactedFolder(folder);
  try {
    await rm(copy, { recursive: true, force: true });
    const before = (await stat(join(folder, DATA_FILE))).size;
    const after = await backupFolder(folder, copy);
    await putData(folder, join(copy, DATA_FILE));
    return { before, after };
  } finally {
    await rm(copy, { recursive: true, force: true });
    await lock.release();
  }
}

/** Gives a file a second name, so that a kill at any moment leaves a data file. */
async function keep(path: string, name: string): Promise<void> {
  // Some file systems have no links.
  await link(path, name).catch(() => rename(path, name));
}

/** Puts a new file in the place of the data file, at once, and durably. */
async function putData(folder: string, fresh: string): Promise<void> {
  await flush(fresh);
  await rm(join(folder, LOCK_FILE), { force: true });
  await rename(fresh, join(folder, DATA_FILE));
  await flush(folder);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** @throws StoreError for a folder without a store, or of a newer program, whose copy would look like one of this program. */
function existing(folder: string): FolderFormat {
  const format = readFormat(folder);
  if (!format) throw new StoreError(`${folder} does not contain a store`);
  refuseNewer(folder, format);
  requireData(folder);
  return format;
}

async function newFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length > 0) throw new StoreError(`${folder} is not empty: name a new folder`);
    await closeFolder(folder);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError(`cannot write to ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
