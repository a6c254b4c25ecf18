import { fstatSync, watch, type FSWatcher } from 'node:fs';

// An action may replace it.
const { setImmediate: inTurn } = globalThis;

/** Tells whether anybody has written to stdout or stderr of this process since `open`. */
export interface OutputWatch {
  /** Starts anew: nothing is seen. @returns false if it cannot watch now */
  open(): boolean;
  close(): void;
  /** Resolves when each write that has ended before the call is seen. */
  settle(): Promise<void>;
  /** The streams that were written to. */
  readonly seen: { readonly stdout: boolean; readonly stderr: boolean };
}

/**
 * Watches the two pipes with inotify. The kernel queues an event within each write, whoever writes: JavaScript, native code, a
 * child that inherited the pipe, or a process that opened it through `/proc`. Wrapped functions of Node.js would miss all but the first,
 * and the time of a pipe does not help: since version 6.15 Linux no longer changes it, and before it had the resolution of a tick.
 *
 * What remains: the kernel drops events if 16,384 of them wait. All watchers of a process share this queue, so the action's own
 * watcher, on files that change as often during one run, can hide a write. Node.js does not tell it. `LogEnds` also counts the bytes that
 * JavaScript's streams write, so a hidden write is one of native code, of `fs.writeSync`, or of a child.
 *
 * Missing: a stream is not a pipe. A program may write to a socket by `send`, which makes no event.
 */
export function watchPipes(): OutputWatch | undefined {
  if (process.platform !== 'linux' || ![1, 2].every(isPipe)) return undefined;
  let watchers: FSWatcher[] = [];
  let seen = { stdout: false, stderr: false };
  const close = (): void => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  const open = (): boolean => {
    close();
    // A late event of an earlier watcher has another object.
    const now = { stdout: false, stderr: false };
    seen = now;
    const both = (): void => {
      now.stdout = true;
      now.stderr = true;
    };
    try {
      for (const [descriptor, name] of [
        [1, 'stdout'],
        [2, 'stderr'],
      ] as const) {
        const watcher = watch(`/proc/self/fd/${descriptor}`, { persistent: false }, () => (now[name] = true));
        // Then it may miss writes.
        watchers.push(watcher.on('error', both));
      }
      return true;
    } catch {
      // There are too many watchers on this machine, or there is no `/proc`.
      close();
      return false;
    }
  };
  return {
    open,
    close,
    // The current turn may have asked the kernel for events before the last write. The next one asks after it.
    settle: () => turn().then(turn),
    get seen() {
      return seen;
    },
  };
}

function isPipe(descriptor: number): boolean {
  try {
    // As bigint: otherwise Node.js 20 takes the numbers of this pipe for those of the next path that it resolves, and leaves links in
    // the paths of modules.
    return fstatSync(descriptor, { bigint: true }).isFIFO();
  } catch {
    return false;
  }
}

/** Resolves in a turn of the event loop: in the current one, or in the next one if called from there. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    inTurn(resolve);
  });
