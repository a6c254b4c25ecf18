import type { Logger } from '../logging/Logger.js';
import { within } from './within.js';

/*
 * The life of a process. Keep this file's imports few and light: a main file loads it first, so that signals are
 * handled while the other modules load. The first process of a container (PID 1) needs that, since the kernel drops
 * signals without a handler for PID 1.
 *
 *   starting  parts are opened           → running: all are open
 *                                        → stopping: a signal, or `stop`
 *                                        → ended (code 1): a part did not open; the others are closed
 *   running                              → stopping: a signal, or `stop`
 *   stopping  parts are closed, the last opened first
 *                                        → ended (code 0): all closed; (code 1): one did not, or the limit has passed
 *                                        → ended (code 1): a second signal
 *   any state                            → ended (code 1): an error that nothing caught
 *   ended                                → killed by itself, after a line in the log: a part of `beforeExit` did not close,
 *                                          and Node's exit would wait for it without a limit
 */
type State = 'starting' | 'running' | 'stopping' | 'ended';

/** The interface of the process, for tests. */
export interface LivingProcess {
  readonly pid: number;
  on(event: 'SIGTERM' | 'SIGINT', listener: (signal: NodeJS.Signals) => void): unknown;
  on(event: 'uncaughtException', listener: (error: unknown, origin: string) => void): unknown;
  exit(code: number): void;
  kill(pid: number, signal: NodeJS.Signals): unknown;
  abort(): void;
  readonly stderr: { write(text: string): unknown };
}

interface Part {
  readonly name: string;
  readonly close: () => Promise<void>;
}

/** The default limit for closing all parts at a stop, in ms. */
const STOP_MS = 60_000;
/** The limit for closing all parts after a failed start, in ms. */
const FAILED_START_MS = 10_000;
/** The limit for the parts of `beforeExit`, in ms. */
const LAST_MS = 3000;
/** The time in ms in which a repeated signal counts as the same: npm forwards a Ctrl-C that the terminal sends, too. */
const SAME_SIGNAL_MS = 500;

export class Lifecycle {
  readonly #prefix: string;
  readonly #process: LivingProcess;
  readonly #parts: Part[] = [];
  readonly #last: Part[] = [];
  readonly #stopping = new AbortController();
  #state: State = 'starting';
  #limitMs = STOP_MS;
  #stopCode = 0;
  #signalAt: number | undefined;
  #log: Logger | undefined;

