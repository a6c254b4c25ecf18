import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { RUN_VARIABLE, RunGuardian, type Guards } from '../../../deploy/local/RunGuardian.js';

/**
 * Makes what this process starts from here on end with it, even if it is killed by `kill -9`: brokers and databases by
 * their environment, and servers that hide theirs if they are added to the result. Removes all temporary files.
 */
export function guardEverything(): Guards {
  const folder = mkdtempSync(join(tmpdir(), 'palette-faults-'));
  process.env[RUN_VARIABLE] = folder;
  process.env['TMPDIR'] = folder;
  // It acts when this process ends, in order or not.
  const guardian = new RunGuardian(folder);
  guardian.addPath(folder);
  return guardian;
}

/** Moves a folder to a place where it stays after the end of this process. @returns its path. */
export function keep(folder: string): string {
  const guarded = process.env[RUN_VARIABLE];
  if (guarded === undefined || dirname(folder) !== guarded) return folder;
  const kept = join(dirname(guarded), basename(folder));
  renameSync(folder, kept);
  return kept;
}

/** Unmounts the disk in the folder `$1` after the end of this process, for any reason, and removes the folder. */
const UNMOUNT = `trap '' HUP INT TERM; cat >/dev/null; umount -l "$1" && rmdir "$1" "$(dirname "$1")"`;

/** Needs root. @returns ends the watch, when the disk is not mounted any more. */
export function unmountAtEnd(folder: string): () => void {
  // Without the variable, it is not among the processes that the guardian kills.
  const { [RUN_VARIABLE]: _, ...env } = process.env;
  const child = spawn('/bin/sh', ['-c', UNMOUNT, 'palette-whisk-unmount', folder], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    env,
  });
  child.unref();
  return () => void child.kill('SIGKILL');
}
