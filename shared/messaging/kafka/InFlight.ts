import { within } from '../../process/within.js';
import type { ConsumerOptions } from '../Messaging.js';

export type InFlightLimits = Pick<ConsumerOptions<unknown>, 'maxInFlight' | 'maxBytes' | 'minInFlight'>;

/** Counts the messages that are with a handler, and their bytes, and tells when there is room for another. */
export class InFlight {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  readonly #minCount: number;
  readonly #mayFetch: () => boolean;
  #count = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];
  #onIdle: (() => void)[] = [];

  /** @param mayFetch another condition, which changes only when a message is handled. */
  constructor({ maxInFlight, maxBytes, minInFlight }: InFlightLimits, mayFetch: () => boolean = () => true) {
    this.#maxCount = maxInFlight;
    this.#maxBytes = maxBytes ?? Infinity;
    this.#minCount = minInFlight ?? 0;
    this.#mayFetch = mayFetch;
  }

  get hasRoom(): boolean {
    if (this.#count >= this.#maxCount) return false;
    if (this.#bytes >= this.#maxBytes && this.#count >= this.#minCount) return false;
    return this.#mayFetch();
  }

  /** @param bytes of the message. */
  begin(bytes: number): void {
    this.#count++;
    this.#bytes += bytes;
  }

  /** @param bytes of the message. */
  end(bytes: number): void {
    this.#count--;
    this.#bytes -= bytes;
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
