import type { OutputWatch } from './OutputWatch.js';

/*
 * Ends the logs of runs, with OpenWhisk's sentinels or, if the invoker asks for it, without them after a run that has written nothing:
 * to copy two lines through a container engine takes longer than a warm run.
 *
 * States:
 *   marking   each run ends with sentinels. After some runs: proving, or watching if it is proven        → proving, watching
 *   proving   the sentinels of one run are written while the output is watched                          → marking; off: they were not seen
 *   watching  since the last sentinels. A run that is alone and leaves no trace ends without sentinels  → marking: sentinels are written
 *   off       each run ends with sentinels, for good
 *
 * Sentinels are writes, too. Those after them could not be told apart, so the watch ends before each sentinel and begins after it.
 * That takes about as long as one run without sentinels saves, so a container that writes too soon is watched less and less often.
 *
 * Output between two runs is a trace: the next run gets sentinels, and the lines before them, as with OpenWhisk.
 *
 * To look for traces takes a turn of the event loop, in which callbacks of the action run, and only then the response is written. So a run
 * that leaves callbacks behind gets sentinels, and its response, at once. If the process ends in that turn nevertheless, for example by a
 * rejected promise that nobody awaits, sentinels and response are written first.
 */
type State = 'marking' | 'proving' | 'watching' | 'off';

/** The runs with sentinels before the output is watched at first: most containers have no more, and do not need a watcher. */
const FIRST_DISTANCE = 2;
/** The runs without sentinels that make a watch worth its time. */
const WORTH = 2;
/** The most runs with sentinels between two watches. */
const MAX_DISTANCE = 256;

/** One run, from `begin` to `finish`. */
export interface LoggedRun {
  /** Whether the invoker asked for sentinels on demand. */
  readonly onDemand: boolean;
  /** Whether no other run was under way at its begin. */
  readonly alone: boolean;
  readonly number: number;
}

export interface LogEndsParts {
  /** Writes the sentinel to both streams. */
  readonly mark: () => void;
  /** Whether output waits in this process: it has left no trace yet. */
  readonly pending: () => boolean;
  /** Whether callbacks of the action may be due in the next turns of the event loop. They could hold up the response. */
  readonly busy: () => boolean;
  /** The bytes that JavaScript has written to the two streams of this process so far. */
  readonly written: () => number;
  /** Has `listener` called if the process ends. @returns a function that takes it back */
  readonly onExit: (listener: () => void) => () => void;
  /** Undefined: the output cannot be watched. */
  readonly watch: OutputWatch | undefined;
}

export class LogEnds {
  readonly #parts: LogEndsParts;
  #state: State;
  #proven = false;
  /** The runs with sentinels until the output is watched, and from how many it counts down. */
  #left = FIRST_DISTANCE;
  #distance = FIRST_DISTANCE;
  /** The runs without sentinels in the last watch. */
  #silent = 0;
  /** `written` after the last sentinels. */
  #marked = 0;
  #running = 0;
  #begun = 0;

  constructor(parts: LogEndsParts) {
    this.#parts = parts;
    this.#state = parts.watch ? 'marking' : 'off';
  }

  /** To be called before a run, with `finish` after it. */
  begin(onDemand: boolean): LoggedRun {
    this.#running += 1;
    this.#begun += 1;
    return { onDemand, alone: this.#running === 1, number: this.#begun };
  }

  finish(): void {
    this.#running -= 1;
  }

  /** Ends the logs with sentinels. */
  mark(): void {
    if (this.#state === 'watching') {
      this.#parts.watch?.close();
      this.#state = 'marking';
      if (this.#silent >= WORTH) this.#distance = this.#left = 0;
      else this.#later();
    }
    this.#write();
  }

  /**
   * Ends the logs of a run.
   * @param respond writes the response at once. It is called if the process ends before this method has resolved.
   * @returns whether it ended the logs without sentinels
   */
  async end(run: LoggedRun, respond: () => void): Promise<boolean> {
    const { watch } = this.#parts;
    if (!watch || !run.onDemand || !this.#isQuiet(run)) {
      this.mark();
      return false;
    }
    if (this.#state === 'watching') {
      await this.#settle(watch, () => {
        this.mark();
        respond();
      });
      if (this.#isQuiet(run) && !watch.seen.stdout && !watch.seen.stderr) {
        this.#silent += 1;
        return true;
      }
    } else if (this.#state === 'marking' && this.#left <= 1 && !this.#proven) {
      await this.#prove(watch, respond);
      return false;
    }
    this.mark();
    if (this.#state !== 'marking' || !this.#isQuiet(run)) return false;
    if (this.#left > 0) this.#left -= 1;
    else this.#watch(watch);
    return false;
  }

  /** Whether the run is alone and has written nothing that is known here, and nothing else is to come from it soon. */
  #isQuiet({ alone, number }: LoggedRun): boolean {
    const { pending, busy } = this.#parts;
    return alone && number === this.#begun && !this.#hasWritten() && !pending() && !busy();
  }

  /** While the output is watched: whether a write is known without a trace. The kernel drops events if too many wait. */
  #hasWritten(): boolean {
    return this.#state === 'watching' && this.#parts.written() !== this.#marked;
  }

  /** Writes sentinels. */
  #write(): void {
    this.#parts.mark();
    this.#marked = this.#parts.written();
  }

  /** @param onExit called if the process ends first */
  async #settle(watch: OutputWatch, onExit: () => void): Promise<void> {
    const takeBack = this.#parts.onExit(onExit);
    await watch.settle();
    takeBack();
  }

  /** Begins to watch, directly after sentinels. */
  #watch(watch: OutputWatch): void {
    if (watch.open()) {
      this.#state = 'watching';
      this.#silent = 0;
    } else this.#later();
  }

  /** Writes sentinels, and looks whether they leave a trace, which is not so with each kernel and sandbox. */
  async #prove(watch: OutputWatch, respond: () => void): Promise<void> {
    const opened = watch.open();
    this.#write();
    if (!opened) return this.#later();
    this.#state = 'proving';
    const written = !this.#parts.pending();
    await this.#settle(watch, respond);
    this.#proven = watch.seen.stdout && watch.seen.stderr;
    watch.close();
    if (!this.#proven && !written) this.#later();
    this.#state = this.#proven || !written ? 'marking' : 'off';
  }

  #later(): void {
    this.#distance = Math.min(Math.max(1, 2 * this.#distance), MAX_DISTANCE);
    this.#left = this.#distance;
  }
}
