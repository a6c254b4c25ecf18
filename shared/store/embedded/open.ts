import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { within } from '../../process/within.js';
import { StoreError, type Stores } from '../ArtifactStore.js';
import type { KeptEntries } from '../KeptEntries.js';
import { Commits, type Durability } from './commits.js';
import { checkData, checkDataBeside, claimFormat, DATA_FILE, readFormat, refuseNewer } from './dataFolder.js';
import { EntryLog } from './EntryLog.js';
import { LmdbStore } from './LmdbStore.js';
import { closeFiles, closeFolder } from './privacy.js';
import { lockFolder, type FolderLock } from './lock.js';
import { codeOf, messageOf } from '../../errors/reasons.js';

/** The databases on disk, and what of a server's work outlives it. */
export interface EmbeddedStores extends Stores {
  /** Messages that were accepted and not handled. */
  readonly messages: KeptEntries;
  /** Sequences, compositions and fired triggers that were accepted and have not ended. */
  readonly runs: KeptEntries;
  /** The bytes of the databases' pages in use; the file may be larger. */
  usedBytes(): number;
}

export interface EmbeddedOptions {
  /** What a promise of a write stands for; missing: `disk`. */
  readonly durability?: Durability | undefined;
  /** Called at each write that LMDB could not do. */
  readonly onFailure?: ((error: Error) => void) | undefined;
  /** Whether the disk has room for any write; missing: it is tried. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/** Enough for three databases of three parts each. */
const MAX_DATABASES = 16;

/**
 * Addresses that the file is mapped into at once (no memory). Otherwise LMDB maps it anew each time it has outgrown its
 * map, and keeps the old maps with their pages: the process looks several times as large as its data. Beyond this size,
 * and on Windows, where the file would be made that large, it does so nevertheless.
 */
const MAP_BYTES = 16 * 1024 ** 3;
const mapsAtOnce = process.platform !== 'win32' && (process.arch === 'x64' || process.arch === 'arm64');

const CLOSE_MS = 2000;
/** LMDB waits for ever after a commit that failed, or where the disk does not answer. */
const STUCK =
  `LMDB does not close within ${CLOSE_MS / 1000} s: a write failed earlier, or the disk does not answer. ` +
  'Everything that was acknowledged is on the disk.';

/**
 * The three databases on disk in `folder`, which is made where it is missing, and readable by this user alone.
 *
 * @throws StoreError with one clear line where the folder cannot be written or another server has it.
 */
export async function openEmbeddedStores(folder: string, options: EmbeddedOptions = {}): Promise<EmbeddedStores> {
  try {
    // The users' keys are in it.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK | constants.X_OK);
    await closeFolder(folder);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
  return openLocked(folder, await lockFolder(folder), 'server', options);
}

/**
 * The databases of a server that may be running: another process reads and writes them besides it. For administration.
 *
 * @throws StoreError where there are none, or they cannot be written.
 */
export async function openStoresOfServer(folder: string): Promise<Stores> {
  try {
    await access(join(folder, DATA_FILE), constants.W_OK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new StoreError(`there is no store in ${folder}`);
    throw cannotWrite(folder, error);
  }
  return openLocked(folder, { release: async () => {} }, 'beside');
}

async function openLocked(
  folder: string,
  lock: FolderLock,
  kind: 'server' | 'beside',
  options: EmbeddedOptions = {},
): Promise<EmbeddedStores> {
  try {
    if (kind === 'server') {
      claimFormat(folder);
      checkData(folder);
    } else {
      refuseNewer(folder, readFormat(folder) ?? { format: 0, program: '' });
      checkDataBeside(folder);
    }
    const stores = await openIn(folder, lock, options, kind);
    await closeFiles(folder).catch(async (error: unknown) => {
      await stores.close();
      throw error;
    });
    return stores;
  } catch (error) {
    await lock.release();
    if (error instanceof StoreError) throw error;
    throw new StoreError(`cannot open the store in ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function cannotWrite(folder: string, error: unknown): StoreError {
  const code = codeOf(error) ?? String(error);
  return new StoreError(`cannot write to the data folder ${folder}: ${code}`, { cause: error });
}

/** Where accepted work is kept, in the data folder. */
const ACCEPTED_FOLDER = 'accepted';

/** The three databases in a folder of their own under the system's temporary folder; closing them removes it. For tests. */
export async function openTemporaryStores(): Promise<EmbeddedStores> {
  const folder = await mkdtemp(join(tmpdir(), 'palette-whisk-'));
  const lock = { release: () => rm(folder, { recursive: true, force: true }) };
  return openIn(folder, lock, { durability: 'process' }, 'temporary');
}

/** @param durable whether its commits reach the disk at all. */
export function openEnvironment(folder: string, durable: boolean): RootDatabase<string, Buffer> {
  return open<string, Buffer>({
    path: folder,
    // Without this a folder with a dot in its name is taken for a file.
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'string',
    maxDbs: MAX_DATABASES,
    ...(mapsAtOnce ? { mapSize: MAP_BYTES } : {}),
    // With it, a commit that fails (a full disk) leaves a promise that nobody can handle, which would end the process.
    eventTurnBatching: false,
    ...(durable ? {} : { noSync: true, overlappingSync: false }),
  });
}

async function openIn(
  folder: string,
  lock: FolderLock,
  { durability = 'disk', onFailure, mayWrite }: EmbeddedOptions,
  kind: 'server' | 'beside' | 'temporary',
): Promise<EmbeddedStores> {
  const temporary = kind === 'temporary';
  const server = kind !== 'beside';
  const root = openEnvironment(folder, !temporary);
  const commits = new Commits(root, durability, { onFailure, mayWrite });
  const whisks = await LmdbStore.open(root, 'whisks', commits);
  const activations = await LmdbStore.open(root, 'activations', commits);
  const subjects = await LmdbStore.open(root, 'subjects', commits);
  const accepted = server ? new EntryLog(join(folder, ACCEPTED_FOLDER), { durability, onFailure }) : undefined;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([whisks.close(), activations.close(), subjects.close()]);
    const inTime = await within(
      root.close().then(() => true),
      CLOSE_MS,
      () => false,
    );
    await accepted?.close();
    await lock.release();
    if (!inTime) throw new StoreError(STUCK);
  };
  return {
    whisks,
    activations,
    subjects,
    messages: accepted?.table('messages') ?? NO_ENTRIES,
    runs: accepted?.table('runs') ?? NO_ENTRIES,
    usedBytes: () => whisks.usedBytes() + activations.usedBytes() + subjects.usedBytes(),
    close: () => (closing ??= close()),
  };
}

/** Administration beside a server leaves its work alone. */
const NO_ENTRIES: KeptEntries = {
  put: () => Promise.reject(new StoreError('only a server accepts work')),
  remove: () => {},
  keys: () => [],
  list: () => [],
};
