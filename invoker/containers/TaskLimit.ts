/**
 * Limits the concurrent tasks. The groups of the waiting tasks take turns: many tasks of one group delay a task of another one by one task
 * each. Within a group, tasks keep their order.
 */
export class TaskLimit {
  readonly #limit: number;
  /**
   * The functions that start waiting tasks, the oldest first, by group. The group whose turn is next comes first. A group without a waiting
   * task has no entry.
   */
  readonly #waiting = new Map<string, (() => void)[]>();
  #running = 0;

  /** @param limit the most tasks at a time. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs a task when its turn comes. @param group missing: tasks without a group are one group. */
  async run<T>(task: () => Promise<T>, group = ''): Promise<T> {
    if (this.#running >= this.#limit) await this.#wait(group);
    else this.#running++;
    try {
      return await task();
    } finally {
      // Pass the place directly to the next task.
      const next = this.#next();
      if (next) next();
      else this.#running--;
    }
  }

  #wait(group: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(group);
      if (waiting) waiting.push(resolve);
      else this.#waiting.set(group, [resolve]);
    });
  }

  #next(): (() => void) | undefined {
    const [first] = this.#waiting;
    if (!first) return undefined;
    const [group, waiting] = first;
    const next = waiting.shift();
    this.#waiting.delete(group);
    if (waiting.length > 0) this.#waiting.set(group, waiting);
    return next;
  }
}
