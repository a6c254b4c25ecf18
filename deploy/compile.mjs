/*
 * Compiles the sources into `dist`, if they are newer than what is there, and joins the compiled files of the server
 * (`deploy/bundle`), if they are newer than the joined ones. Without esbuild, which is a development dependency, the commands then run
 * the compiled files: old joined files do not fit new workers and runtimes. `npm start` and the other commands of a checkout
 * run this first. An installed package has no sources to compile and does not contain this file.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['controller', 'invoker', 'shared', 'deploy', 'docs', 'test'];
const OTHERS = ['tsconfig.json', 'package-lock.json'];
/** The compiler writes it last. Its time is that of the start of the latest compilation without errors. */
const STAMP = join(ROOT, 'dist/.tsbuildinfo');
/** The joined file of `npm start`. Its time is that of the start of the latest joining. */
const JOINED = join(ROOT, 'dist/bundle/standalone.js');
/** The compiled files of the commands, by their joined files, as seen from there. */
const COMPILED = {
  'dist/bundle/standalone.js': '../deploy/standalone/main.js',
  'dist/bundle/palette-whisk.js': '../deploy/commands/main.js',
};

const sources = FOLDERS.flatMap(sourcesIn).map(timeOf);
const newest = Math.max(...sources, ...OTHERS.map((file) => timeOf(join(ROOT, file))));
// `npm prune --omit=dev` removes the compiler and writes the lock file again: what is compiled still holds.
if (timeOf(STAMP) > 0 && !existsSync(join(ROOT, 'node_modules/typescript'))) {
  if (Math.max(...sources) > timeOf(STAMP)) {
    process.stderr.write(
      'palette-whisk runs files that are older than the sources, since TypeScript is not installed. To compile: npm ci && npm run build\n',
    );
  }
} else if (newest > timeOf(STAMP)) {
  const began = new Date();
  const status = run('node_modules/typescript/bin/tsc', '-p', '.');
  // After errors, the next command compiles again.
  if (timeOf(STAMP) > 0) utimesSync(STAMP, began, status === 0 ? began : new Date(0));
  process.exitCode = status;
}
if (!process.exitCode && timeOf(JOINED) <= timeOf(STAMP)) {
  if (existsSync(join(ROOT, 'node_modules/esbuild'))) process.exitCode = run('dist/deploy/bundle/main.js');
  else runCompiled();
}

/** Lets the joined files of the commands import the compiled ones. */
function runCompiled() {
  process.stderr.write(
    'palette-whisk runs its compiled files, since esbuild is not installed: a start takes longer. For a faster one: npm ci && npm run build\n',
  );
  for (const [file, compiled] of Object.entries(COMPILED)) {
    const path = join(ROOT, file);
    const fresh = `${path}.${process.pid}`;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(fresh, `#!/usr/bin/env node\nimport '${compiled}';\n`, { mode: 0o755 });
    // It stays older than the compiled files, so that they are joined as soon as esbuild is there.
    utimesSync(fresh, 0, 0);
    renameSync(fresh, path);
  }
}

/** Runs a program of the project. Returns its exit code. */
function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [join(ROOT, program), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  return status ?? 1;
}

/** The paths of the sources in a folder of the project. */
function sourcesIn(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcesIn(join(folder, entry.name));
    return entry.name.endsWith('.ts') ? [join(ROOT, folder, entry.name)] : [];
  });
}

/** The time of the last change of a file, in ms since the epoch; 0 if it does not exist. */
function timeOf(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
