/** Room for a number of messages with a handler. */
export class Slots {
  readonly #limit: number;
  #taken = 0;
  #onRelease: (() => void) | undefined;
  #onIdle: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get free(): boolean {
    return this.#taken < this.#limit;
  }

  take(): void {
    this.#taken++;
  }

  release(): void {
    this.#taken--;
    this.#onRelease?.();
    if (this.#taken === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Waits for room, at most `timeoutMs`; whether there is any. One waits at a time. */
  wait(timeoutMs: number): Promise<boolean> {
    if (this.free) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#onRelease = undefined;
        resolve(this.free);
      };
      const timer = setTimeout(settle, timeoutMs);
      this.#onRelease = settle;
    });
  }

  /** Resolves when none is taken. */
  idle(): Promise<void> {
    return this.#taken === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }
}
