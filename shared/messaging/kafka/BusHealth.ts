import type { Logger } from '../../logging/Logger.js';
import { causeOf } from './causes.js';

/*
 * The health of Kafka, as seen by this process's clients.
 *
 *   unknown -> up     the first response
 *   unknown -> down   the first failure; logs it at once
 *   up -> down        only failures for 5 s, or a send without a response for 5 s in which no other send got one; logs it
 *                     once
 *   down -> up        a response, and no send without one for 5 s; logs the duration
 *
 * A frozen broker shows by a send without a response, a dead broker by failures. Responses to fetches do not count for
 * sends: the leader still answers them while it waits for a frozen follower.
 */
export class BusHealth {
  readonly #log: Logger;
  readonly #where: string;
  readonly #now: () => number;
  /** The start of the current series of failures. */
  #failingSince: number | undefined;
  /** The last failure, for the log. */
  #failure: unknown;
  /** The start times of pending sends, the oldest first. */
  readonly #sends = new Map<symbol, number>();
  /** The time of the last response to a send. */
  #sentAt: number | undefined;
  /** The time of the last response to any request. */
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

  /** To be called at each response other than those to sends. */
  answered(): void {
    this.#failingSince = undefined;
    this.#answeredAt = this.#now();
    if (this.#state !== 'up' && this.#silentSince() === undefined) this.#up();
  }

  failed(error: unknown): void {
    this.#failingSince ??= this.#now();
    this.#failure = error;
    if (this.#state !== 'down') this.check();
  }

  /** To be called at the start of a send; `sent` or `unsent` ends it. */
  sending(): symbol {
    const send = Symbol('send');
    this.#sends.set(send, this.#now());
    return send;
  }

  /** To be called at the response to a send. */
  sent(send: symbol): void {
    this.#sends.delete(send);
    this.#sentAt = this.#now();
    this.answered();
  }

  /** To be called when a send fails. */
  unsent(send: symbol): void {
    this.#sends.delete(send);
  }

  isUp(): boolean {
    this.check();
    return this.#state !== 'down';
  }

  /** Detects sends without a response. To be called periodically. */
  check(): void {
    if (this.#state === 'down') return;
    const now = this.#now();
    const failing = this.#failingSince !== undefined && now - this.#failingSince >= this.#toleratedMs();
    const silentSince = this.#silentSince();
    if (!failing && silentSince === undefined) return;
    this.#state = 'down';
    this.#since = (failing ? this.#failingSince : silentSince) ?? now;
    const cause = failing ? causeOf(this.#failure) : `a message got no response for ${TOLERATED_MS / 1000} s`;
    this.#log.warn(`the bus (Kafka at ${this.#where}) is unavailable, waiting for it: ${cause}`);
  }

  /** The time since which sends have had no response, if that is too long. */
  #silentSince(): number | undefined {
    const [oldest] = this.#sends.values();
    if (oldest === undefined) return undefined;
    // A response means that a broker takes messages, even if an older send still waits on a broken connection.
    const since = Math.max(oldest, this.#sentAt ?? oldest);
    return this.#now() - since >= TOLERATED_MS ? since : undefined;
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
