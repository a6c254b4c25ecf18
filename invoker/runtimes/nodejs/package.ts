import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isRecord, type ActionCode } from './ActionService.js';
import { InitError } from './InitError.js';
import { entryOf } from './properties.js';
import { faultOf, isModuleFault, moduleFault, syntaxError } from './syntax.js';

const INDEXES = ['index.js', 'index.mjs', 'index.ts', 'index.mts'];

/** Loads code as an archive. It is a package: `package.json` or a file `index` determines the entry point. */
export async function loadArchive({ code, main }: ActionCode): Promise<unknown> {
  const { unpack } = await import('./archive.js');
  const folder = mkdtempSync(resolve('action-'));
  try {
    unpack(Buffer.from(code, 'base64'), folder);
  } catch (error) {
    throw error instanceof Error ? new InitError(error.message) : error;
  }
  process.chdir(folder);

  const parts = /^(?:([^.]+)\.)?([^.].*)$/s.exec(main);
  if (!parts?.[2]) throw new InitError('Name of main function is not valid.');
  const [, module, name] = parts;
  const manifest = readManifest(folder);
  const file = module === undefined ? packageEntry(folder, manifest) : moduleFile(folder, module);
  return entryOf(await load(file, folder, manifest), name);
}

/**
 * The archive's package.json. A byte order mark at its start is removed, which Node.js refuses.
 * @throws InitError that names the fault and its place
 */
function readManifest(folder: string): Readonly<Record<string, unknown>> | undefined {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8');
  const json = text.replace(/^\uFEFF/, '');
  if (json !== text) writeFileSync(file, json);
  try {
    const said: unknown = JSON.parse(json);
    if (isRecord(said)) return said;
  } catch (error) {
    throw new InitError(`The archive's package.json is not valid JSON: ${String(error)}`);
  }
  throw new InitError("The archive's package.json is not a JSON object.");
}

/** @throws InitError if the archive lacks the entry point */
function packageEntry(folder: string, manifest: Readonly<Record<string, unknown>> | undefined): string {
  const index = INDEXES.find((name) => existsSync(join(folder, name)));
  const main = manifest?.['main'];
  if (typeof main === 'string') {
    const found = resolveIn(folder, `./${main}`);
    if (found !== undefined) return found;
    if (index === undefined) {
      throw new InitError(
        `The archive's package.json names '${main}' as its main file, which the archive lacks. ${contentOf(folder)}`,
      );
    }
  }
  if (index !== undefined) return join(folder, index);
  const missing = 'Zipped actions must contain either package.json or index.js at the root.';
  throw new InitError(
    manifest === undefined
      ? `${missing} ${contentOf(folder)}`
      : `The archive has neither a "main" in its package.json nor an index.js. ${contentOf(folder)}`,
  );
}

function moduleFile(folder: string, module: string): string {
  const found = ['', '.mjs', '.ts', '.mts'].map((end) => resolveIn(folder, `./${module}${end}`)).find(Boolean);
  if (found === undefined) throw new InitError(`The archive has no module '${module}'. ${contentOf(folder)}`);
  return found;
}

/** The file that `require(path)` in a folder loads; undefined if there is none. */
function resolveIn(folder: string, path: string): string | undefined {
  try {
    return createRequire(join(folder, 'action.js')).resolve(path);
  } catch {
    return undefined;
  }
}

const MAX_LISTED = 8;

/** What the archive has instead, and the remedy if its files are in a folder. */
function contentOf(folder: string): string {
  const names = readdirSync(folder);
  const [only] = names;
  if (only !== undefined && names.length === 1 && statSync(join(folder, only)).isDirectory()) {
    return `Its files are in the folder '${only}': make the archive inside of that folder.`;
  }
  const listed = names.slice(0, MAX_LISTED).join(', ') + (names.length > MAX_LISTED ? ', …' : '');
  return `At its root it has: ${listed === '' ? 'nothing' : listed}.`;
}

const TYPESCRIPT = new Set(['.ts', '.mts', '.cts']);

async function load(file: string, folder: string, manifest: Readonly<Record<string, unknown>> | undefined) {
  const require = createRequire(join(folder, 'action.js'));
  const extension = extname(file);
  const isModule = extension === '.mjs' || (extension === '.js' && manifest?.['type'] === 'module');
  try {
    if (TYPESCRIPT.has(extension)) {
      if (!Reflect.get(process.features, 'typescript')) register('./typescriptHooks.js', import.meta.url);
      return await importFile(file);
    }
    return isModule ? await importFile(file) : await requireFile(require, file);
  } catch (error) {
    const fault = faultOf(error) ?? (isModuleFault(error) ? await moduleFault(error, file) : undefined);
    throw fault ? syntaxError(fault) : error;
  }
}

const importFile = (file: string): Promise<unknown> => import(pathToFileURL(file).href);

/** Errors of `require` for ES modules: before Node.js 20.19, and for modules with `await` at their top level. */
const NEEDS_IMPORT = new Set<unknown>(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE']);

async function requireFile(require: NodeJS.Require, file: string): Promise<unknown> {
  try {
    const loaded: unknown = require(file);
    return loaded;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && NEEDS_IMPORT.has(error.code))) throw error;
    return importFile(file);
  }
}
