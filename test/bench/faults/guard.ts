import { spawn } from 'node:child_process';
import { renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RUN_VARIABLE, type Guards } from '../../../deploy/local/RunGuardian.js';
import { benchGuard } from '../guard.js';

/** Makes all that this process starts from here on end with it (`../guard.ts`). Removes all temporary files, too. */
export function guardEverything(): Guards {
  const { guardian, folder } = benchGuard();
  process.env['TMPDIR'] = folder;
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
