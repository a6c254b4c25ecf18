import { execFile } from 'node:child_process';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endTree } from './processTree.js';

/** The file with the process id in a container's folder. */
export const PID_FILE = 'pid';

/**
 * Kills the processes whose folders an earlier run left in `folder`, and removes those folders.
 * @returns their number
 */
export async function removeLeftoverProcesses(folder: string, isLeft: (name: string) => boolean): Promise<number> {
  // Keep the packages that all processes share.
  const names = (await readdir(folder).catch(() => [])).filter((name) => name !== 'node_modules' && isLeft(name));
  for (const name of names) {
    const path = join(folder, name);
    const pid = Number(await readFile(join(path, PID_FILE), 'utf8').catch(() => ''));
    if (pid > 0 && (await commandLine(pid)).includes(path)) await endTree(pid, path);
    await rm(path, { recursive: true, force: true });
  }
  return names.length;
}

/**
 * The arguments of a process. They contain the folder of a leftover, but not of an unrelated process with the same id.
 */
async function commandLine(pid: number): Promise<string> {
  try {
    return (await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)])).stdout;
  } catch {
    return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  }
}
