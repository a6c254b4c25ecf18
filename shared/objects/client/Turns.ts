import { ObjectsError } from './ObjectsError.js';

/** A bounded number of requests at a time. Further ones wait for their turn, the oldest first. */
export class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  /** The functions that start waiting requests. */
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  /**
   * @param most the most requests at a time.
   * @param mostWaiting the most requests that wait for their turn.
   */
  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  /**
   * Waits for a turn, which ends with `leave`.
   * @param limitMs the longest wait, in ms.
   * @throws ObjectsError with status 0: too many requests wait, or the wait was too long. Then there is no turn to end.
   */
  take(limitMs: number): Promise<void> {
    if (this.#taken < this.#most) {
      this.#taken++;
      return Promise.resolve();
    }
    if (this.#waiting.size >= this.#mostWaiting) {
      const text = `This process has ${this.#waiting.size} requests for objects that wait for a connection, the most for one: wait for their responses first.`;
      return Promise.reject(new ObjectsError(0, text));
    }
    return new Promise((resolve, reject) => {
      const start = (): void => {
        clearTimeout(late);
        resolve();
      };
      const late = setTimeout(() => {
        this.#waiting.delete(start);
        const text = `The request got no connection within ${limitMs} ms: ${this.#taken} other requests for objects are under way, the most for one process.`;
        reject(new ObjectsError(0, text));
      }, limitMs);
      this.#waiting.add(start);
    });
  }

  /** Ends a turn. The oldest waiting request gets it. */
  leave(): void {
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next();
    } else this.#taken--;
  }
}
