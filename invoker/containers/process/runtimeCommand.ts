import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** A program and its arguments. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * How the Node.js runtime is run as a process of its own. From compiled code it is plain node; from the TypeScript
 * sources (tests, `npm run dev`) with the loader for those.
 */
export function nodeRuntimeCommand(): Command {
  const fromSource = import.meta.url.endsWith('.ts');
  const main = new URL(`../../runtimes/nodejs/main${fromSource ? '.ts' : '.js'}`, import.meta.url);
  const loader = fromSource ? ['--import', createRequire(import.meta.url).resolve('tsx')] : [];
  return {
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...loader, fileURLToPath(main)],
  };
}
