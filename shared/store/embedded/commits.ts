import type { RootDatabase } from 'lmdb';
import { within } from '../../process/within.js';
import { RefusedByStoreError, StoreFullError, StoreUnavailableError } from '../ArtifactStore.js';

/** What a promise of a write stands for: `disk`, a power failure loses nothing; `process`, a kill of the process does not. */
export type Durability = 'disk' | 'process';

const FULL_DISK = 'The disk of the data folder is full.';
/** What LMDB says where a file cannot grow. */
const FULL = /no space left|map_full|mapsize/i;

/** LMDB's promise of a flush stays open for ever where a later commit failed. */
const FLUSH_LIMIT_MS = 10_000;

export interface CommitOptions {
  /** Called at each write that LMDB could not do. */
  readonly onFailure?: ((error: Error) => void) | undefined;
  /** Asked before each write: where it is false, the write fails at once. */
  readonly mayWrite?: (() => boolean) | undefined;
}

/**
 * The writes of an LMDB environment. LMDB commits together what waits at the same time; a promise resolves when its
 * commit is as durable as asked for.
 */
export class Commits {
  readonly #root: RootDatabase<string, Buffer>;
  readonly #durability: Durability;
  readonly #onFailure: (error: Error) => void;
  readonly #mayWrite: () => boolean;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(root: RootDatabase<string, Buffer>, durability: Durability, options: CommitOptions = {}) {
    this.#root = root;
    this.#durability = durability;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#mayWrite = options.mayWrite ?? (() => true);
  }

  /**
   * Resolves to what `write` resolves to, once that is durable.
   * @throws RefusedByStoreError for what JSON cannot say; StoreUnavailableError where LMDB cannot write (a full disk, say).
   */
  durable<T>(write: () => Promise<T>): Promise<T> {
    return this.#track(this.#run(write, true));
  }

  /** The same without the wait for the disk. */
  done<T>(write: () => Promise<T>): Promise<T> {
    return this.#track(this.#run(write, false));
  }

  /** Resolves when no write is under way. Never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #run<T>(write: () => Promise<T>, flush: boolean): Promise<T> {
    if (!this.#mayWrite()) throw new StoreFullError(FULL_DISK);
    try {
      const answer = await write();
      if (flush && this.#durability === 'disk') await this.#flushed();
      return answer;
    } catch (error) {
      const reason = await reasonOf(error);
      // A value that JSON cannot express will not be expressed by another try.
      if (reason instanceof RangeError || reason instanceof TypeError) {
        throw new RefusedByStoreError(reason.message, { cause: reason });
      }
      this.#onFailure(reason);
      if (FULL.test(reason.message)) throw new StoreFullError(FULL_DISK, { cause: reason });
      throw new StoreUnavailableError(`the embedded store failed: ${reason.message}`, { cause: reason });
    }
  }

  async #flushed(): Promise<void> {
    await within(this.#root.flushed, FLUSH_LIMIT_MS, () => {
      throw new Error(`the disk did not confirm a write within ${FLUSH_LIMIT_MS} ms`);
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

/** LMDB gives the reason of a failed commit by another promise, which must not stay unhandled. */
async function reasonOf(error: unknown): Promise<Error> {
  try {
    if (typeof error === 'object' && error !== null && 'commitError' in error) await error.commitError;
  } catch (reason) {
    return reason instanceof Error ? reason : new Error(String(reason));
  }
  return error instanceof Error ? error : new Error(String(error));
}
