import { within } from '../../process/within.js';
import type { ConsumerOptions } from '../Messaging.js';

export type InFlightLimits = Pick<ConsumerOptions<unknown>, 'maxInFlight' | 'maxBytes' | 'minInFlight'>;

/** Counts the messages in flight and their bytes, and waits for room. */
export class InFlight {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  readonly #minCount: number;
  readonly #mayFetch: () => boolean;
  #count = 0;
  #bytes = 0;
  #waiting: (() => void)[] = [];
  #onIdle: (() => void)[] = [];

  /** @param mayFetch an additional condition, which may change only when a message is handled. */
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

  /** Ends all waits for room, even without room. */
  wake(): void {
    if (this.#waiting.length === 0) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Waits at most `limitMs` for room. Resolves to whether there is room. */
  async room(limitMs: number): Promise<boolean> {
    if (this.hasRoom) return true;
    await within(new Promise<void>((resolve) => this.#waiting.push(resolve)), limitMs, () => this.wake());
    return this.hasRoom;
  }

  /** Resolves when no message is in flight. */
  idle(): Promise<void> {
    return this.#count === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }
}
