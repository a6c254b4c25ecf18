import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPackages, PROVIDED_PACKAGES, RUNTIME_PACKAGES } from '../../runtimes/image/packages.js';

/** A program and its arguments. */
export interface RuntimeCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** How to run a runtime as a process. */
export interface ProcessRuntime {
  readonly command: RuntimeCommand;
  /** The files and folders that the runtime reads, in addition to those of the system. */
  readonly readable: readonly string[];
  /** The arguments that limit its heap, for machines whose memory use cannot be watched. */
  readonly heapLimit?: (memoryMB: number) => readonly string[];
  /** Whether the memory of its child processes counts, too. */
  readonly countsChildren?: boolean;
}

/**
 * Runs the Node.js runtime: node for compiled code, with a loader for TypeScript sources (tests, `npm run dev`).
 * @param node the program
 */
export function nodeRuntime(node: string = process.execPath): ProcessRuntime {
  return runtimeIn('nodejs', node);
}

/** Runs the runtime of any executable, which is a program for node, too. */
export function nativeRuntime(): ProcessRuntime {
  return { ...runtimeIn('native', process.execPath), countsChildren: true };
}

function runtimeIn(name: 'nodejs' | 'native', node: string): ProcessRuntime {
  const fromSource = import.meta.url.endsWith('.ts');
  const main = new URL(`../../runtimes/${name}/main${fromSource ? '.ts' : '.js'}`, import.meta.url);
  const loader = fromSource ? ['--import', createRequire(import.meta.url).resolve('tsx')] : [];
  const path = fileURLToPath(main);
  const runtimes = dirname(dirname(path));
  // `package.json` declares the runtime's files as ES modules.
  const project = resolve(runtimes, fromSource ? '../..' : '../../..');
  const packages = fromSource
    ? [join(project, 'node_modules'), join(project, 'tsconfig.json')]
    : findPackages([...PROVIDED_PACKAGES, ...RUNTIME_PACKAGES], import.meta.dirname);
  return {
    command: { program: node, args: ['--disable-warning=ExperimentalWarning', ...loader, path] },
    readable: [join(runtimes, 'nodejs'), join(runtimes, 'native'), join(project, 'package.json'), ...packages],
    heapLimit: (memoryMB) => [`--max-old-space-size=${memoryMB}`],
  };
}
