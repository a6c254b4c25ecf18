import { closeSync, existsSync, openSync, readSync } from 'node:fs';

/** How often memory is looked at; between two looks a process may exceed its limit. */
const INTERVAL_MS = 100;

/** Whether `/proc` tells here how much memory a process uses. */
export const canWatchMemory = process.platform === 'linux' && existsSync('/proc/self/status');

interface Watched {
  readonly file: number;
  readonly limitBytes: number;
  readonly exceeded: () => void;
}

/**
 * Looks at the memory of child processes and tells of one that uses more than it may. Node's own flag for a limit would
 * count the JavaScript heap only, and make every start slower: V8 throws its code cache away when flags differ.
 */
export class MemoryWatch {
  readonly #watched = new Map<number, Watched>();
  readonly #buffer = Buffer.alloc(4096);
  #timer: NodeJS.Timeout | undefined;

  /** Calls `exceeded` once, if ever. */
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
        // It has ended, and is about to be removed.
      }
      if (privateBytes(this.#buffer.toString('latin1', 0, length)) <= limitBytes) continue;
      this.remove(pid);
      exceeded();
    }
  }
}

/** The bytes that a process has for itself, from the text of its `/proc/PID/status`; 0 where it has ended. */
export function privateBytes(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
