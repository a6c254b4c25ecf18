import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findPython } from '../python/hostPython.js';
import { addPython } from './pythonRoot.js';
import type { Root } from './Root.js';
import { baseRoot, NODE, runtimeFiles } from './rootfs.js';
import type { RootEntry } from './tar.js';

const RUNTIMES = '/opt/palette-whisk';
export const NATIVE_RUNTIME = `${RUNTIMES}/native/main.js`;

/** Programs that scripts of actions use, as OpenWhisk's image has them. Those that this machine lacks are left out. */
const PROGRAMS = (
  'awk base64 basename bash cat chmod comm cp curl cut date dd diff dirname du echo env expr false find grep gunzip gzip ' +
  'head id jq ln ls md5sum mkdir mktemp mv nl nproc od openssl paste printf ps pwd readlink realpath rm rmdir sed seq ' +
  'sha1sum sha256sum shuf sleep sort split stat tail tar tee test timeout touch tr true uname uniq unzip wc wget xargs zip'
).split(' ');

/**
 * The files of the image of any executable: node with the runtime, and the programs that scripts use, with Perl and
 * Python if this machine has them.
 * @throws Error that names the missing part
 */
export async function collectNative(folder: string): Promise<RootEntry[]> {
  const root = await baseRoot(folder);
  await root.program(process.execPath, NODE);
  addNativeRuntime(root);
  for (const name of PROGRAMS) await addProgram(root, name);
  if (existsSync('/etc/ssl/openssl.cnf')) root.copy('/etc/ssl/openssl.cnf', '/etc/ssl/openssl.cnf');
  await addPerl(root);
  const python = await findPython('3');
  if (typeof python !== 'string') await addPython(root, python);
  return root.entries();
}

/** Adds the compiled runtime of any executable. */
export function addNativeRuntime(root: Root): void {
  for (const runtime of ['nodejs', 'native'] as const) {
    for (const [name, data] of runtimeFiles(runtime)) root.file(`${RUNTIMES}/${runtime}/${name}`, data);
  }
  root.file(`${RUNTIMES}/package.json`, '{"type":"module"}\n');
}

/** Adds a program at `/usr/bin`, and links it at `/bin`. Scripts name both. */
async function addProgram(root: Root, name: string): Promise<boolean> {
  const from = ['/usr/bin', '/bin', '/usr/local/bin'].map((folder) => join(folder, name)).find(isExecutable);
  if (from === undefined) return false;
  await root.program(from, `/usr/bin/${name}`);
  if (!root.has(`/bin/${name}`)) root.link(`/bin/${name}`, `/usr/bin/${name}`);
  return true;
}

async function addPerl(root: Root): Promise<void> {
  if (!(await addProgram(root, 'perl'))) return;
  const script = 'print join "\\n", grep { -d } @INC';
  const { stdout } = await promisify(execFile)('/usr/bin/perl', ['-e', script]);
  // The folders of Perl itself, not those of installed packages.
  const own = stdout.split('\n').filter((path) => /\/perl(-base|\/\d[\d.]*)$/.test(path) && !path.includes('/local/'));
  const modules: string[] = [];
  for (const path of own) if (!root.has(path)) root.tree(path, path);
  for (const { path } of root.entries()) if (path.endsWith('.so') && path.includes('/perl')) modules.push(path);
  await root.librariesOf(modules);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
