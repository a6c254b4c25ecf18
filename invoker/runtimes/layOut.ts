/*
 * Writes the files of the runtimes into a folder, for images on other base images than this machine's programs:
 * `deploy/docker/Dockerfile`. `node dist/invoker/runtimes/layOut.js FOLDER` makes FOLDER/nodejs, FOLDER/python and
 * FOLDER/native; each is copied to `/` of an image.
 */
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addNativeRuntime } from './image/nativeRoot.js';
import { addPythonRuntime } from './image/pythonRoot.js';
import { Root } from './image/Root.js';
import { addNodeRuntime } from './image/rootfs.js';

const RUNTIMES: Readonly<Record<string, (root: Root) => void>> = {
  nodejs: addNodeRuntime,
  python: addPythonRuntime,
  native: addNativeRuntime,
};

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write('Usage: node dist/invoker/runtimes/layOut.js FOLDER\n');
  process.exit(2);
}
for (const [name, add] of Object.entries(RUNTIMES)) {
  const root = new Root();
  add(root);
  write(root, join(folder, name));
}

/** Writes the entries of a root below a folder. Each entry comes after its parents. */
function write(root: Root, below: string): void {
  mkdirSync(below, { recursive: true });
  for (const entry of root.entries()) {
    const path = join(below, entry.path);
    if (entry.type === 'folder') mkdirSync(path, { recursive: true });
    else if (entry.type === 'file') writeFileSync(path, entry.data);
    else if (entry.type === 'link') symlinkSync(entry.target, path);
    else {
      copyFileSync(entry.from, path);
      chmodSync(path, entry.mode ?? 0o644);
    }
  }
}
