/** Limits the concurrent tasks; the others wait in their order. */
export class TaskLimit {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await task();
    } finally {
      // Pass the place directly to the next task.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}
