import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * The fields of `/proc/self/stat` after the name with the start and end of the environment (`man 5 proc`, 50 and 51).
 */
const ENV_START = 47;
const ENV_END = 48;

/**
 * Clears the environment of this process in `/proc/PID/environ`, which other processes of its user can read. The
 * process keeps its variables. Has no effect if the system does not allow it.
 *
 * @returns whether the environment is cleared.
 */
export function hideEnvironment(): boolean {
  const saved = { ...process.env };
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const start = Number(fields[ENV_START]);
    const length = Number(fields[ENV_END]) - start;
    if (!Number.isSafeInteger(start) || !(start > 0 && length > 0)) return false;
    const memory = openSync('/proc/self/mem', 'r+');
    try {
      writeSync(memory, Buffer.alloc(length), 0, length, start);
    } finally {
      closeSync(memory);
    }
    return true;
  } catch {
    return false;
  } finally {
    // The cleared memory was the storage of the variables: set all of them again.
    for (const [name, value] of Object.entries(saved)) process.env[name] = value;
  }
}
