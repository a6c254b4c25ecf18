import { Queue } from '../../../shared/process/Queue.js';

type Task = () => Promise<void>;

interface Lane {
  readonly waiting: Queue<Task>;
  running: number;
}

/** Runs tasks for each destination in the order of their arrival, and a limited number of them at the same time. */
export class Lanes {
  readonly #atOnce: number;
  readonly #lanes = new Map<string, Lane>();
  #onIdle: (() => void)[] = [];

  /** @param atOnce for each destination. */
  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** @param task never rejects. */
  add(destination: string, task: Task): void {
    const lane = this.#lanes.get(destination) ?? { waiting: new Queue<Task>(), running: 0 };
    this.#lanes.set(destination, lane);
    lane.waiting.push(task);
    if (lane.running < this.#atOnce) void this.#run(destination, lane);
  }

  /** Resolves when no task is left. */
  async idle(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  async #run(destination: string, lane: Lane): Promise<void> {
    lane.running++;
    for (let task = lane.waiting.shift(); task; task = lane.waiting.shift()) await task();
    lane.running--;
    if (lane.running > 0) return;
    this.#lanes.delete(destination);
    if (this.#lanes.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
