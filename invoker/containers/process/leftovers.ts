import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endTree } from './processTree.js';

/** The file in a container's folder that holds its process id. */
export const PID_FILE = 'pid';

/**
 * Ends the processes whose folders an earlier run left in `folder`, and removes those folders.
 * @returns how many there were
 */
export async function removeLeftoverProcesses(folder: string, isLeft: (name: string) => boolean): Promise<number> {
  // What is provided to all of them stays.
  const names = (await readdir(folder).catch(() => [])).filter((name) => name !== 'node_modules' && isLeft(name));
  for (const name of names) {
    const path = join(folder, name);
    const pid = Number(await readFile(join(path, PID_FILE), 'utf8').catch(() => ''));
    if (pid > 0 && (await commandLine(pid)).includes(path)) await endTree(pid, path);
    await rm(path, { recursive: true, force: true });
  }
  return names.length;
}

/** The id of a process may have gone to another one: its arguments tell (each of ours has its folder among them). */
async function commandLine(pid: number): Promise<string> {
  try {
    return (await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)])).stdout;
  } catch {
    return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  }
}
