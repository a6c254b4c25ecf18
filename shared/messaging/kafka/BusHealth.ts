import type { Logger } from '../../logging/Logger.js';
import { causeOf } from './causes.js';

/*
 * Whether Kafka answers, as far as its clients here have seen.
 *
 *   unknown -> up     the first answer
 *   unknown -> down   the first failure: said at once
 *   up -> down        nothing but failures for 5 s, or a request without an answer for 5 s: said once
 *   down -> up        an answer: said with the duration
 *
 * A broker that is frozen is found by the request that it does not answer, one that is dead by failures.
 */
export class BusHealth {
  readonly #log: Logger;
  readonly #where: string;
  readonly #now: () => number;
  /** Since when all attempts failed. */
  #failingSince: number | undefined;
  /** The last failure, for the log. */
  #failure: unknown;
  /** Requests without an answer yet, the oldest first, and when each began. */
  readonly #asked = new Map<symbol, number>();
  #answeredAt: number | undefined;
  #state: 'unknown' | 'up' | 'down' = 'unknown';
  #since: number;

  /** @param where the brokers, for the log. */
  constructor(log: Logger, where: string, now: () => number = Date.now) {
    this.#log = log;
    this.#where = where;
    this.#now = now;
    this.#since = now();
  }

  /** When the present state began, in ms since the epoch. */
  get since(): number {
    return this.#since;
  }

  /** When the bus answered last, in ms since the epoch; undefined before the first answer. */
  get answeredAt(): number | undefined {
    return this.#answeredAt;
  }

  answered(): void {
    this.#failingSince = undefined;
    this.#answeredAt = this.#now();
    if (this.#state !== 'up') this.#up();
  }

  failed(error: unknown): void {
    this.#failingSince ??= this.#now();
    this.#failure = error;
    if (this.#state !== 'down') this.check();
  }

  /** A request began; `settled` ends it. */
  asked(): symbol {
    const request = Symbol('request');
    this.#asked.set(request, this.#now());
    return request;
  }

  settled(request: symbol): void {
    this.#asked.delete(request);
  }

  isUp(): boolean {
    this.check();
    return this.#state !== 'down';
  }

  /** Notices what went by without an event: called now and then. */
  check(): void {
    if (this.#state === 'down') return;
    const now = this.#now();
    const [oldest] = this.#asked.values();
    const failing = this.#failingSince !== undefined && now - this.#failingSince >= this.#toleratedMs();
    const silent = oldest !== undefined && now - oldest >= TOLERATED_MS;
    if (!failing && !silent) return;
    this.#state = 'down';
    this.#since = (failing ? this.#failingSince : oldest) ?? now;
    const cause = failing ? causeOf(this.#failure) : `a request had no answer for ${TOLERATED_MS / 1000} s`;
    this.#log.warn(`the bus (Kafka at ${this.#where}) is away, and is waited for: ${cause}`);
  }

  #up(): void {
    const now = this.#now();
    if (this.#state === 'down') {
      const seconds = ((now - this.#since) / 1000).toFixed(1);
      this.#log.info(`the bus (Kafka at ${this.#where}) is back after ${seconds} s`);
    }
    this.#state = 'up';
    this.#since = now;
  }

  /** One that never answered is away from the first failure on. */
  #toleratedMs(): number {
    return this.#state === 'unknown' ? 0 : TOLERATED_MS;
  }
}

const TOLERATED_MS = 5000;
