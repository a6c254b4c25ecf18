import { Worker } from 'node:worker_threads';
import type { JobOf, Kind, Message, ResultOf } from './jobs.js';

/** No job may take longer. */
const LIMIT_MS = 15 * 60_000;

/** Told about the jobs of a section. */
export interface Meter {
  /** A job begins. */
  begin(): void;
  /** A job took so much processor time, in seconds. */
  end(seconds: number): void;
}

/** Threads that run the jobs of all simulations, in the order in which they were given. */
export class JobPool {
  readonly #workers: Worker[];
  readonly #idle: Worker[];
  /** Jobs that wait for a thread: all of a run, some hundreds. */
  readonly #waiting: ((worker: Worker) => void)[] = [];

  constructor(threads: number) {
    const file = new URL('./jobWorker.js', import.meta.url);
    this.#workers = Array.from({ length: threads }, () => new Worker(file));
    this.#idle = [...this.#workers];
  }

  /**
   * Runs a job in a thread.
   * @throws Error with the stack of the job's error, or if the thread ended or the job takes too long: the pool has a
   *   thread less then.
   */
  async run<K extends Kind>(job: JobOf<K>, meter: Meter): Promise<ResultOf<K>> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    meter.begin();
    const answered = messageOf<K>(worker);
    worker.postMessage(job);
    const message = await answered;
    const next = this.#waiting.shift();
    if (next) next(worker);
    else this.#idle.push(worker);
    if ('error' in message) throw new Error(`a job failed: ${message.error}`);
    meter.end(message.seconds);
    return message.result;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

/** @throws the error that ended the thread, or an Error after `LIMIT_MS`. */
function messageOf<K extends Kind>(worker: Worker): Promise<Message<K>> {
  return new Promise((resolve, reject) => {
    const settled = (): void => {
      clearTimeout(timer);
      worker.off('message', answered).off('error', failed);
    };
    const answered = (message: Message<K>): void => {
      settled();
      resolve(message);
    };
    const failed = (error: unknown): void => {
      settled();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const timer = setTimeout(() => failed(new Error(`a job took longer than ${LIMIT_MS / 60_000} minutes`)), LIMIT_MS);
    worker.on('message', answered).on('error', failed);
  });
}
