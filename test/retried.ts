import { setTimeout as sleep } from 'node:timers/promises';
import { runProgram } from './runProgram.js';

const ATTEMPTS = 3;
const PAUSE_MS = 5000;

/** Where the failures of {@link retried} are told, and how it waits. */
export interface RetryParts {
  readonly say: (text: string) => void;
  /** @param ms the time to wait */
  readonly wait: (ms: number) => Promise<unknown>;
}

/**
 * Does a step that needs the network, and does it again if it fails: a registry that refuses one request must not fail a run
 * of all tests. There are three attempts, with a pause of 5 s and then 10 s. The step has to have a limit of its own.
 * @param what the step, for the messages: `npm ci`
 * @throws the last error
 */
export async function retried<T>(
  what: string,
  step: () => T | Promise<T>,
  { say, wait }: RetryParts = { say: console.warn, wait: sleep },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const pauseMs = PAUSE_MS * attempt;
      say(`${what} failed, attempt ${attempt} of ${ATTEMPTS}; the next one is in ${pauseMs / 1000} s: ${reason}`);
      await wait(pauseMs);
    }
  }
}

const NPM_MS = 900_000;

/**
 * Installs the packages of a folder with a lock file.
 * @param options of npm
 * @throws Error with the end of npm's output
 */
export function npmCi(folder: string, ...options: string[]): Promise<void> {
  return runProgram('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund', ...options], { limitMs: NPM_MS });
}
