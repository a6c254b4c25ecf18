/*
 * Loads the modules that a mutant's tests import: a file `f.js?mutant=7` imports the project's other files with the same
 * query, so that each mutant has its own instances, and the target's text is that of mutant 7.
 */
import type { LoadHook, ResolveHook } from 'node:module';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

let target = '';
let sources = '';

/** @param data.target the path of the file that is changed. @param data.sources the folder of the changed texts, `ID.js`. */
export function initialize(data: { readonly target: string; readonly sources: string }): void {
  ({ target, sources } = data);
}

export const resolve: ResolveHook = async (specifier, context, next) => {
  const resolved = await next(specifier, context);
  const query = context.parentURL === undefined ? '' : new URL(context.parentURL).search;
  const isOurs = resolved.url.startsWith('file:') && !resolved.url.includes('/node_modules/');
  return query.startsWith('?mutant=') && isOurs ? { ...resolved, url: resolved.url.split('?')[0] + query } : resolved;
};

export const load: LoadHook = async (url, context, next) => {
  const id = url.startsWith('file:') ? new URL(url).searchParams.get('mutant') : null;
  if (id === null || fileURLToPath(url) !== target) return next(url, context);
  return { format: 'module', source: await readFile(join(sources, `${id}.js`), 'utf8'), shortCircuit: true };
};
