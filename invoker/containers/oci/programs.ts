import { spawn } from 'node:child_process';
import { messageOf } from '../../../shared/errors/reasons.js';

/** The limit for one program in ms. Each normally takes some ms. */
const PROGRAM_MS = 20_000;
const MAX_SAID = 500;

/**
 * Runs a program to its end.
 * @param input its standard input.
 * @throws Error with the end of its standard error.
 */
export function runProgram(program: string, args: readonly string[], input = ''): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'ignore', 'pipe'],
      timeout: PROGRAM_MS,
      killSignal: 'SIGKILL',
    });
    let said = '';
    const fail = (reason: string): void => reject(new Error(`${program} ${args.join(' ')}: ${reason}`));
    child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-MAX_SAID)));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error) => fail(messageOf(error)));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else fail(said.trim() || `ended with code ${code}`);
    });
  });
}
