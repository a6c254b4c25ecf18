import type { CollectedLogs, LogOptions } from '../ContainerDriver.js';
import { LogBuffer, NOTICES, type StreamName } from './LogBuffer.js';
import { LogClock } from './LogClock.js';

/** More than any action's log limit. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** Without sentinels logs count as complete when nothing came for this long. */
const QUIET_MS = 20;

interface Waiter {
  readonly options: LogOptions;
  readonly resolve: (logs: CollectedLogs) => void;
  timer: NodeJS.Timeout;
}

export interface LogCollectorOptions {
  /** Of each stream. */
  readonly bufferBytes?: number | undefined;
  /** The container's token, where its runtime may sign sentinels with it. */
  readonly token?: string | undefined;
}

/** Follows the two log streams of one container, and hands them out by activation, first come first served. */
export class LogCollector {
  readonly #clock = new LogClock();
  readonly #buffer: LogBuffer;
  readonly #waiters = new Set<Waiter>();
  #writes = 0;
  #ended = false;
  #ran = false;
  #leftover = 0;
  /** Activations that have begun and whose logs were not taken. */
  #uncollected = 0;
  /** Where the logs of the running activation begin at the earliest, while those of the last one were not taken. */
  #begun: number | undefined;

  constructor({ bufferBytes = BUFFER_BYTES, token }: LogCollectorOptions = {}) {
    this.#buffer = new LogBuffer(bufferBytes, token);
  }

  /** Whether only signed sentinels count. */
  get signed(): boolean {
    return this.#buffer.signedOnly;
  }

  /** The runtime signs its sentinels: no other sentinel counts any more. */
  requireSigned(): void {
    this.#buffer.requireSigned();
  }

  /**
   * An activation begins that has the container to itself: lines that are left over from earlier ones are dropped. The
   * first activation keeps them, since the initialization logged them. The logs of the last activation may still be
   * uncollected: then the lines that have arrived so far and that it does not take are dropped once it has taken its own.
   */
  begin(): void {
    if (this.#uncollected > 0) this.#begun = this.#buffer.position;
    else if (this.#ran) this.#leftover += this.#buffer.dropLeftovers();
    this.#uncollected += 1;
    this.#ran = true;
  }

  write(stream: StreamName, chunk: Buffer): void {
    this.#writes += 1;
    this.#buffer.write(stream, chunk, this.#clock.now);
    for (const waiter of this.#waiters) {
      if (!this.#buffer.complete) break;
      this.#settle(waiter);
    }
  }

  /** Nothing more will come. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters) this.#settle(waiter);
  }

  /** See `Container.collectLogs`. */
  collect(options: LogOptions): Promise<CollectedLogs> {
    if (this.#ended || (this.#waiters.size === 0 && this.#buffer.complete)) {
      return Promise.resolve(this.#take(options));
    }
    return new Promise((resolve) => {
      const waiter: Waiter = { options, resolve, timer: setTimeout(() => this.#settle(waiter), options.timeoutMs) };
      this.#waiters.add(waiter);
      if (!options.expectSentinels) this.#awaitQuiet(waiter, performance.now() + options.timeoutMs);
    });
  }

  #awaitQuiet(waiter: Waiter, deadline: number): void {
    const before = this.#writes;
    clearTimeout(waiter.timer);
    waiter.timer = setTimeout(() => {
      if (this.#writes === before || performance.now() >= deadline) this.#settle(waiter);
      else this.#awaitQuiet(waiter, deadline);
    }, QUIET_MS);
  }

  #settle(waiter: Waiter): void {
    clearTimeout(waiter.timer);
    this.#waiters.delete(waiter);
    waiter.resolve(this.#take(waiter.options));
  }

  #take({ expectSentinels, maxBytes }: LogOptions): CollectedLogs {
    const missing = expectSentinels && !this.#buffer.complete;
    const { lines, truncated } = this.#buffer.take(maxBytes, this.#clock.now, missing && !this.#ended);
    if (missing && !truncated) lines.push(NOTICES.incomplete(this.#clock.now()));
    const leftover = this.#leftover;
    this.#leftover = 0;
    this.#uncollected = Math.max(0, this.#uncollected - 1);
    if (this.#begun !== undefined && this.#uncollected <= 1) {
      this.#leftover = this.#buffer.dropBefore(this.#begun);
      this.#begun = undefined;
    }
    return { lines, complete: !missing && !truncated, leftover };
  }
}
