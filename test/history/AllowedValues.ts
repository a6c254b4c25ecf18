/** An object is missing. */
export const NONE = 'none';

/**
 * The values that an object may have after changes of which some have failed. A value begins with its persistence, or with `ttl` if it has a
 * time: so it says whether it may vanish. A change that got 502 may come into effect until the next change.
 */
export class AllowedValues {
  #values = new Set([NONE]);
  /** Whether an earlier change may still come into effect. */
  #unsure = false;
  readonly #withNone: (value: string) => readonly string[];

  /** @param mayLose whether each object may vanish, whatever its persistence is. */
  constructor(mayLose = false) {
    this.#withNone = mayLose ? (value) => [value, NONE] : withNone;
  }

  /**
   * Takes note of the response to a change.
   * @param next the value after it, from the one before.
   * @returns why the response is wrong; undefined: it is right.
   */
  changed(next: (before: string) => string, status: number): string | undefined {
    const after = [...this.#values].map(next).flatMap(this.#withNone);
    if (status >= 200 && status < 300) {
      this.#values = new Set(after);
      this.#unsure = false;
    } else if (status === 502) {
      for (const value of after) this.#values.add(value);
      this.#unsure = true;
    } else if (status !== 503) return `the change got ${status}`;
    return undefined;
  }

  /**
   * Takes note of a value that a caller has read.
   * @returns why it is wrong; undefined: it is right.
   */
  read(value: string): string | undefined {
    const wrong = this.wrong(value);
    // What is gone does not come back. Only the copy of an object with a time may be read once more after the end of that time.
    if (wrong === undefined && !this.#unsure && !(value === NONE && this.#mayHaveTime())) {
      this.#values = new Set(this.#withNone(value));
    }
    return wrong;
  }

  /** Why a value is wrong; undefined: it is right. */
  wrong(value: string): string | undefined {
    return this.#values.has(value) ? undefined : `${value} is none of ${[...this.#values].join(', ')}`;
  }

  #mayHaveTime(): boolean {
    return [...this.#values].some((value) => value.startsWith('ttl'));
  }
}

/** A value, and that it is gone if it may vanish. */
const withNone = (value: string): string[] => (/^(memory|ttl|\+)/.test(value) ? [value, NONE] : [value]);
