import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import type { ArtifactStore } from '../ArtifactStore.js';
import { pruneActivations } from '../prune.js';

/** The bounds on activation records. Records beyond any of them are removed. */
export interface RetentionLimits {
  readonly maxAgeMs?: number | undefined;
  /** The most bytes of the databases' pages in use. */
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
/** The pause between two batches in ms, so that a large removal does not block requests. */
const PAUSE_MS = 20;
const BATCH = 500;
/** The fraction of the size that remains after a removal, so that not every pass removes records. */
const LEFT = 0.95;

/** Removes old activation records periodically. */
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

  /** Resolves when the current batch has ended. */
  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  /** Removes the records beyond the limits. @returns their number. @throws StoreError */
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
        if (removed > 0) this.#log.info(`removed ${removed} activation records beyond --keep-activations`);
      } catch (error) {
        this.#log.warn('could not remove old activation records: retrying in a minute', { error });
      }
      await this.#pause(this.#parts.intervalMs ?? INTERVAL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#end.signal, ref: false }).catch(() => {});
  }
}
