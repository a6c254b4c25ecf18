import type { Pacer } from '../process/Pacer.js';

/*
 * The states of the next batch:
 *
 *   none      → waiting: `schedule`, within the interval after the last batch
 *             → begins:  `schedule`, otherwise
 *   waiting   → begins:  the interval is over, the batch is full, or a caller waits for its records
 *   begins    → none:    in a later turn, so that all records of this turn are in the batch
 */

/** Decides when the next batch of records begins: after an interval, or at once while a caller waits for its records. */
export class BatchStarts {
  readonly #pace: Pacer;
  readonly #begin: () => void;
  #state: 'none' | 'waiting' | 'begins' = 'none';
  #timer: NodeJS.Timeout | undefined;
  /** The number of callers that wait for records. */
  #hurried = 0;

  /** @param begin takes the records of the batch. It may call `schedule` for the batch after it. */
  constructor(pace: Pacer, begin: () => void) {
    this.#pace = pace;
    this.#begin = begin;
  }

  /** To be called when there are records for a batch. @param full whether more records would not fit into it */
  schedule(full: boolean): void {
    if (this.#state === 'begins') return;
    const wait = full || this.#hurried > 0 ? 0 : this.#pace.rest(performance.now());
    if (wait > 0) {
      if (this.#state === 'none') this.#timer = setTimeout(() => this.#beginNow(), wait);
      this.#state = 'waiting';
      return;
    }
    clearTimeout(this.#timer);
    this.#state = 'begins';
    setImmediate(() => this.#beginNow());
  }

  /** Begins batches without an interval until `waiting` has ended. */
  async hurry(waiting: () => Promise<void>): Promise<void> {
    this.#hurried++;
    if (this.#state === 'waiting') this.schedule(true);
    try {
      await waiting();
    } finally {
      this.#hurried--;
    }
  }

  #beginNow(): void {
    this.#state = 'none';
    this.#pace.began(performance.now());
    this.#begin();
  }
}
