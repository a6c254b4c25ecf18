import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Trial, Verdict } from './worker.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** For the tests without a change. */
const FIRST_LIMIT_MS = 120_000;
/** A test may take so many times what all tests take without a change, and at least so many ms. */
const TIMES_LONGER = 5;
const LEAST_TIMEOUT_MS = 2000;
/** For loading the modules, besides. */
const LOADING_MS = 2000;

export const UNCHANGED = 'unchanged';

/** How the tests of a target take a mutant. */
export interface Outcome {
  readonly killedBy: string | undefined;
  /** The tests did not end in time. */
  readonly late: boolean;
  readonly tookMs: number;
}

/**
 * A process in which the tests of one target run with one mutant after the other. A mutant that loops for ever ends the
 * process; the next mutant gets a new one.
 */
export class Trials {
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;
  #timeoutMs = 0;

  /** @param sources the folder of the changed texts. @param tests paths of the compiled test files. */
  constructor(target: string, sources: string, tests: readonly string[]) {
    this.#arguments = [target, sources, ...tests];
  }

  /** Why the tests fail without a change; undefined where they pass. Sets the deadlines of the mutants. */
  async check(): Promise<string | undefined> {
    const { killedBy, tookMs } = await this.#ask({ id: UNCHANGED, timeoutMs: FIRST_LIMIT_MS }, FIRST_LIMIT_MS);
    this.#timeoutMs = Math.max(LEAST_TIMEOUT_MS, Math.ceil(TIMES_LONGER * tookMs));
    return killedBy;
  }

  /** Runs the tests with the text `ID.js`, until one fails. */
  run(id: string): Promise<Outcome> {
    return this.#ask({ id, timeoutMs: this.#timeoutMs }, 2 * this.#timeoutMs + LOADING_MS);
  }

  end(): void {
    this.#process?.kill('SIGKILL');
    this.#process = undefined;
  }

  async #ask(trial: Trial, limitMs: number): Promise<Outcome> {
    const worker = (this.#process ??= await begin(this.#arguments));
    const ended = new AbortController();
    const timer = setTimeout(() => this.end(), limitMs);
    const verdict = once(worker, 'message', { signal: ended.signal }) as Promise<[Verdict]>;
    const exit = once(worker, 'exit', { signal: ended.signal }).then(() => undefined);
    try {
      worker.send(trial);
      const answer = await Promise.race([verdict, exit]);
      if (!answer) {
        const late = this.#process === undefined;
        this.#process = undefined;
        return { killedBy: late ? 'its deadline' : 'the end of the process', late, tookMs: limitMs };
      }
      const [{ failed, tookMs }] = answer;
      return { killedBy: failed, late: false, tookMs };
    } finally {
      clearTimeout(timer);
      for (const one of [verdict, exit]) one.catch(() => undefined);
      ended.abort();
    }
  }
}

async function begin(args: readonly string[]): Promise<ChildProcess> {
  const worker = fork(WORKER, args, { stdio: 'ignore' });
  await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(() => {
      throw new Error('the worker of the mutants does not start');
    }),
  ]);
  return worker;
}
