import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { messageOf } from '../../../shared/errors/reasons.js';
import { within } from '../../../shared/process/within.js';

/** The limit for one program in ms. Each normally takes some ms. */
const PROGRAM_MS = 20_000;
/** The wait for its last words: a process that it has started may keep its standard error open. */
const LAST_WORDS_MS = 500;
const MAX_SAID = 500;

/**
 * Runs a program to its end.
 * @param input its standard input.
 * @throws Error with the end of its standard error, or that it did not end in time.
 */
export function runProgram(program: string, args: readonly string[], input = '', limitMs = PROGRAM_MS): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    let said = '';
    const fail = (reason: string): void => reject(new Error(`${program} ${args.join(' ')}: ${reason}`));
    child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-MAX_SAID)));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error) => fail(messageOf(error)));
    const closed = once(child, 'close').catch(() => undefined);
    child.once('exit', (code, signal) => {
      if (code === 0) return resolve();
      const late = signal === 'SIGKILL' && child.killed ? `did not end within ${limitMs / 1000} s` : undefined;
      void within(closed, LAST_WORDS_MS, () => undefined).then(() => {
        fail(late ?? (said.trim() || `ended with ${code === null ? signal : `code ${code}`}`));
      });
    });
  });
}
