import { MAX_LIVE_LENGTH, type LiveLine } from '../../../invoker/activations/liveLines.js';

export interface LiveLinesOptions {
  /** Shows a line of an activation that still runs. */
  readonly show: (line: LiveLine) => void;
  /** How long a line waits for the end of its activation, in ms. */
  readonly holdMs?: number | undefined;
  /** A clock in ms, and a function that calls `run` after `ms` and returns a function that cancels that. Missing: real ones. */
  readonly now?: (() => number) | undefined;
  readonly after?: ((ms: number, run: () => void) => () => void) | undefined;
}

/** The most lines that wait. The oldest ones are shown early. */
const MAX_HELD = 1000;
/** The most characters of shown lines that are remembered until their activations end. */
const MAX_SHOWN_CHARACTERS = 4 * 1024 * 1024;

interface Held {
  readonly live: LiveLine;
  /** When it is shown, on the clock. */
  readonly due: number;
}

/**
 * Shows lines of activations that run for longer, and leaves those of short ones to the end: there they stand together.
 * Each line is held for a moment. If its activation ends meanwhile, its record has the line. No line is shown twice:
 * lines are told apart by their text, which begins with a time in ns.
 */
export class LiveLines {
  readonly #show: (line: LiveLine) => void;
  readonly #holdMs: number;
  readonly #now: () => number;
  readonly #after: (ms: number, run: () => void) => () => void;
  #held: Held[] = [];
  /** Cancels the next look; undefined: there is none, since no line waits. */
  #cancel: (() => void) | undefined;
  /** How often each line was shown, the oldest first. */
  readonly #shown = new Map<string, number>();
  #characters = 0;

  constructor({ show, holdMs = 150, now = () => performance.now(), after = afterTimeout }: LiveLinesOptions) {
    this.#show = show;
    this.#holdMs = holdMs;
    this.#now = now;
    this.#after = after;
  }

  /** To be called with each line of a running activation. */
  line(live: LiveLine): void {
    this.#held.push({ live, due: this.#now() + this.#holdMs });
    if (this.#held.length > MAX_HELD) this.#showFirst(1);
    this.#cancel ??= this.#after(this.#holdMs, () => this.#showDue());
  }

  /** To be called with the log of an activation at its end. @returns its lines that were not shown. */
  ended(logs: string[]): string[] {
    const keys = new Set(logs.map(keyOf));
    this.#held = this.#held.filter(({ live }) => !keys.has(keyOf(live.line)));
    return logs.filter((line) => !this.#forget(keyOf(line)));
  }

  /** Shows the lines that wait. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#showFirst(this.#held.length);
  }

  #showDue(): void {
    const now = this.#now();
    const due = this.#held.filter((held) => held.due <= now);
    this.#showFirst(due.length);
    const [next] = this.#held;
    this.#cancel = next && this.#after(next.due - now, () => this.#showDue());
  }

  #showFirst(count: number): void {
    for (const { live } of this.#held.splice(0, count)) {
      this.#remember(keyOf(live.line));
      this.#show(live);
    }
  }

  #remember(key: string): void {
    this.#shown.set(key, (this.#shown.get(key) ?? 0) + 1);
    this.#characters += key.length;
    for (const [oldest, times] of this.#shown) {
      if (this.#characters <= MAX_SHOWN_CHARACTERS) break;
      this.#shown.delete(oldest);
      this.#characters -= times * oldest.length;
    }
  }

  /** Whether the line was shown. Then it counts once less. */
  #forget(key: string): boolean {
    const times = this.#shown.get(key);
    if (times === undefined) return false;
    if (times === 1) this.#shown.delete(key);
    else this.#shown.set(key, times - 1);
    this.#characters -= key.length;
    return true;
  }
}

const afterTimeout = (ms: number, run: () => void): (() => void) => {
  // The owner flushes at the end.
  const timer = setTimeout(run, ms).unref();
  return () => clearTimeout(timer);
};

const keyOf = (line: string): string => line.slice(0, MAX_LIVE_LENGTH);
