import type { WriteOptions } from './options.js';

interface Waiting {
  readonly by: number;
  readonly resolve: (sum: number) => void;
  readonly reject: (error: unknown) => void;
}

type Send = (color: string, key: string, by: number, options: WriteOptions) => Promise<number>;

/**
 * Increments of numbers. While a request for a number is under way, further increments of it wait, and then share the
 * next request. Each still gets its own sum, as if they had been executed one after the other.
 */
export class Increments {
  readonly #send: Send;
  /** The waiting increments of numbers with a request under way. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(send: Send) {
    this.#send = send;
  }

  add(color: string, key: string, by: number, options: WriteOptions): Promise<number> {
    // Only sums of whole numbers are exact. Options may differ from call to call.
    if (!Number.isSafeInteger(by) || Object.keys(options).length > 0) return this.#send(color, key, by, options);
    return new Promise((resolve, reject) => {
      const place = `${color}\n${key}`;
      const waiting = this.#waiting.get(place);
      if (waiting) {
        waiting.push({ by, resolve, reject });
      } else {
        this.#waiting.set(place, []);
        void this.#run(place, color, key, [{ by, resolve, reject }]);
      }
    });
  }

  /** Sends the increments, and then those that came meanwhile, until there are no more. Never rejects. */
  async #run(place: string, color: string, key: string, first: Waiting[]): Promise<void> {
    for (let batch = first; batch.length > 0; batch = this.#waiting.get(place)?.splice(0) ?? []) {
      const total = batch.reduce((sum, { by }) => sum + by, 0);
      try {
        let sum = (await this.#send(color, key, total, {})) - total;
        for (const { by, resolve } of batch) resolve((sum += by));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#waiting.delete(place);
  }
}
