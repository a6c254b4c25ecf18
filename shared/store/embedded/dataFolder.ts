import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { programVersion } from '../../process/version.js';
import { StoreError } from '../ArtifactStore.js';
import { codeOf } from '../../errors/reasons.js';
import { damageIn, type Damage } from './segment.js';
import { checkLmdbFile, DamagedFileError, type Findings } from './lmdbFile.js';

/** The name of LMDB's file in a folder. */
export const DATA_FILE = 'data.mdb';
/** The name of LMDB's table of readers in a folder. */
export const LOCK_FILE = 'lock.mdb';
/** The folder of accepted work in a folder. */
export const ACCEPTED_FOLDER = 'accepted';
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

/** The format of a folder; undefined for a folder without data. @throws StoreError if the file is damaged or not readable */
export function readFormat(folder: string): FolderFormat | undefined {
  const path = join(folder, FORMAT_FILE);
  if (!existsSync(path)) return existsSync(join(folder, DATA_FILE)) ? { format: 0, program: 'before 0.2' } : undefined;
  try {
    return formatSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if (codeOf(error) !== undefined) throw cannotOpen(path, error);
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
 * Checks that the data file exists and is not empty: LMDB would begin with an empty one.
 * @throws StoreError that explains what to do.
 */
export function requireData(folder: string): void {
  const path = join(folder, DATA_FILE);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size !== undefined && size > 0) return;
  const state = size === undefined ? 'is missing' : 'is empty';
  const left = otherDataFiles(folder);
  const found = left.length > 0 ? ` The folder has ${left.join(', ')}.` : '';
  throw new StoreError(`${path} ${state}.${found} ${remedy(folder)}`);
}

/**
 * Whether the folder had databases, or was to get them: a server opens its own before the log of accepted work, and a restore into
 * a new folder may have been killed.
 */
export const wasUsed = (folder: string): boolean =>
  existsSync(join(folder, ACCEPTED_FOLDER)) || otherDataFiles(folder).length > 0;

const otherDataFiles = (folder: string): string[] =>
  (existsSync(folder) ? readdirSync(folder) : []).filter((name) => name.startsWith(`${DATA_FILE}.`));

/**
 * Checks that this process may write LMDB's files: LMDB ends the process with a signal if it cannot open one.
 * @throws StoreError
 */
export function requireWritable(folder: string): void {
  for (const path of [join(folder, DATA_FILE), join(folder, LOCK_FILE)]) {
    try {
      closeSync(openSync(path, 'r+'));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw cannotOpen(path, error);
    }
  }
}

/** Where a compaction writes. */
export const compactedFolder = (folder: string): string => join(folder, 'compacted');
/** Where a restore writes. */
export const freshFile = (folder: string): string => join(folder, `${DATA_FILE}.new`);

/** Removes what a restore or a compaction left that was killed. To be called with the lock of the folder. */
export function removeLeftOvers(folder: string): void {
  rmSync(compactedFolder(folder), { recursive: true, force: true });
  rmSync(freshFile(folder), { force: true });
}

const cannotOpen = (path: string, error: unknown): StoreError =>
  new StoreError(`cannot open ${path}: ${codeOf(error) ?? String(error)}`, { cause: error });

const remedy = (folder: string): string =>
  `Restore a backup: npm run admin -- --data ${folder} data restore BACKUP (it keeps a damaged file), or start with another folder: --data`;

/**
 * Like `checkData`, while a server writes the file. A page that the server reuses during the check looks damaged, but
 * not three times in a row.
 */
export function checkDataBeside(folder: string): void {
  inThreeAttempts(() => checkData(folder));
}

/**
 * Checks the log of accepted work, which a server may write. A line that is written during the check may look damaged.
 * @throws StoreError
 */
export function checkAccepted(folder: string): void {
  const accepted = join(folder, ACCEPTED_FOLDER);
  if (!existsSync(accepted)) return;
  inThreeAttempts(() => {
    const [first] = damageIn(accepted);
    if (first) throw new StoreError(damageText(first));
  });
}

export const damageText = ({ path, bytes }: Damage): string =>
  `${path} has ${bytes} damaged bytes: the accepted work in them cannot be read. All other work in it is used`;

function inThreeAttempts(check: () => void): void {
  for (let attempt = 1; ; attempt++) {
    try {
      check();
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
    throw new StoreError(`${path} is damaged: ${error.message}. ${remedy(folder)}`, { cause: error });
  }
}
