import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findPackages, PROVIDED_PACKAGES } from './packages.js';
import { tar, type RootEntry } from './tar.js';

/** The runtime's folder in the image, and the folder of actions. Both resolve packages from their common parent. */
export const RUNTIME_FOLDER = '/nodejsAction/runtime';
export const ACTION_FOLDER = '/nodejsAction';
/** The user id of actions. */
export const USER_ID = 10_001;
export const NODE = '/usr/local/bin/node';

/**
 * The libraries in the output of `ldd`, by the path that the program uses.
 * @throws Error if a library is missing
 */
export function parseLdd(output: string): string[] {
  const missing = /^\s*(\S+) => not found/m.exec(output);
  if (missing) throw new Error(`this machine lacks the library ${missing[1]}`);
  return [...output.matchAll(/(?:=>\s*|^\s*)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? '');
}

/**
 * The files of the runtime's image: this machine's node with its libraries, the compiled runtime, and the necessary
 * files of `/etc`.
 * @throws Error that names the missing part
 */
export async function collectRoot(): Promise<RootEntry[]> {
  if (process.platform !== 'linux') {
    throw new Error('the image contains this machine’s node, so the machine must run Linux');
  }
  const root = new Root();
  root.folder('/tmp', { mode: 0o1777 });
  root.folder(ACTION_FOLDER, { owner: USER_ID });
  root.file('/etc/passwd', `root:x:0:0:root:/root:/bin/sh\naction:x:${USER_ID}:${USER_ID}::${ACTION_FOLDER}:/bin/sh\n`);
  root.file('/etc/group', `root:x:0:\naction:x:${USER_ID}:\n`);
  root.file('/etc/nsswitch.conf', 'hosts: files dns\n');

  await root.program(process.execPath, NODE);
  // `child_process.exec` needs a shell.
  if (existsSync('/bin/sh')) await root.program('/bin/sh', '/bin/sh');
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  if (existsSync(certificates)) root.copy(certificates, certificates);

  for (const [name, data] of runtimeFiles()) root.file(`${RUNTIME_FOLDER}/${name}`, data);
  root.file(`${RUNTIME_FOLDER}/package.json`, '{"type":"module"}\n');
  for (const folder of findPackages(PROVIDED_PACKAGES, import.meta.dirname)) {
    root.tree(folder, join(ACTION_FOLDER, folder.slice(folder.indexOf('node_modules'))));
  }
  return root.entries();
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

/** The compiled files of the runtime. */
function runtimeFiles(): Array<[name: string, data: Buffer]> {
  const compiled = import.meta.url.endsWith('.ts') ? '../../../dist/invoker/runtimes/nodejs' : '../nodejs';
  const folder = fileURLToPath(new URL(compiled, import.meta.url));
  if (!existsSync(join(folder, 'main.js'))) throw new Error(`${folder} lacks the compiled runtime: npm run build`);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.js'))
    .map((name) => [name, readFileSync(join(folder, name))]);
}

/** The entries by path. Each entry comes after its parent folders. */
class Root {
  readonly #entries = new Map<string, RootEntry>();

  entries(): RootEntry[] {
    return [...this.#entries.values()];
  }

  folder(path: string, options: { mode?: number; owner?: number } = {}): void {
    if (path === '/' || this.#entries.has(path)) return;
    this.folder(dirname(path));
    this.#entries.set(path, { type: 'folder', path, ...options });
  }

  file(path: string, content: string | Buffer): void {
    this.folder(dirname(path));
    this.#entries.set(path, { type: 'file', path, data: Buffer.from(content) });
  }

  copy(from: string, path: string): void {
    const real = realpathSync(from);
    const { size, mode } = statSync(real);
    this.folder(dirname(path));
    this.#entries.set(path, { type: 'copy', path, from: real, size, mode: mode & 0o755 });
  }

  tree(from: string, path: string): void {
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      const source = join(from, entry.name);
      if (entry.isDirectory() && entry.name !== 'node_modules') this.tree(source, join(path, entry.name));
      if (entry.isFile()) this.copy(source, join(path, entry.name));
    }
  }

  /** Adds a program and its libraries. */
  async program(from: string, path: string): Promise<void> {
    this.copy(from, path);
    const { stdout } = await promisify(execFile)('ldd', [from]).catch((error: unknown) => {
      // A statically linked program needs no libraries.
      const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
      if (text.includes('not a dynamic executable') || text.includes('Not a valid dynamic program'))
        return { stdout: '' };
      throw error;
    });
    for (const library of parseLdd(stdout)) {
      this.copy(library, library);
      // Older C libraries load the libraries for name resolution at the first lookup.
      if (!/\/libc[.-]/.test(library)) continue;
      for (const name of ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']) {
        const beside = join(dirname(library), name);
        if (existsSync(beside)) this.copy(beside, beside);
      }
    }
  }
}
