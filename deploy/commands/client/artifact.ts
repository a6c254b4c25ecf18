import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { readBounded } from '../../../shared/files/readBounded.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { CommandError } from './CommandError.js';
import { requireSourceKind } from './kinds.js';

/** The most bytes of an action's code that a server takes by default: 48 MB in base64. */
const MAX_CODE_BYTES = 36 * 1024 * 1024;
/** Names that are never part of an archive. */
const LEFT_OUT = new Set(['.git', '.DS_Store', '.palette-whisk', '__pycache__']);
/** The compression of archives: fast, since a developer waits for each. */
const LEVEL = 1;

export interface CodeOptions {
  readonly kind?: string | undefined;
  /** The name of the function to call. */
  readonly main?: string | undefined;
  /** The image of a `blackbox` action. */
  readonly image?: string | undefined;
}

/**
 * Reads the code of an action: a source, an archive (.zip, .jar), or a folder, which is sent as an archive.
 * @returns the `exec` of the action.
 * @throws CommandError if it cannot be read or its kind is unknown.
 */
export async function readExec(path: string, { kind, main, image }: CodeOptions): Promise<JsonObject> {
  const entry = main === undefined ? {} : { main };
  const runtime = (standard: string): JsonObject =>
    image === undefined ? { kind: kind ?? standard, ...entry } : { kind: 'blackbox', image, ...entry };
  if (isFolder(path)) {
    const family = folderFamily(path, kind !== undefined || image !== undefined);
    return { ...runtime(`${family}:default`), code: Buffer.from(await zipFolder(path)).toString('base64') };
  }
  if (extname(path).toLowerCase() === '.zip') {
    if (kind === undefined && image === undefined) {
      throw new CommandError(
        `the kind of the archive '${path}' is unknown: name it with --kind, such as --kind nodejs:default`,
      );
    }
    return { ...runtime(''), code: readFile(path).toString('base64') };
  }
  if (kind !== undefined || image !== undefined) return { ...runtime(''), code: readFile(path).toString() };
  requireFile(path);
  const { family, binary } = requireSourceKind(path);
  if (family === 'java' && main === undefined) {
    throw new CommandError(`'${path}' needs the name of its main class: --main com.example.Main`);
  }
  return { ...runtime(`${family}:default`), code: readFile(path).toString(binary ? 'base64' : 'utf8') };
}

/** The family of kinds of a folder, from the files in it. @throws CommandError if it is unknown. */
function folderFamily(folder: string, given: boolean): string {
  if (existsSync(join(folder, 'package.json')) || existsSync(join(folder, 'index.js'))) return 'nodejs';
  if (existsSync(join(folder, '__main__.py'))) return 'python';
  if (given) return '';
  throw new CommandError(
    `the kind of the folder '${folder}' is unknown: it has neither package.json, index.js nor __main__.py; name its kind with --kind`,
  );
}

/**
 * The files of a folder as a zip, with the permissions and links. The same files give the same bytes.
 * @throws CommandError if a file cannot be read or the archive is too large.
 */
export async function zipFolder(folder: string): Promise<Uint8Array> {
  const { zipSync } = await import('fflate');
  const entries: Record<string, [Uint8Array, { level: 0 | 1; mtime: Date; os: number; attrs: number }]> = {};
  // Zips cannot have times before 1980. A fixed time keeps the bytes the same.
  const mtime = new Date(1980, 0, 1, 12);
  for (const { path, file } of filesOf(folder)) {
    const stats = lstatSync(file);
    const bytes = stats.isSymbolicLink() ? Buffer.from(readlinkSync(file)) : readFileSync(file);
    entries[path] = [bytes, { level: LEVEL, mtime, os: 3, attrs: (stats.mode & 0xffff) * 0x1_0000 }];
  }
  const zip = zipSync(entries);
  if (zip.length > MAX_CODE_BYTES) {
    throw new CommandError(
      `the folder '${folder}' is too large: its archive has ${Math.ceil(zip.length / 1024 / 1024)} MB, and an action has at most 36 MB; leave out what it does not need at run time ('npm prune --omit=dev')`,
    );
  }
  return zip;
}

/** The files and links in a folder, by their path in it, in a fixed order. */
export function* filesOf(folder: string, prefix = ''): Generator<{ readonly path: string; readonly file: string }> {
  for (const entry of readdirSync(folder, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (LEFT_OUT.has(entry.name)) continue;
    const file = join(folder, entry.name);
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) yield* filesOf(file, `${path}/`);
    else if (entry.isFile() || entry.isSymbolicLink()) yield { path, file };
  }
}

/** A text that changes when a file of the code does: paths, times and sizes. */
export function signatureOf(path: string): string {
  const files = isFolder(path) ? [...filesOf(path)].map(({ file }) => file) : [path];
  return files
    .map((file) => {
      const stats = lstatSync(file, { throwIfNoEntry: false });
      return stats === undefined ? file : `${file} ${stats.mtimeMs} ${stats.size} ${stats.mode}`;
    })
    .join('\n');
}

/** Whether a path leads to a folder. A link that leads nowhere, or to itself, does not. */
export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** @throws CommandError */
function requireFile(path: string): void {
  if (!existsSync(path)) throw new CommandError(`the file '${path}' does not exist`);
}

/** @throws CommandError */
function readFile(path: string): Buffer {
  requireFile(path);
  try {
    return readBounded(path, 2 * MAX_CODE_BYTES);
  } catch (error) {
    throw new CommandError(`cannot read '${basename(path)}': ${messageOf(error)}`);
  }
}
