import type { CollectedLogs, LogOptions } from '../ContainerDriver.js';
import { LogBuffer, NOTICES, type StreamName } from './LogBuffer.js';
import { LogClock } from './LogClock.js';

/** More than any action's log limit. */
const BUFFER_BYTES = 16 * 1024 * 1024;
/** Without sentinels logs count as complete when nothing came for this long. */
const QUIET_MS = 20;

/** Follows the two log streams of one container, and hands them out by activation. */
export class LogCollector {
  readonly #clock = new LogClock();
  readonly #buffer: LogBuffer;
  readonly #waiting = new Set<() => void>();
  #writes = 0;
  #ended = false;

  constructor(bufferBytes: number = BUFFER_BYTES) {
    this.#buffer = new LogBuffer(bufferBytes);
  }

  write(stream: StreamName, chunk: Buffer): void {
    this.#writes += 1;
    this.#buffer.write(stream, chunk, this.#clock.now);
    if (this.#waiting.size > 0 && this.#buffer.complete) this.#wake();
  }

  /** Nothing more will come. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** See `Container.collectLogs`. */
  async collect(options: LogOptions): Promise<CollectedLogs> {
    if (!this.#buffer.complete && !this.#ended) {
      if (options.expectSentinels) await this.#complete(options.timeoutMs);
      else await this.#quiet(options.timeoutMs);
    }
    const missing = options.expectSentinels && !this.#buffer.complete;
    const { lines, truncated } = this.#buffer.take(options.maxBytes, this.#clock.now, missing && !this.#ended);
    if (missing && !truncated) lines.push(NOTICES.incomplete(this.#clock.now()));
    return { lines, complete: !missing && !truncated };
  }

  #wake(): void {
    for (const check of this.#waiting) check();
  }

  #complete(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve();
      };
      const check = (): void => {
        if (this.#buffer.complete || this.#ended) done();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(check);
    });
  }

  async #quiet(timeoutMs: number): Promise<void> {
    for (let left = timeoutMs; left > 0 && !this.#buffer.complete && !this.#ended; left -= QUIET_MS) {
      const before = this.#writes;
      await this.#complete(Math.min(left, QUIET_MS));
      if (this.#writes === before) return;
    }
  }
}
