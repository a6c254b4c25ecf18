import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../shared/errors/reasons.js';

/**
 * Makes a folder for sockets that all users may pass through. Empties it if an earlier run left it.
 * @returns its path: another one if the folder belongs to another user.
 */
export function makeSocketFolder(folder: string): string {
  let made = folder;
  try {
    mkdirSync(folder, { mode: 0o755 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const { uid } = lstatSync(folder);
    // Another user may have made it, or a link to a folder elsewhere.
    if (lstatSync(folder).isDirectory() && uid === process.getuid?.()) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
    } else {
      made = mkdtempSync(`${folder}-`);
    }
  }
  chmodSync(made, 0o755);
  return made;
}
