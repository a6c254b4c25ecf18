import { setTimeout as sleep } from 'node:timers/promises';
import type { Pace } from '../../process/Pace.js';

/** A message as it goes to Kafka. */
export interface Outgoing {
  readonly key: string | null;
  readonly value: Buffer;
}

/**
 * The messages of one topic on their way out, in order: the first goes at once, those that come while a request is
 * under way, or before the next one's time has come, go together. So a rush costs few requests, and the fewer the busier
 * the bus is. A message with patience waits until the next one without it goes or its time is over.
 */
export class Outbox {
  readonly #transmit: (messages: Outgoing[]) => Promise<void>;
  readonly #maxBytes: number;
  readonly #pace: Pace | undefined;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  /** Where all that wait have patience: when the first of them loses it. */
  #patience: { readonly until: number; readonly timer: NodeJS.Timeout } | undefined;
  /** Something waits that has no patience, or has lost it. */
  #due = false;

  /**
   * @param maxBytes of one request: what the topic takes, since a broker judges a batch as a whole.
   * @param pace how close together requests are; without one the next begins when the last has ended.
   */
  constructor(maxBytes: number, transmit: (messages: Outgoing[]) => Promise<void>, pace?: Pace) {
    this.#maxBytes = maxBytes;
    this.#transmit = transmit;
    this.#pace = pace;
  }

  /** Resolves once the message was transmitted. */
  add(message: Outgoing, patienceMs = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject });
      if (patienceMs === 0) this.#start();
      else if (!this.#due) this.#wait(patienceMs);
    });
  }

  /** Sends what waits; resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#waiting.length > 0) this.#start();
    return this.#flushing ?? Promise.resolve();
  }

  #wait(patienceMs: number): void {
    const until = performance.now() + patienceMs;
    if (this.#patience && this.#patience.until <= until) return;
    clearTimeout(this.#patience?.timer);
    this.#patience = { until, timer: setTimeout(() => this.#start(), patienceMs) };
  }

  #start(): void {
    this.#due = true;
    clearTimeout(this.#patience?.timer);
    this.#patience = undefined;
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    while (this.#due) {
      const rest = this.#pace?.rest(performance.now()) ?? 0;
      if (rest > NEGLIGIBLE_MS) await sleep(rest);
      const batch = this.#takeBatch();
      if (this.#waiting.length === 0) this.#due = false;
      const began = performance.now();
      this.#pace?.began(began);
      try {
        await this.#transmit(batch.map(({ message }) => message));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      this.#pace?.took(performance.now() - began);
    }
    this.#flushing = undefined;
  }

  #takeBatch(): Waiting[] {
    let bytes = BATCH_OVERHEAD_BYTES;
    let count = 0;
    for (const { message } of this.#waiting) {
      bytes += message.value.length + OVERHEAD_BYTES;
      if (count > 0 && bytes > this.#maxBytes) break;
      count++;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }
}

/** Timers count in ms: a shorter rest is none. */
const NEGLIGIBLE_MS = 0.5;

/** What a batch takes at most for itself, and for each record besides its value. */
const BATCH_OVERHEAD_BYTES = 64;
const OVERHEAD_BYTES = 32;

interface Waiting {
  readonly message: Outgoing;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
