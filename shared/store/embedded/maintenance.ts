import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../ArtifactStore.js';
import {
  checkData,
  checkDataBeside,
  claimFormat,
  DATA_FILE,
  readFormat,
  refuseNewer,
  type FolderFormat,
} from './dataFolder.js';
import type { Findings } from './lmdbFile.js';
import { lockFolder } from './lock.js';
import { openEnvironment } from './open.js';
import { messageOf } from '../../errors/reasons.js';

/* Operations on a whole data folder. Each throws a StoreError with one line that explains the failure. */

export interface Checked extends Findings {
  readonly format: FolderFormat;
}

/** Checks every page in use. The folder's server may run. */
export async function checkFolder(folder: string): Promise<Checked> {
  const format = existing(folder);
  checkDataBeside(folder);
  // A read transaction prevents the server from reusing the pages.
  const root = openEnvironment(folder, true);
  const transaction = root.useReadTransaction();
  try {
    const findings = checkData(folder, true);
    if (!findings) throw new StoreError(`${folder} does not contain a store`);
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
  try {
    await root.backup(target, true);
  } catch (error) {
    throw new StoreError(`the backup to ${target} failed: ${messageOf(error)}`, { cause: error });
  } finally {
    await root.close();
  }
  claimFormat(target);
  checkData(target, true);
  return (await stat(join(target, DATA_FILE))).size;
}

/**
 * Replaces a folder's databases by a backup. No server may use the folder.
 * @returns the new path of the replaced data file; undefined if there was no data file.
 */
export async function restoreFolder(folder: string, backup: string, now: Date): Promise<string | undefined> {
  refuseNewer(backup, existing(backup));
  checkData(backup, true);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(folder);
  try {
    const path = join(folder, DATA_FILE);
    await copyFile(join(backup, DATA_FILE), `${path}.new`);
    let kept: string | undefined;
    if (await exists(path)) {
      kept = `${path}.before-restore-${now.toISOString().replaceAll(/[:.]/g, '-')}`;
      await rename(path, kept);
    }
    await rm(join(folder, 'lock.mdb'), { force: true });
    await rename(`${path}.new`, path);
    claimFormat(folder);
    return kept;
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
  try {
    const path = join(folder, DATA_FILE);
    const copy = join(folder, 'compacted');
    await rm(copy, { recursive: true, force: true });
    const before = (await stat(path)).size;
    const after = await backupFolder(folder, copy);
    await rename(join(copy, DATA_FILE), path);
    await rm(join(folder, 'lock.mdb'), { force: true });
    await rm(copy, { recursive: true, force: true });
    return { before, after };
  } finally {
    await lock.release();
  }
}

function existing(folder: string): FolderFormat {
  const format = readFormat(folder);
  if (!format) throw new StoreError(`${folder} does not contain a store`);
  return format;
}

async function newFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if ((await readdir(folder)).length > 0) throw new StoreError(`${folder} is not empty: name a new folder`);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );
