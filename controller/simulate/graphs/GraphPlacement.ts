/** The state of the workers for a placement. */
export interface WorkersState {
  /** Whether a worker has a free slot. */
  idle(worker: number): boolean;
  /** The tasks that were placed on a worker and have not ended. */
  load(worker: number): number;
  /** The worker of a task that is placed; -1 before. */
  workerOf(task: number): number;
}

/** Chooses the workers of a graph's tasks. For one run. */
export interface GraphPlacement {
  /** The worker of a task whose inputs all exist. */
  place(task: number, now: number, state: WorkersState): number;
  /** The worker that keeps a task's result, where results are kept at homes: see `GraphSimulation.results`. */
  homeOf?(task: number, now: number): number;
  /** Called at the end of each task. */
  ended?(task: number, worker: number, tookMs: number, now: number): void;
}
