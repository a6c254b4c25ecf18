import type { Logger } from '../../logging/Logger.js';
import { causeOf } from './causes.js';

/*
 * The health of Kafka, as seen by this process's clients.
 *
 *   unknown -> up     the first response
 *   unknown -> down   the first failure; logs it at once
 *   up -> down        only failures for 5 s, or a request without a response for 5 s; logs it once
 *   down -> up        a response; logs the duration
 *
 * A frozen broker shows by a request without a response, a dead broker by failures.
 */
export class BusHealth {
  readonly #log: Logger;
  readonly #where: string;
  readonly #now: () => number;
  /** The start of the current series of failures. */
  #failingSince: number | undefined;
  /** The last failure, for the log. */
  #failure: unknown;
  /** The start times of pending requests, the oldest first. */
  readonly #asked = new Map<symbol, number>();
  #answeredAt: number | undefined;
  #state: 'unknown' | 'up' | 'down' = 'unknown';
  #since: number;

  /** @param where the brokers' addresses, for the log. */
  constructor(log: Logger, where: string, now: () => number = Date.now) {
    this.#log = log;
    this.#where = where;
    this.#now = now;
    this.#since = now();
  }

  /** The start of the current state, in ms since the epoch. */
  get since(): number {
    return this.#since;
  }

  /** The time of the last response, in ms since the epoch; undefined before the first one. */
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

  /** To be called at the start of a request; `settled` ends it. */
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

  /** Detects pending requests without a response. To be called periodically. */
  check(): void {
    if (this.#state === 'down') return;
    const now = this.#now();
    const [oldest] = this.#asked.values();
    const failing = this.#failingSince !== undefined && now - this.#failingSince >= this.#toleratedMs();
    const silent = oldest !== undefined && now - oldest >= TOLERATED_MS;
    if (!failing && !silent) return;
    this.#state = 'down';
    this.#since = (failing ? this.#failingSince : oldest) ?? now;
    const cause = failing ? causeOf(this.#failure) : `a request got no response for ${TOLERATED_MS / 1000} s`;
    this.#log.warn(`the bus (Kafka at ${this.#where}) is unavailable, waiting for it: ${cause}`);
  }

  #up(): void {
    const now = this.#now();
    if (this.#state === 'down') {
      const seconds = ((now - this.#since) / 1000).toFixed(1);
      this.#log.info(`the bus (Kafka at ${this.#where}) is available again after ${seconds} s`);
    }
    this.#state = 'up';
    this.#since = now;
  }

  /** The tolerated time of failures. A bus that never answered is unavailable at the first failure. */
  #toleratedMs(): number {
    return this.#state === 'unknown' ? 0 : TOLERATED_MS;
  }
}

const TOLERATED_MS = 5000;
