import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction, constants } from 'node:vm';
import { isRecord, type ActionCode, type Handler } from './ActionService.js';

/**
 * Loads an action's source and returns its function.
 * @throws the error of the user's code, or an error that names the missing part
 */
export async function loadAction(source: ActionCode): Promise<Handler> {
  const handler = source.binary ? await loadArchive(source) : loadText(source);
  if (!isFunction(handler)) throw new InitError(`Action entrypoint '${source.main}' is not a function.`);
  return handler;
}

/** A fault of an action's code. It has no stack, since the stack would be that of the runtime. */
class InitError extends Error {
  constructor(message: string) {
    super(message);
    this.stack = message;
  }
}

/**
 * Loads code as text. It becomes the body of a function with the variables of a module in scope, in sloppy mode unless
 * it has `'use strict'`. The entry point is an expression at the end of that body, or else a property of its `exports`.
 */
function loadText({ code, main }: ActionCode): unknown {
  const filename = resolve('action.js');
  const module = { exports: {} as unknown, id: filename, filename, loaded: false };
  const { exports } = module;
  let entry: (() => unknown) | undefined;
  const body = compile(`${code}\ntry { __ow_entry(() => ${main}) } finally {}`, filename);
  const returned = body(exports, createRequire(filename), module, filename, process.cwd(), (found: () => unknown) => {
    entry = found;
  });
  if (!entry) return returned;
  try {
    return entry();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return property(module.exports, main) ?? property(exports, main);
  }
}

function compile(body: string, filename: string): (...args: unknown[]) => unknown {
  const names = ['exports', 'require', 'module', '__filename', '__dirname', '__ow_entry'];
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  try {
    const compiled: unknown = compileFunction(body, names, { filename, importModuleDynamically });
    if (!isFunction(compiled)) throw new TypeError('the code was not compiled to a function');
    return compiled;
  } catch (error) {
    // The stack starts with the place and an excerpt, then contains the runtime's frames. Keep only message and place.
    if (error instanceof SyntaxError) {
      const place = /^.*:\d+$/m.exec(error.stack ?? '')?.[0] ?? filename;
      error.stack = `SyntaxError: ${error.message}\n    at ${place}`;
    }
    throw error;
  }
}

/** Loads code as an archive. It is a package: `package.json` or `index.js` determines the entry point. */
async function loadArchive({ code, main }: ActionCode): Promise<unknown> {
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
  if (module === undefined && !existsSync('package.json') && !existsSync('index.js')) {
    throw new InitError('Zipped actions must contain either package.json or index.js at the root.');
  }
  const require = createRequire(join(folder, 'action.js'));
  const file = require.resolve(module === undefined ? folder : join(folder, module));
  const loaded: unknown = isModule(file, folder) ? await import(pathToFileURL(file).href) : require(file);
  return property(loaded, name);
}

/** Whether a file is an ES module, by its extension or by the archive's package.json. */
function isModule(file: string, folder: string): boolean {
  const extension = extname(file);
  if (extension !== '.js') return extension === '.mjs';
  const manifest = join(folder, 'package.json');
  if (!existsSync(manifest)) return false;
  const said: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  return isRecord(said) && said['type'] === 'module';
}

function property(from: unknown, path: string): unknown {
  let value = from;
  for (const name of path.split('.')) {
    if (value === null || value === undefined) {
      throw new TypeError(`Cannot read properties of ${value} (reading '${name}')`);
    }
    value = Reflect.get(Object(value), name);
  }
  return value;
}

/** All that is known of a user's function: it takes and returns anything. */
const isFunction = (value: unknown): value is (...args: unknown[]) => unknown => typeof value === 'function';
