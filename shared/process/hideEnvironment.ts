import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';

/** Fields of `/proc/self/stat` behind the name: where the environment begins and ends in memory (`man 5 proc`, 50 and 51). */
const ENV_START = 47;
const ENV_END = 48;

/**
 * Clears the text of this process's environment that other processes of its user read in `/proc/PID/environ`. This process
 * keeps its variables. Where the system does not allow it, nothing changes.
 *
 * @returns whether the text is cleared.
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
    // The cleared text was the variables' own storage: this stores each of them anew.
    for (const [name, value] of Object.entries(saved)) process.env[name] = value;
  }
}
