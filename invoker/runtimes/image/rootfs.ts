import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OBJECTS_PACKAGE, objectsPackage } from './objectsPackage.js';
import { findPackages, PROVIDED_PACKAGES, RUNTIME_PACKAGES } from './packages.js';
import { Root } from './Root.js';
import { tar, type RootEntry } from './tar.js';

/** The runtime's folder in the image, and the folder of actions. Both resolve packages from their common parent. */
export const RUNTIME_FOLDER = '/nodejsAction/runtime';
export const ACTION_FOLDER = '/nodejsAction';
/** The user id of actions. */
export const USER_ID = 10_001;
export const NODE = '/usr/local/bin/node';

/**
 * The files of the runtime's image: node with its libraries, the compiled runtime, and the necessary files of `/etc`.
 * @param node the program
 * @throws Error that names the missing part
 */
export async function collectRoot(node: string): Promise<RootEntry[]> {
  const root = await baseRoot(ACTION_FOLDER);
  await root.program(node, NODE);
  addNodeRuntime(root);
  return root.entries();
}

/** Adds the compiled runtime of Node.js, and the packages of actions. @throws Error that names the missing part */
export function addNodeRuntime(root: Root): void {
  for (const [name, data] of runtimeFiles('nodejs')) root.file(`${RUNTIME_FOLDER}/${name}`, data);
  root.file(`${RUNTIME_FOLDER}/package.json`, '{"type":"module"}\n');
  for (const [parent, packages] of [
    [ACTION_FOLDER, PROVIDED_PACKAGES],
    [RUNTIME_FOLDER, RUNTIME_PACKAGES],
  ] as const) {
    for (const folder of findPackages(packages, import.meta.dirname)) {
      root.tree(folder, join(parent, folder.slice(folder.indexOf('node_modules'))));
    }
  }
  const objects = objectsPackage();
  if (!objects) throw new Error('the client of objects is not compiled: npm run build');
  for (const [name, data] of objects) root.file(`${ACTION_FOLDER}/node_modules/${OBJECTS_PACKAGE}/${name}`, data);
}

/**
 * A hash of the image's content. Paths and times of the files on this machine do not count, so that two checkouts of
 * one version share an image.
 */
export async function fingerprint(entries: readonly RootEntry[]): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of tar(entries)) hash.update(chunk);
  return hash.digest('hex');
}

/**
 * The files of every image: a shell, certificates, the user of actions with its folder, and the necessary files of `/etc`.
 * @throws Error if this machine's programs cannot run in a container
 */
export async function baseRoot(folder: string): Promise<Root> {
  if (process.platform !== 'linux') {
    throw new Error('the image contains programs of this machine, so the machine must run Linux');
  }
  const root = new Root();
  root.folder('/tmp', { mode: 0o1777 });
  root.folder(folder, { owner: USER_ID });
  root.file('/etc/passwd', `root:x:0:0:root:/root:/bin/sh\naction:x:${USER_ID}:${USER_ID}::${folder}:/bin/sh\n`);
  root.file('/etc/group', `root:x:0:\naction:x:${USER_ID}:\n`);
  root.file('/etc/nsswitch.conf', 'hosts: files dns\n');
  // Programs that start others by a command line need a shell.
  if (existsSync('/bin/sh')) await root.program('/bin/sh', '/bin/sh');
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) root.copy(certificates, certificates);
  return root;
}

/** The compiled files of a runtime. */
export function runtimeFiles(runtime: 'nodejs' | 'native'): Array<[name: string, data: Buffer]> {
  const compiled = import.meta.url.endsWith('.ts') ? '../../../dist/invoker/runtimes' : '..';
  const folder = fileURLToPath(new URL(`${compiled}/${runtime}`, import.meta.url));
  if (!existsSync(join(folder, 'main.js'))) throw new Error(`${folder} lacks the compiled runtime: npm run build`);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name) => [name, readFileSync(join(folder, name))]);
}
