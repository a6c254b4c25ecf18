import { closeSync, existsSync, openSync, readSync } from 'node:fs';

/** The interval of checks in ms. Between two checks a process may exceed its limit. */
const INTERVAL_MS = 100;

/** Whether `/proc` shows the memory of processes. */
export const canWatchMemory = process.platform === 'linux' && existsSync('/proc/self/status');

interface Watched {
  readonly file: number;
  readonly limitBytes: number;
  readonly exceeded: () => void;
}

/**
 * Checks the memory of child processes and reports a process over its limit. Node's flag for a limit counts only the
 * JavaScript heap and slows down each start, since V8 discards its code cache when flags differ.
 */
export class MemoryWatch {
  readonly #watched = new Map<number, Watched>();
  readonly #buffer = Buffer.alloc(4096);
  #timer: NodeJS.Timeout | undefined;

  /** Watches a process. Calls `exceeded` at most once. */
  add(pid: number, limitBytes: number, exceeded: () => void): void {
    this.#watched.set(pid, { file: openSync(`/proc/${pid}/status`, 'r'), limitBytes, exceeded });
    this.#timer ??= setInterval(() => this.#look(), INTERVAL_MS).unref();
  }

  remove(pid: number): void {
    const watched = this.#watched.get(pid);
    if (!watched) return;
    closeSync(watched.file);
    this.#watched.delete(pid);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(): void {
    for (const [pid, { file, limitBytes, exceeded }] of this.#watched) {
      let length = 0;
      try {
        length = readSync(file, this.#buffer, 0, this.#buffer.length, 0);
      } catch {
        // The process has ended and will be removed.
      }
      if (privateBytes(this.#buffer.toString('latin1', 0, length)) <= limitBytes) continue;
      this.remove(pid);
      exceeded();
    }
  }
}

/** The private memory of a process in bytes, from the text of `/proc/PID/status`; 0 after its end. */
export function privateBytes(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
