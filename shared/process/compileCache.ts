import * as nodeModule from 'node:module';
import { lstatSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/*
 * From version 22.1 on, Node.js can keep compiled JavaScript in files, so that later starts do not compile it again. The
 * folder must belong to this user: whoever writes to it chooses the code of the next start.
 */

/** Keeps compiled code for the next start, where Node.js can. To be called before modules are loaded. Never throws. */
export function keepCompiledCode(): void {
  try {
    const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
    if (!isAbsolute(cache)) return;
    const own = join(cache, 'palette-whisk');
    const owner = lstatSync(own, { throwIfNoEntry: false })?.uid;
    // Under sudo, the home folder may be that of another user, who may have put a link there.
    if (owner === undefined || owner === process.getuid?.()) call('enableCompileCache', join(own, 'compiled'));
  } catch {
    // The user has no home folder.
  }
}

/** Writes the code that was compiled so far. Otherwise Node.js writes it at the exit, and never if the process is killed. */
export function writeCompiledCode(): void {
  call('flushCompileCache');
}

/** Calls a function of `node:module` that older versions lack. */
function call(name: 'enableCompileCache' | 'flushCompileCache', ...args: string[]): void {
  try {
    const called: unknown = Reflect.get(nodeModule, name);
    if (typeof called === 'function') Reflect.apply(called, nodeModule, args);
  } catch {
    // Without a cache, the start takes longer.
  }
}
