/** The limits of one attempt to join, in ms. */
export interface AttemptLimits {
  /** Without a response: a part of the attempt may hang. A slow broker that goes on responding has more time. */
  readonly silentMs: number;
  /** For the whole attempt. */
  readonly wholeMs: number;
}

/** Ends the wait for an attempt without responses. The attempt itself must be closed. */
export class AttemptLimit {
  readonly #limits: AttemptLimits;
  #silent: NodeJS.Timeout | undefined;

  constructor(limits: AttemptLimits) {
    this.#limits = limits;
  }

  /** To be called at each response. It has no effect outside of `run`. */
  responded(): void {
    this.#silent?.refresh();
  }

  /** Settles like `attempt`. @throws AttemptTimeoutError */
  async run(attempt: Promise<void>): Promise<void> {
    const { silentMs, wholeMs } = this.#limits;
    let whole: NodeJS.Timeout | undefined;
    const over = new Promise<never>((_, reject) => {
      const end = (what: string, ms: number): void =>
        reject(new AttemptTimeoutError(`the attempt had no ${what} for ${ms / 1000} s`));
      this.#silent = setTimeout(end, silentMs, 'response', silentMs);
      whole = setTimeout(end, wholeMs, 'result', wholeMs);
    });
    try {
      await Promise.race([attempt, over]);
    } finally {
      clearTimeout(this.#silent);
      clearTimeout(whole);
      this.#silent = undefined;
    }
  }
}

/** An attempt to join took too long. It is given up, since a part of it may hang. */
export class AttemptTimeoutError extends Error {
  override readonly name = 'AttemptTimeoutError';
}
