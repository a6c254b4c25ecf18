import { access, constants, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import * as z from 'zod';
import { within } from '../../process/within.js';
import { StoreError, type Stores } from '../ArtifactStore.js';
import type { KeptEntries } from '../KeptEntries.js';
import { Commits, type Durability } from './Commits.js';
import {
  ACCEPTED_FOLDER,
  checkData,
  checkDataBeside,
  claimFormat,
  DATA_FILE,
  readFormat,
  refuseNewer,
  removeLeftOvers,
  requireData,
  requireWritable,
  wasUsed,
} from './dataFolder.js';
import { EntryLog } from './EntryLog.js';
import { FileSpace } from './FileSpace.js';
import { LmdbStore } from './LmdbStore.js';
import type { Damage } from './segment.js';
import { closeFiles, closeFolder } from './privacy.js';
import { lockFolder, type FolderLock } from './lock.js';
import { codeOf, messageOf } from '../../errors/reasons.js';

/** The databases on disk, and the durable work of a server. */
export interface EmbeddedStores extends Stores {
  /** Accepted messages that are not handled yet. */
  readonly messages: KeptEntries;
  /** Accepted sequences, compositions and fired triggers that have not ended. */
  readonly runs: KeptEntries;
  /** The bytes of the databases' pages in use. The file may be larger. */
  usedBytes(): number;
  /** Whether the disk has not taken a write or confirmed accepted work in time, and still does not answer. */
  stuck(): boolean;
}

export interface EmbeddedOptions {
  /** The durability of a resolved write; missing: `disk`. */
  readonly durability?: Durability | undefined;
  /** Called for each failed write. */
  readonly onFailure?: ((error: Error) => void) | undefined;
  /** Called at the start for each file of accepted work with damaged lines. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** Whether the disk has space for a write; missing: every write is attempted. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/** Enough for three databases of three parts each. */
const MAX_DATABASES = 16;

/**
 * The size of the address range for the file's map (it takes no memory). With a smaller map, LMDB would map the file
 * again each time that it outgrows the map and keep the old maps, so that the process looks several times as large as
 * its data. That still happens beyond this size, and on Windows, where the file would get the size of the map.
 */
const MAP_BYTES = 16 * 1024 ** 3;
const mapsAtOnce = process.platform !== 'win32' && (process.arch === 'x64' || process.arch === 'arm64');

const CLOSE_MS = 2000;
/** The limit for the close: LMDB's close never ends after a failed commit, or if the disk hangs. */
const STUCK =
  `LMDB does not close within ${CLOSE_MS / 1000} s: a write failed earlier, or the disk does not answer. ` +
  'Everything that was acknowledged is on the disk.';

/**
 * Opens the three databases in `folder`. Creates a missing folder, readable only by this user.
 *
 * @throws StoreError with a one-line message if the folder is not writable or another server has it.
 */
export async function openEmbeddedStores(folder: string, options: EmbeddedOptions = {}): Promise<EmbeddedStores> {
  try {
    // The folder contains the users' keys.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK | constants.X_OK);
    await closeFolder(folder);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
  return openLocked(folder, await lockFolder(folder), 'server', options);
}

/**
 * Opens the databases of a server that may run at the same time, for administration.
 *
 * @throws StoreError if they do not exist or are not writable.
 */
export async function openStoresOfServer(folder: string): Promise<Stores> {
  try {
    await access(join(folder, DATA_FILE), constants.W_OK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw new StoreError(`${folder} does not contain a store`);
    throw cannotWrite(folder, error);
  }
  return openLocked(folder, { abandoned: false, release: async () => {} }, 'beside');
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
      if (wasUsed(folder)) requireData(folder);
      // A crash may come from a damaged page that only the check of all pages finds. The next start says so.
      checkData(folder, lock.abandoned);
      removeLeftOvers(folder);
    } else {
      requireData(folder);
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

/** Opens the three databases in a temporary folder, which is removed at the close. For tests. */
export async function openTemporaryStores(): Promise<EmbeddedStores> {
  const folder = await mkdtemp(join(tmpdir(), 'palette-whisk-'));
  const lock = { abandoned: false, release: () => rm(folder, { recursive: true, force: true }) };
  return openIn(folder, lock, { durability: 'process' }, 'temporary');
}

/** @param durable whether commits are written to the disk. @throws StoreError */
export function openEnvironment(folder: string, durable: boolean): RootDatabase<string, Buffer> {
  requireWritable(folder);
  try {
    return openLmdb(folder, durable);
  } catch (error) {
    throw new StoreError(`cannot open the store in ${folder}: ${messageOf(error)}`, { cause: error });
  }
}

function openLmdb(folder: string, durable: boolean): RootDatabase<string, Buffer> {
  return open<string, Buffer>({
    path: folder,
    // Without this, LMDB treats a folder with a dot in its name as a file.
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'string',
    maxDbs: MAX_DATABASES,
    ...(mapsAtOnce ? { mapSize: MAP_BYTES } : {}),
    // With this, a failed commit (a full disk) leaves an unhandled promise, which would end the process.
    eventTurnBatching: false,
    ...(durable ? {} : { noSync: true, overlappingSync: false }),
  });
}

async function openIn(
  folder: string,
  lock: FolderLock,
  { durability = 'disk', onFailure, onDamage, mayWrite }: EmbeddedOptions,
  kind: 'server' | 'beside' | 'temporary',
): Promise<EmbeddedStores> {
  const temporary = kind === 'temporary';
  const server = kind !== 'beside';
  const root = openEnvironment(folder, !temporary);
  const space = fileSpaceOf(root, join(folder, DATA_FILE));
  await roomToOpen(root, space);
  const commits = new Commits(root, durability, { onFailure, mayWrite, space });
  const whisks = await LmdbStore.open(root, 'whisks', commits);
  const activations = await LmdbStore.open(root, 'activations', commits);
  const subjects = await LmdbStore.open(root, 'subjects', commits);
  const accepted = server
    ? new EntryLog(join(folder, ACCEPTED_FOLDER), { durability, onFailure, onDamage })
    : undefined;
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([whisks.close(), activations.close(), subjects.close()]);
    const closed = Promise.all([root.close().then(() => space.close()), accepted?.close()]);
    const inTime = await within(
      closed.then(() => true),
      CLOSE_MS,
      () => false,
    );
    // With the lock kept until the process ends, the next start reads every page: a damaged one may be the reason.
    if (!inTime) throw new StoreError(STUCK);
    await lock.release();
  };
  return {
    whisks,
    activations,
    subjects,
    messages: accepted?.table('messages') ?? NO_ENTRIES,
    runs: accepted?.table('runs') ?? NO_ENTRIES,
    usedBytes: () => whisks.usedBytes() + activations.usedBytes() + subjects.usedBytes(),
    stuck: () => commits.stuck || (accepted?.stuck ?? false),
    close: () => (closing ??= close()),
  };
}

/** The space of an environment for its next writes. LMDB's lock for writes keeps other processes out while the file grows. */
function fileSpaceOf(root: RootDatabase<string, Buffer>, path: string): FileSpace {
  return new FileSpace({
    path,
    usedBytes: () => {
      const { pageSize, lastPageNumber } = environmentOf(root);
      return (lastPageNumber + 1) * pageSize;
    },
    alone: (action) => root.transaction(action),
  });
}

/** @throws where databases are missing and the disk has no space for them. All others are opened without a write, also on a full disk. */
async function roomToOpen(root: RootDatabase<string, Buffer>, space: FileSpace): Promise<void> {
  try {
    const granted = space.reserve(0);
    if (granted) {
      await within(granted, OPEN_MS, () => {
        throw new StoreError(`the disk or another process lets no write begin within ${OPEN_MS / 1000} s`);
      });
    }
  } catch (error) {
    if (environmentOf(root).entryCount < ALL_ENTRIES) throw error;
  }
}

/** Of the environment: nine tables, and the versions of the indexes of three databases. */
const ALL_ENTRIES = 12;
/** The limit for LMDB's lock and the first space at the start. */
const OPEN_MS = 30_000;

const environmentSchema = z.object({ pageSize: z.number(), lastPageNumber: z.number(), entryCount: z.number() });
const environmentOf = (root: RootDatabase<string, Buffer>): z.infer<typeof environmentSchema> =>
  environmentSchema.parse(root.getStats());

/** A table without entries, since administration does not touch a server's work. */
const NO_ENTRIES: KeptEntries = {
  put: () => Promise.reject(new StoreError('only a server accepts work')),
  remove: () => {},
  keys: () => [],
  list: () => [],
};
