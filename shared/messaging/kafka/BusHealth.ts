/** Whether Kafka answers, as far as its clients here have seen. */
export class BusHealth {
  /** Since when it is without a success what was tried. */
  #failingSince: number | undefined;

  answered(): void {
    this.#failingSince = undefined;
  }

  failed(now: number = Date.now()): void {
    this.#failingSince ??= now;
  }

  /** A stumble is no illness: it counts as one after a while without any answer. */
  isHealthy(now: number): boolean {
    return this.#failingSince === undefined || now - this.#failingSince < TOLERATED_MS;
  }
}

const TOLERATED_MS = 5000;
