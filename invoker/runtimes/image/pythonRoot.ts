import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pythonPackages, pythonRuntimeFile, type HostPython } from '../python/hostPython.js';
import type { Root } from './Root.js';
import { baseRoot } from './rootfs.js';
import type { RootEntry } from './tar.js';

export const PYTHON_RUNTIME = '/opt/palette-whisk/runtime.py';

/**
 * Parts of the standard library that actions do not need: its tests, programs with windows, the installer, the static
 * library; and installed packages.
 */
const OMITTED =
  /^(test|tests|idlelib|idle_test|tkinter|turtledemo|ensurepip|lib2to3|site-packages|dist-packages|config-.*)$/;

/**
 * The files of the image of a Python: the program, its standard library and their libraries, and the runtime.
 * @throws Error that names the missing part
 */
export async function collectPython(python: HostPython, folder: string): Promise<RootEntry[]> {
  const root = await baseRoot(folder);
  await addPython(root, python);
  addPythonRuntime(root);
  return root.entries();
}

/** Adds the runtime of Python, and the packages of actions. */
export function addPythonRuntime(root: Root): void {
  root.copy(pythonRuntimeFile(), PYTHON_RUNTIME);
  for (const name of readdirSync(pythonPackages()).filter((file) => file.endsWith('.py'))) {
    root.copy(join(pythonPackages(), name), join(dirname(PYTHON_RUNTIME), 'packages', name));
  }
}

const TIME_ZONES = '/usr/share/zoneinfo';

/** Adds a Python at the same path as on this machine, since it derives its folders from its own path. */
export async function addPython(root: Root, python: HostPython): Promise<void> {
  await root.program(python.program, python.program);
  for (const name of ['python3', 'python']) {
    if (!root.has(`/usr/local/bin/${name}`)) root.link(`/usr/local/bin/${name}`, python.program);
  }
  const modules: string[] = [];
  addLibrary(root, python.library, modules);
  const lacking = new Set(await root.librariesOf(modules));
  for (const module of modules) if (!lacking.has(module)) root.copy(module, module);
  addTimeZones(root, TIME_ZONES);
}

/** Adds the rules of time zones, which the standard library reads from the system. */
function addTimeZones(root: Root, folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).toSorted()) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    // These folders repeat the others.
    if (found?.isDirectory() && name !== 'posix' && name !== 'right') addTimeZones(root, path);
    if (found?.isFile()) root.copy(path, path);
  }
}

/** Adds the files of a folder of the standard library. Collects compiled modules, which need libraries. */
function addLibrary(root: Root, folder: string, modules: string[]): void {
  for (const { name } of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, name);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory() && !OMITTED.test(name)) addLibrary(root, path, modules);
    if (!found?.isFile()) continue;
    if (name.endsWith('.pyc')) {
      const cached = lastingCache(path);
      if (cached) root.file(path, cached);
    } else if (/\.so(\.|$)/.test(name)) modules.push(path);
    else if (!name.endsWith('.a')) root.copy(path, path);
  }
}

/** Flags in the header of a `.pyc`; see https://peps.python.org/pep-0552/. */
const BY_TIME = 0;
const UNCHECKED = 1;

/**
 * A compiled module that Python does not compare with the time of its source, since files in an image have other times;
 * undefined if it is not that of its source, or optimized.
 */
function lastingCache(path: string): Buffer | undefined {
  const name = basename(path);
  if (name.includes('.opt-')) return undefined;
  const source = join(dirname(dirname(path)), `${name.split('.')[0]}.py`);
  const from = statSync(source, { throwIfNoEntry: false });
  const data = readFileSync(path);
  if (!from || data.length < 16 || data.readUInt32LE(4) !== BY_TIME) return undefined;
  if (data.readUInt32LE(8) !== Math.floor(from.mtimeMs / 1000) >>> 0 || data.readUInt32LE(12) !== from.size >>> 0) {
    return undefined;
  }
  data.writeUInt32LE(UNCHECKED, 4);
  data.fill(0, 8, 16);
  return data;
}
