import type { LogLine } from './logLine.js';

/** The longest wait of a line for another one, in ms, and the most lines that wait. */
const LATER_MS = 100;
const MAX_LATER = 256;
/** The longest wait after failed writes, in ms. It doubles with each of them. */
const MAX_WAIT_MS = 10_000;

/** Lines of a log that are written with its next line, or else after a while. They wait again after a failed write. */
export class LaterLines {
  readonly #write: () => void;
  #lines: LogLine[] = [];
  #timer: NodeJS.Timeout | undefined;
  #waitMs = LATER_MS;

  /** @param write called after a while, to write the lines */
  constructor(write: () => void) {
    this.#write = write;
  }

  get lines(): readonly LogLine[] {
    return this.#lines;
  }

  /** @returns false if too many wait */
  add(line: LogLine): boolean {
    if (this.#lines.length >= MAX_LATER) return false;
    this.#lines.push(line);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#write();
    }, this.#waitMs).unref();
    return true;
  }

  /** Takes the last line, to write it: the others go with it. */
  pop(): LogLine | undefined {
    return this.#lines.pop();
  }

  /** The line could not be written. It is dropped if too many wait. */
  failed(line: LogLine): void {
    this.#waitMs = Math.min(2 * this.#waitMs, MAX_WAIT_MS);
    this.add(line);
  }

  /** A line was written, and these with it. */
  written(): void {
    if (this.#lines.length > 0) this.#lines = [];
    if (this.#waitMs > LATER_MS) this.stop();
  }

  /** Lines that come later start a new wait. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waitMs = LATER_MS;
  }
}
