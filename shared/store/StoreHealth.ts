import { silentLogger, type Logger } from '../logging/Logger.js';
import { StoreFullError, StoreUnavailableError } from './ArtifactStore.js';

/*
 * The health of the store:
 *
 *   answering → away        a request fails because the store is unavailable; logs a warning
 *   away      → answering   a request succeeds; logs the duration
 */
export class StoreHealth {
  readonly #log: Logger;
  readonly #now: () => number;
  #awaySince: number | undefined;
  #answeredAt: number;

  /** @param now milliseconds, monotonic */
  constructor(log: Logger = silentLogger, now: () => number = () => performance.now()) {
    this.#log = log;
    this.#now = now;
    this.#answeredAt = now();
  }

  get isUp(): boolean {
    return this.#awaySince === undefined;
  }

  /** The time since the store's last response, in ms. */
  get ageMs(): number {
    return this.#now() - this.#answeredAt;
  }

  /** Observes a request, and settles like it. */
  async watch<T>(request: Promise<T>): Promise<T> {
    try {
      const answer = await request;
      this.#answered();
      return answer;
    } catch (error) {
      if (error instanceof StoreUnavailableError && !(error instanceof StoreFullError)) this.#failed(error);
      else this.#answered();
      throw error;
    }
  }

  #answered(): void {
    this.#answeredAt = this.#now();
    if (this.#awaySince === undefined) return;
    const seconds = ((this.#now() - this.#awaySince) / 1000).toFixed(1);
    this.#awaySince = undefined;
    this.#log.info(`the store answers again after ${seconds} s`);
  }

  #failed(error: StoreUnavailableError): void {
    if (this.#awaySince !== undefined) return;
    this.#awaySince = this.#now();
    this.#log.warn('the store does not answer: cached identities and entities are used, other requests get 503', {
      error,
    });
  }
}
