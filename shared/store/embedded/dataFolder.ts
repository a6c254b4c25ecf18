import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { programVersion } from '../../process/version.js';
import { StoreError } from '../ArtifactStore.js';
import { checkLmdbFile, DamagedFileError, type Findings } from './lmdbFile.js';

/** The name of LMDB's file in a folder. */
export const DATA_FILE = 'data.mdb';
const FORMAT_FILE = 'format.json';

/**
 * The format of a data folder. To be increased when older programs cannot use a newer folder; a newer program upgrades
 * older folders. 1: the first format with this file (0: earlier folders, which differ only in the missing file).
 */
export const FORMAT = 1;

export interface FolderFormat {
  readonly format: number;
  /** The version of the last program that used the folder. */
  readonly program: string;
}

const formatSchema = z.object({ format: z.int().min(0), program: z.string() });

/** The format of a folder; undefined for a folder without data. @throws StoreError if the file is damaged */
export function readFormat(folder: string): FolderFormat | undefined {
  const path = join(folder, FORMAT_FILE);
  if (!existsSync(path)) return existsSync(join(folder, DATA_FILE)) ? { format: 0, program: 'before 0.2' } : undefined;
  try {
    return formatSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    const text = `${path} is damaged. Where the folder is of this version, write {"format":${FORMAT},"program":"${programVersion()}"} into it`;
    throw new StoreError(text, { cause: error });
  }
}

/** @throws StoreError if a newer program wrote the folder. */
export function refuseNewer(folder: string, { format, program }: FolderFormat): void {
  if (format <= FORMAT) return;
  throw new StoreError(
    `the data folder ${folder} has format ${format}, written by version ${program}; this is version ${programVersion()}, which knows formats up to ${FORMAT}. Use version ${program} or newer, or another folder with --data`,
  );
}

/**
 * Writes this program's format to the folder. To be called before all other writes.
 * @throws StoreError if a newer program wrote the folder.
 */
export function claimFormat(folder: string): void {
  const found = readFormat(folder);
  const program = programVersion();
  if (found) refuseNewer(folder, found);
  if (found?.format === FORMAT && found.program === program) return;
  const path = join(folder, FORMAT_FILE);
  writeFileSync(`${path}.new`, `${JSON.stringify({ format: FORMAT, program })}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/**
 * Like `checkData`, while a server writes the file. A page that the server reuses during the check looks damaged, but
 * not three times in a row.
 */
export function checkDataBeside(folder: string): void {
  for (let attempt = 1; ; attempt++) {
    try {
      checkData(folder);
      return;
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/**
 * Checks the folder's data file for damage before it is mapped.
 * @param leaves see `checkLmdbFile`
 * @throws StoreError that explains what to do.
 */
export function checkData(folder: string, leaves = false): Findings | undefined {
  const path = join(folder, DATA_FILE);
  if (!existsSync(path)) return undefined;
  try {
    return checkLmdbFile(path, { leaves });
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error;
    throw new StoreError(
      `${path} is damaged: ${error.message}. Restore a backup: npm run admin -- --data ${folder} data restore BACKUP (it keeps the damaged file), or start with another folder: --data`,
      { cause: error },
    );
  }
}