  private constructor(name: string, living: LivingProcess) {
    this.#prefix = name === '' ? '' : `${name}: `;
    this.#process = living;
    living.on('SIGTERM', (signal) => this.#onSignal(signal));
    living.on('SIGINT', (signal) => this.#onSignal(signal));
    living.on('uncaughtException', (error, origin) => void this.#onUncaught(error, origin));
  }

  /**
   * Installs handlers for signals and uncaught errors.
   * @param name the prefix of lines on the standard error; empty: none.
   */
  static begin(name: string, living: LivingProcess = process): Lifecycle {
    return new Lifecycle(name, living);
  }

  /** Aborted when the process stops. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Sets the target of log lines. Before this call they go to the standard error. */
  logTo(log: Logger): void {
    this.#log = log;
  }

  /** Sets the limit for closing all parts. After it the process ends with code 1. */
  stopWithin(limitMs: number): void {
    this.#limitMs = limitMs;
  }

  /** Adds a part. It is closed at the stop, before all parts that were opened earlier. `close` is called once. */
  opened(name: string, close: () => Promise<void>): void {
    this.#parts.push({ name, close });
  }

  /**
   * Adds a function to run before the process ends for any reason but a kill, even after an uncaught error. It has
   * three seconds and must not wait for running work. It may be called in addition to the part's own close.
   */
  beforeExit(name: string, close: () => Promise<void>): void {
    this.#last.push({ name, close });
  }

  /**
   * Starts the process. Resolves at the end of `start`. If `start` rejects, it writes the reason to the standard error
   * (in one line if the user can fix it), closes the open parts, and ends the process with code 1 or the error's
   * `exitCode`.
   * @param interrupted the exit code if a signal arrives before the end of `start`.
   */
  async run(start: (life: Lifecycle) => Promise<void>, interrupted = 0): Promise<void> {
    this.#stopCode = interrupted;
    try {
      await start(this);
      if (this.#state !== 'starting') return;
      this.#state = 'running';
      this.#stopCode = 0;
    } catch (error) {
      // After a signal, `start` may fail because parts are closed.
      if (this.#state !== 'starting') return;
      this.#state = 'stopping';
      this.#process.stderr.write(`${this.#prefix}${describeFailure(error)}\n`);
      this.#stopping.abort();
      await this.#closeAll(FAILED_START_MS);
      await this.#leave(exitCodeOf(error));
    }
  }

  /** Stops the process like a signal. */
  stop(reason: string): void {
    if (this.#state !== 'starting' && this.#state !== 'running') return;
    this.#state = 'stopping';
    this.#log?.info(`${reason}: finishing what runs`);
    this.#stopping.abort();
    const code = this.#stopCode;
    void this.#closeAll(this.#limitMs).then((clean) => this.#leave(clean ? code : 1));
  }

  #onSignal(signal: NodeJS.Signals): void {
    const now = performance.now();
    if (this.#signalAt === undefined) {
      this.#signalAt = now;
      this.stop(signal);
    } else if (now - this.#signalAt > SAME_SIGNAL_MS && this.#state === 'stopping') {
      this.#log?.warn(`second ${signal}: ending at once`);
      void this.#leave(1);
    }
  }

  async #onUncaught(error: unknown, origin: string): Promise<void> {
    // Closing a broken process may throw again.
    if (this.#state === 'ended') return;
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (this.#log) this.#log.error(`${origin}: the process ends`, { error: stack });
    else this.#say(`${origin}: ${stack.replaceAll(/\r?\n\s*/g, ' | ')}`);
    await this.#leave(1);
  }

  #say(line: string): void {
    if (this.#log) this.#log.error(line);
    else this.#process.stderr.write(`${this.#prefix}${line}\n`);
  }

  /**
   * Closes all parts, the last opened one first, including those opened meanwhile. Resolves to whether all closed in
   * time.
   */
  async #closeAll(limitMs: number): Promise<boolean> {
    let clean = true;
    const closing = async (): Promise<void> => {
      for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
        try {
          await part.close();
        } catch (error) {
          clean = false;
          this.#log?.error(`${part.name} did not stop cleanly`, { error });
        }
      }
    };
    return within(
      closing().then(() => clean),
      limitMs,
      () => {
        if (this.#state !== 'ended') this.#log?.error(`not finished after ${limitMs} ms: ending`);
        return false;
      },
    );
  }

  /**
   * Ends the process. Node's exit waits for its threads without a limit. A pending write of LMDB blocks one, and
   * continues only while JavaScript runs. So this closes such parts first, and kills the process if they do not close.
   */
  async #leave(code: number): Promise<void> {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    const last = Promise.all(this.#last.map(async ({ close }) => close()));
    const closed = last.then(
      () => true,
      () => false,
    );
    const safe = await within(closed, LAST_MS, () => false);
    if (!safe) {
      this.#say(`${this.#last.map(({ name }) => name).join(', ')} cannot be closed: the process kills itself`);
      this.#process.kill(this.#process.pid, 'SIGKILL');
      // PID 1 does not get signals from its own namespace; `abort` works.
      this.#process.abort();
    }
    this.#process.exit(code);
  }
}

/** The exit code for an error: its `exitCode`, or 1. */
function exitCodeOf(error: unknown): number {
  const code = error instanceof Error && 'exitCode' in error ? error.exitCode : undefined;
  return typeof code === 'number' ? code : 1;
}

/** Built-in error classes. Such errors are faults of this program, so the stack helps. */
const FAULTS = new Set(['Error', 'TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'AssertionError']);

/** One line for an error that the user can fix (with a code, or of an own class); the stack for other errors. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (syscall === 'listen') {
    if (code === 'EADDRINUSE')
      return `port ${port} is in use on ${address}: stop what listens there, or choose another`;
    if (code === 'EACCES') return `this user may not listen on port ${port}: choose one above 1023`;
    if (code === 'EADDRNOTAVAIL') return `this machine has no address ${address}: choose another`;
  }
  return FAULTS.has(error.name) && code === undefined ? (error.stack ?? error.message) : error.message;
}
