import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import type { ArtifactStore } from '../ArtifactStore.js';
import { pruneActivations } from '../prune.js';

/** How long records of activations are kept: until the first of these bounds is reached. */
export interface RetentionLimits {
  readonly maxAgeMs?: number | undefined;
  /** Of the databases' pages in use, in bytes. */
  readonly maxBytes?: number | undefined;
}

export interface RetentionParts {
  readonly limits: RetentionLimits;
  readonly activations: Pick<ArtifactStore, 'query' | 'deleteMany'>;
  /** The bytes of the databases' pages in use. */
  readonly usedBytes: () => number;
  readonly log?: Logger | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
  readonly intervalMs?: number | undefined;
  readonly pauseMs?: number | undefined;
}

const INTERVAL_MS = 60_000;
/** Between two batches, so that a large removal does not hold up requests. */
const PAUSE_MS = 20;
const BATCH = 500;
/** The part of the size that is left after a removal, so that not every pass removes something. */
const LEFT = 0.95;

/** Removes old records of activations, now and then. */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #log: Logger;
  readonly #end = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    this.#log = parts.log ?? silentLogger;
  }

  /** Makes a pass each minute. */
  start(): void {
    this.#running = this.#run();
  }

  /** Resolves when the batch under way has ended. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** Removes what is beyond the limits. @returns how many records. @throws StoreError */
  async pass(): Promise<number> {
    const { limits, now = Date.now } = this.#parts;
    const old = limits.maxAgeMs === undefined ? 0 : await this.#remove(now() - limits.maxAgeMs, () => true);
    const { maxBytes } = limits;
    if (maxBytes === undefined || this.#parts.usedBytes() <= maxBytes) return old;
    return old + (await this.#remove(Infinity, () => this.#parts.usedBytes() > LEFT * maxBytes));
  }

  async #remove(before: number, goOn: () => boolean): Promise<number> {
    let removed = 0;
    const batches = pruneActivations(this.#parts.activations, {
      before: Number.isFinite(before) ? before : Number.MAX_SAFE_INTEGER,
      batch: BATCH,
    });
    for await (const count of batches) {
      removed += count;
      if (!goOn()) break;
      await this.#pause(this.#parts.pauseMs ?? PAUSE_MS);
      if (this.#end.signal.aborted) break;
    }
    return removed;
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      try {
        const removed = await this.pass();
        if (removed > 0)
          this.#log.info(`removed ${removed} records of activations that were beyond --keep-activations`);
      } catch (error) {
        this.#log.warn('old records of activations could not be removed: trying again in a minute', { error });
      }
      await this.#pause(this.#parts.intervalMs ?? INTERVAL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#end.signal, ref: false }).catch(() => {});
  }
}
