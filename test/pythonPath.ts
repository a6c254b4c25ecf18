import { basename, delimiter, dirname } from 'node:path';
import { findPython } from '../invoker/runtimes/python/hostPython.js';

/** Those of the kinds that servers look for at their start. */
const VERSIONS = ['3', '3.10', '3.11', '3.12', '3.13'];

/**
 * The PATH for tests: with the folders of Python's programs instead of pyenv's shims. The tests start over a hundred servers.
 * Each looks for all versions of Python, and a shim takes a fifth of a second of processor time, also if there is no such version.
 *
 * @param path the PATH of this process
 */
export async function pathWithoutShims(path: string, find: typeof findPython = findPython): Promise<string> {
  const folders = path.split(delimiter);
  const others = folders.filter((folder) => basename(folder) !== 'shims');
  if (others.length === folders.length) return path;
  const found = await Promise.all(VERSIONS.map((version) => find(version)));
  const programs = found.flatMap((python) => (typeof python === 'string' ? [] : [dirname(python.program)]));
  return [...new Set([...programs, ...others])].join(delimiter);
}
