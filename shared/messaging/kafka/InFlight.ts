import { within } from '../../process/within.js';

/** Counts the messages that are with a handler, and tells when there is room for another. */
export class InFlight {
  readonly #limit: number;
  #count = 0;
  #waiting: (() => void)[] = [];
  #onIdle: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get hasRoom(): boolean {
    return this.#count < this.#limit;
  }

  begin(): void {
    this.#count++;
  }

  end(): void {
    this.#count--;
    this.wake();
    if (this.#count === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** Ends all waiting for room, whether or not there is any. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Waits for room, at most `limitMs`; resolves to whether there is any. */
  async room(limitMs: number): Promise<boolean> {
    if (this.hasRoom) return true;
    await within(new Promise<void>((resolve) => this.#waiting.push(resolve)), limitMs, () => this.wake());
    return this.hasRoom;
  }

  /** Resolves when no message is with the handler. */
  idle(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }
}
