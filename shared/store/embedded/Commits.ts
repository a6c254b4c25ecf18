import type { RootDatabase } from 'lmdb';
import { within } from '../../process/within.js';
import { RefusedByStoreError, StoreFullError, StoreUnavailableError } from '../ArtifactStore.js';
import { meansFull } from './DiskSpace.js';
import type { FileSpace } from './FileSpace.js';
import { LateDiskError } from './LateDiskError.js';
import { DISK_MS } from './SharedFlush.js';

/**
 * The durability of a resolved write. `disk`: it survives a power failure; `process`: it survives a kill of the
 * process.
 */
export type Durability = 'disk' | 'process';

/*
 * The states of a write:
 *
 *   waiting → taken     LMDB has committed it
 *           → late      LMDB has not committed it within the limit: it fails for its caller
 *           → failed    LMDB could not commit it
 *   taken   → durable   the flush has ended, or the durability needs none
 *           → failed    the flush failed, or had no answer within its limit
 *   late    → over      LMDB has committed it after all, or could not
 *
 * A late write stays in LMDB's queue. While one is late, no other write starts: retries of the same records would fill the queue.
 */

const FULL_DISK = 'The disk of the data folder is full.';

/** The limit for a commit, in ms. Larger than that for a flush, since writes wait for those before them. */
const COMMIT_MS = 30_000;

export interface CommitOptions {
  /** Called for each failed write. */
  readonly onFailure?: ((error: Error) => void) | undefined;
  /** Called before each write. If it returns false, the write fails at once. */
  readonly mayWrite?: (() => boolean) | undefined;
  /** The limit for a commit, in ms. A commit after it still takes effect. */
  readonly commitMs?: number | undefined;
  /** Has space in the file before a write begins; missing: the disk is not asked. */
  readonly space?: Pick<FileSpace, 'reserve' | 'release'> | undefined;
  /** The limit for a flush after the commit, in ms. LMDB's promise never settles if a later commit has failed. */
  readonly flushMs?: number | undefined;
}

interface Begun<T> {
  readonly answer: T;
  readonly flushed: Promise<void> | undefined;
}

/**
 * The writes of an LMDB environment. LMDB groups waiting writes into one commit. A promise resolves when its commit has
 * the configured durability.
 */
export class Commits {
  readonly #root: Pick<RootDatabase<string, Buffer>, 'flushed'>;
  readonly #durability: Durability;
  readonly #onFailure: (error: Error) => void;
  readonly #mayWrite: () => boolean;
  readonly #space: Pick<FileSpace, 'reserve' | 'release'> | undefined;
  readonly #commitMs: number;
  readonly #flushMs: number;
  readonly #underWay = new Set<Promise<unknown>>();
  /** The number of late writes. */
  #late = 0;

  constructor(
    root: Pick<RootDatabase<string, Buffer>, 'flushed'>,
    durability: Durability,
    options: CommitOptions = {},
  ) {
    this.#root = root;
    this.#durability = durability;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#mayWrite = options.mayWrite ?? (() => true);
    this.#space = options.space;
    this.#commitMs = options.commitMs ?? COMMIT_MS;
    this.#flushMs = options.flushMs ?? DISK_MS;
  }

  /** Whether LMDB has not committed a write within the limit, and still has not. */
  get stuck(): boolean {
    return this.#late > 0;
  }

  /**
   * Runs a write. Resolves to its result once it is durable.
   * @param space the bytes in the file that the write may need; asked first
   * @throws RefusedByStoreError for values that JSON cannot express; StoreUnavailableError if LMDB cannot write, such
   * as on a full disk.
   */
  durable<T>(space: () => number, write: () => Promise<T>): Promise<T> {
    return this.#track(this.#run(space, write, true));
  }

  /** Like `durable`, without the wait for the disk. */
  done<T>(space: () => number, write: () => Promise<T>): Promise<T> {
    return this.#track(this.#run(space, write, false));
  }

  /** Resolves when no write is pending, or those that are have exceeded their limits. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #run<T>(space: () => number, write: () => Promise<T>, flush: boolean): Promise<T> {
    if (this.stuck) throw new StoreUnavailableError(`the embedded store failed: ${WAITS}`);
    if (!this.#mayWrite()) throw new StoreFullError(FULL_DISK);
    try {
      const { answer, flushed } = await this.#taken(this.#begun(space(), write, flush && this.#durability === 'disk'));
      if (flushed) await inTime(flushed, this.#flushMs, 'confirm', () => {});
      return answer;
    } catch (error) {
      const reason = await reasonOf(error);
      // A retry does not help for a value that JSON cannot express.
      if (reason instanceof RangeError || reason instanceof TypeError) {
        throw new RefusedByStoreError(reason.message, { cause: reason });
      }
      this.#onFailure(reason);
      if (meansFull(reason)) throw new StoreFullError(FULL_DISK, { cause: reason });
      throw new StoreUnavailableError(`the embedded store failed: ${reason.message}`, { cause: reason });
    }
  }

  /**
   * A late write keeps its space until LMDB has committed it.
   * @returns its result, with the flush of its own transaction: a later one may have nothing to flush, and end first.
   */
  async #begun<T>(bytes: number, write: () => Promise<T>, flush: boolean): Promise<Begun<T>> {
    const granted = this.#space?.reserve(bytes);
    if (granted) await granted;
    try {
      const step = write();
      // `then` takes the flush of the transaction that is collected now.
      const flushed = flush ? this.#root.flushed.then(() => undefined) : undefined;
      flushed?.catch(() => undefined); // The write itself may fail first.
      return { answer: await step, flushed };
    } finally {
      this.#space?.release(bytes);
    }
  }

  #taken<T>(step: Promise<T>): Promise<T> {
    return inTime(step, this.#commitMs, 'take', () => {
      this.#late += 1;
      // Also of a late failure the reason must not stay unhandled.
      void step.catch(reasonOf).then(() => (this.#late -= 1));
    });
  }

  async #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }
}

const WAITS = 'an earlier write still waits for the disk';

const inTime = async <T>(step: Promise<T>, limitMs: number, what: 'take' | 'confirm', onLate: () => void): Promise<T> =>
  within(step, limitMs, () => {
    onLate();
    throw new LateDiskError(what, limitMs);
  });

/** The reason of a failed commit. LMDB provides it with another promise, which must not stay unhandled. */
async function reasonOf(error: unknown): Promise<Error> {
  try {
    if (typeof error === 'object' && error !== null && 'commitError' in error) await error.commitError;
  } catch (reason) {
    return reason instanceof Error ? reason : new Error(String(reason));
  }
  return error instanceof Error ? error : new Error(String(error));
}
