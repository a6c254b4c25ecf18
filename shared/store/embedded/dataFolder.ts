import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { programVersion } from '../../process/version.js';
import { StoreError } from '../ArtifactStore.js';
import { checkLmdbFile, DamagedFileError, type Findings } from './LmdbFile.js';

/** What LMDB calls its file in a folder. */
export const DATA_FILE = 'data.mdb';
const FORMAT_FILE = 'format.json';

/**
 * The version of what is in a data folder. Raised when an older program cannot use a newer folder; a newer program upgrades
 * an older one. 1: the first one that says so. (0: earlier folders, which are the same but for the file.)
 */
export const FORMAT = 1;

export interface FolderFormat {
  readonly format: number;
  /** The version of the program that used the folder last. */
  readonly program: string;
}

const formatSchema = z.object({ format: z.int().min(0), program: z.string() });

/** The format of a folder; undefined where it has no data. @throws StoreError where the file that says so is damaged */
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

/** @throws StoreError where a newer program wrote the folder. */
export function refuseNewer(folder: string, { format, program }: FolderFormat): void {
  if (format <= FORMAT) return;
  throw new StoreError(
    `the data folder ${folder} has format ${format}, written by version ${program}; this is version ${programVersion()}, which knows formats up to ${FORMAT}. Use version ${program} or newer, or another folder with --data`,
  );
}

/**
 * Says in the folder that it has this program's format. To be called before anything is written into it.
 * @throws StoreError where a newer program wrote the folder.
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
 * `checkData` beside a server that writes the file: a page that it used again in the middle of the check looks damaged, but not
 * three times in a row.
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
 * Looks for damage in the folder's data file before it is mapped.
 * @param leaves see `checkLmdbFile`
 * @throws StoreError that says what to do.
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
