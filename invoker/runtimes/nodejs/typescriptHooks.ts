/** Hooks for Node.js without TypeScript: they remove the types of the TypeScript files that an archive imports. */
import { readFile } from 'node:fs/promises';
import type { LoadFnOutput, LoadHookContext } from 'node:module';
import { fileURLToPath } from 'node:url';
import { stripTypes } from './stripTypes.js';
import { syntaxError } from './syntax.js';

type NextLoad = (url: string, context: LoadHookContext) => LoadFnOutput | Promise<LoadFnOutput>;

export async function load(url: string, context: LoadHookContext, nextLoad: NextLoad): Promise<LoadFnOutput> {
  if (!/^file:.*\.m?ts$/.test(url)) return nextLoad(url, context);
  const file = fileURLToPath(url);
  const stripped = stripTypes(await readFile(file, 'utf8'));
  if ('fault' in stripped) throw syntaxError(stripped.fault, file);
  return { format: 'module', source: stripped.code, shortCircuit: true };
}
