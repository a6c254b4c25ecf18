import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const OUTPUT_BYTES = 16 * 1024 * 1024;
const OUTPUT_CHARACTERS = 2000;

/**
 * Runs a program to its end, and lets this process do other things meanwhile.
 * @param options.limitMs a program that takes longer is killed
 * @param options.env instead of this process's environment
 * @throws Error with the end of its output if it fails
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { limitMs, env = process.env }: { readonly limitMs: number; readonly env?: NodeJS.ProcessEnv },
): Promise<void> {
  const limits = { timeout: limitMs, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES } as const;
  try {
    await promisify(execFile)(program, [...args], { ...limits, env });
  } catch (error) {
    const { message, stdout, stderr, killed } = error as Partial<Ended> & Error;
    if (killed === true) throw new Error(`${program} did not end within ${limitMs / 1000} s`, { cause: error });
    const output = `${stderr ?? ''}${stdout ?? ''}`.slice(-OUTPUT_CHARACTERS);
    const reason = output === '' ? `cannot be started: ${message.slice(0, 300)}` : `failed: ${output}`;
    throw new Error(`${program} ${reason}`, { cause: error });
  }
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly killed: boolean;
}
