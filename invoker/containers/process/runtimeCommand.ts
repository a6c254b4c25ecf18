import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findPackages, PROVIDED_PACKAGES } from '../../runtimes/image/packages.js';

/** A program and its arguments. */
export interface RuntimeCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * The command that runs the Node.js runtime as a process: node for compiled code, with a loader for TypeScript sources
 * (tests, `npm run dev`).
 */
export function nodeRuntimeCommand(): RuntimeCommand {
  return runtime().command;
}

/** The files and folders that the Node.js runtime reads, with the provided packages of actions. */
export function nodeRuntimePaths(): string[] {
  const { folder, project, fromSource } = runtime();
  const packages = fromSource
    ? [join(project, 'node_modules'), join(project, 'tsconfig.json')]
    : findPackages(PROVIDED_PACKAGES, import.meta.dirname);
  return [folder, join(project, 'package.json'), ...packages];
}

function runtime(): { command: RuntimeCommand; folder: string; project: string; fromSource: boolean } {
  const fromSource = import.meta.url.endsWith('.ts');
  const main = new URL(`../../runtimes/nodejs/main${fromSource ? '.ts' : '.js'}`, import.meta.url);
  const loader = fromSource ? ['--import', createRequire(import.meta.url).resolve('tsx')] : [];
  const path = fileURLToPath(main);
  const folder = dirname(path);
  return {
    command: { program: process.execPath, args: ['--disable-warning=ExperimentalWarning', ...loader, path] },
    folder,
    // `package.json` declares the runtime's files as ES modules.
    project: resolve(folder, fromSource ? '../../..' : '../../../..'),
    fromSource,
  };
}
