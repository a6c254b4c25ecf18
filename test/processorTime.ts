/*
 * The processor time of a program together with all processes below it, which Node.js does not tell of a child. `times`
 * of the shell does. It counts the processes that have ended and whose parent waited for them, and no containers of Docker.
 */

/** Runs a program, writes to the file `$0` what it took, and ends with its exit code. */
const SCRIPT = '"$@"; status=$?; times > "$0"; exit $status';

/**
 * The program and the arguments that run a program and measure it.
 * @param file where its processor time will be: see {@link processorSeconds}
 */
export function measured(file: string, program: string, args: readonly string[]): [string, string[]] {
  return ['sh', ['-c', SCRIPT, file, program, ...args]];
}

/** @param times what the shell wrote. @returns the user and system time of the children in s, or undefined if it tells none */
export function processorSeconds(times: string): number | undefined {
  const children = /(\d+)m([\d.]+)s\s+(\d+)m([\d.]+)s\s*$/.exec(times);
  if (!children) return undefined;
  const [userMinutes = 0, user = 0, systemMinutes = 0, system = 0] = children.slice(1).map(Number);
  return (userMinutes + systemMinutes) * 60 + user + system;
}
