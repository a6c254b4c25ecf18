import { execFile } from 'node:child_process';
import { existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { RootEntry } from './tar.js';

const MAX_LDD_BYTES = 16 * 1024 * 1024;

/**
 * The libraries in the output of `ldd`, by the path that the program uses.
 * @throws Error if a library is missing
 */
export function parseLdd(output: string): string[] {
  const missing = /^\s*(\S+) => not found/m.exec(output);
  if (missing) throw new Error(`this machine lacks the library ${missing[1]}`);
  return [...output.matchAll(/(?:=>\s*|^\s*)(\/\S+)\s+\(0x/gm)].map((match) => match[1] ?? '');
}

/** The entries by path. Each entry comes after its parent folders. */
export class Root {
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

  link(path: string, target: string): void {
    this.folder(dirname(path));
    this.#entries.set(path, { type: 'link', path, target });
  }

  has(path: string): boolean {
    return this.#entries.has(path);
  }

  /** Adds a program and its libraries. */
  async program(from: string, path: string): Promise<void> {
    this.copy(from, path);
    for (const library of parseLdd(await ldd([from]))) this.#library(library);
  }

  /** Adds the libraries of modules that a program loads. @returns the modules whose libraries this machine lacks */
  async librariesOf(modules: readonly string[]): Promise<string[]> {
    if (modules.length === 0) return [];
    const lacking: string[] = [];
    const output = await ldd(modules);
    // With several files, each part starts with `PATH:`.
    const parts = modules.length === 1 ? [`${modules[0]}:\n${output}`] : output.split(/^(?=\/.*:$)/m);
    for (const part of parts) {
      const [first = ''] = part.split('\n', 1);
      try {
        for (const library of parseLdd(part)) this.#library(library);
      } catch {
        lacking.push(first.replace(/:$/, ''));
      }
    }
    return lacking;
  }

  #library(library: string): void {
    if (this.#entries.has(library)) return;
    this.copy(library, library);
    // Older C libraries load the libraries for name resolution at the first lookup.
    if (!/\/libc[.-]/.test(library)) return;
    for (const name of ['libnss_files.so.2', 'libnss_dns.so.2', 'libresolv.so.2']) {
      const beside = join(dirname(library), name);
      if (existsSync(beside)) this.copy(beside, beside);
    }
  }
}

/** The output of `ldd`; empty for a statically linked program. */
async function ldd(files: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('ldd', [...files], { maxBuffer: MAX_LDD_BYTES })).stdout;
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    if (!text.includes('not a dynamic executable') && !text.includes('Not a valid dynamic program')) throw error;
    return error instanceof Error && 'stdout' in error ? String(error.stdout) : '';
  }
}
