import { write } from 'node:fs';

/*
 * Lines wait for the terminal in a bounded queue, so that a slow or stopped terminal never holds up a request.
 *
 *   idle       no line waits        → scheduled: a line arrives
 *   scheduled  lines are collected  → writing: the delay has passed
 *   writing    one write is running → scheduled: it has ended and lines wait; idle: none waits
 *                                   → closed: it failed, since nobody reads any more
 *   closed     lines are discarded
 */
type State = 'idle' | 'scheduled' | 'writing' | 'closed';

/** Writes text, and calls `done` at the end. There is at most one write at a time. */
export type Sink = (text: string, done: (error: Error | null) => void) => void;

export interface LineQueueOptions {
  readonly sink: Sink;
  /** The most characters that wait. Lines beyond are dropped and counted. */
  readonly maxCharacters?: number | undefined;
  /** The time in ms in which lines are collected into one write. */
  readonly delayMs?: number | undefined;
  /** Makes the line that says how many lines were dropped. */
  readonly dropped?: ((lines: number) => string) | undefined;
}

export class LineQueue {
  readonly #sink: Sink;
  readonly #maxCharacters: number;
  readonly #delayMs: number;
  readonly #droppedLine: (lines: number) => string;
  #state: State = 'idle';
  #lines: string[] = [];
  #characters = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;
  #onIdle: (() => void) | undefined;

  constructor({ sink, maxCharacters = 1024 * 1024, delayMs = 20, dropped }: LineQueueOptions) {
    this.#sink = sink;
    this.#maxCharacters = maxCharacters;
    this.#delayMs = delayMs;
    this.#droppedLine = dropped ?? ((lines) => `${lines} lines dropped: the terminal is too slow`);
  }

  /** Adds a line, without its line break. Never waits and never throws. */
  add(line: string): void {
    if (this.#state === 'closed') return;
    if (this.#characters + line.length > this.#maxCharacters) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#state === 'idle') this.#schedule();
  }

  /** Writes what waits at once. Resolves when it is written, or when it cannot be written. */
  flush(): Promise<void> {
    if (this.#state === 'idle' || this.#state === 'closed') return Promise.resolve();
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    if (this.#state === 'scheduled') this.#write();
    return idle;
  }

  #schedule(): void {
    this.#state = 'scheduled';
    this.#timer = setTimeout(() => this.#write(), this.#delayMs);
    // The queue alone does not keep the process running; the owner flushes it at the end.
    this.#timer.unref();
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#state = 'writing';
    if (this.#dropped > 0) this.#lines.push(this.#droppedLine(this.#dropped));
    const text = `${this.#lines.join('\n')}\n`;
    this.#lines = [];
    this.#characters = 0;
    this.#dropped = 0;
    this.#sink(text, (error) => {
      if (error) {
        this.#state = 'closed';
        this.#lines = [];
      } else if (this.#lines.length > 0 || this.#dropped > 0) {
        if (this.#onIdle) this.#write();
        else this.#schedule();
        return;
      } else this.#state = 'idle';
      this.#onIdle?.();
      this.#onIdle = undefined;
    });
  }
}

/** The delay in ms before a write to a full terminal is tried again. */
const FULL_MS = 20;

/**
 * Writes to a file descriptor in libuv's threads. `process.stdout` would block the event loop while a terminal is stopped
 * (Ctrl-S) or the reader of a pipe is slow.
 */
export function descriptorSink(descriptor: number): Sink {
  const writeAll = (bytes: Buffer, from: number, done: (error: Error | null) => void): void => {
    write(descriptor, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === 'EAGAIN') setTimeout(writeAll, FULL_MS, bytes, from, done);
      else if (error) done(error);
      else if (from + written < bytes.length) writeAll(bytes, from + written, done);
      else done(null);
    });
  };
  return (text, done) => writeAll(Buffer.from(text), 0, done);
}
