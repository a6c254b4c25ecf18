import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs';

/** The interval of checks in ms. Between two checks a process may exceed its limit. */
const INTERVAL_MS = 100;

/** The deepest generation of child processes that counts. */
const MAX_DEPTH = 8;

/** Whether `/proc` shows the memory of processes. */
export const canWatchMemory = process.platform === 'linux' && existsSync('/proc/self/status');

export interface MemoryLimit {
  readonly pid: number;
  readonly limitBytes: number;
  /** Whether the memory of its child processes counts, too. Each check then reads two files per child. */
  readonly countsChildren: boolean;
}

interface Watched extends MemoryLimit {
  readonly file: number;
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
  add(limit: MemoryLimit, exceeded: () => void): void {
    this.#watched.set(limit.pid, { ...limit, file: openSync(`/proc/${limit.pid}/status`, 'r'), exceeded });
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
    for (const [pid, { file, limitBytes, countsChildren, exceeded }] of this.#watched) {
      let length = 0;
      try {
        length = readSync(file, this.#buffer, 0, this.#buffer.length, 0);
      } catch {
        // The process has ended and will be removed.
      }
      let bytes = privateBytes(this.#buffer.toString('latin1', 0, length));
      if (countsChildren) bytes += childrenBytes(pid);
      if (bytes <= limitBytes) continue;
      this.remove(pid);
      exceeded();
    }
  }
}

/** The private memory of the processes below a process in bytes, as far as its main thread started them. */
function childrenBytes(pid: number, depth = 0): number {
  if (depth > MAX_DEPTH) return 0;
  let sum = 0;
  for (const child of textOf(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean)) {
    sum += privateBytes(textOf(`/proc/${child}/status`)) + childrenBytes(Number(child), depth + 1);
  }
  return sum;
}

/** The text of a file of `/proc`; empty if its process has ended. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** The private memory of a process in bytes, from the text of `/proc/PID/status`; 0 after its end. */
export function privateBytes(status: string): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
