import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction, constants } from 'node:vm';
import type { ActionCode } from './ActionService.js';
import { InitError } from './InitError.js';
import { entryOf, isFunction, property } from './properties.js';
import { faultOf, isModuleFault, moduleFault, syntaxError, type SyntaxFault } from './syntax.js';

/** The entry point, or a way to find the fault of the code. */
type Attempt = { readonly entry: unknown } | { readonly fault: () => SyntaxFault | Promise<SyntaxFault> };

const SCRIPT = 'action.js';
/** The longest script whose text is kept for excerpts, in characters. */
const MAX_KEPT = 1024 * 1024;
let kept: { readonly file: string; readonly text: string } | undefined;

/** The text of a file that was loaded as text and is not on the disk. */
export const loadedText = (file: string): string | undefined => (kept?.file === file ? kept.text : undefined);

/**
 * Loads code as text. Tries a script as in OpenWhisk first, then an ES module, then TypeScript of both kinds: the text
 * comes without a file name.
 */
export async function loadText(source: ActionCode): Promise<unknown> {
  const first = await attempt(source, 'action.mjs');
  if ('entry' in first) return first.entry;
  const { stripTypes } = await import('./stripTypes.js');
  const stripped = stripTypes(source.code);
  if ('code' in stripped && stripped.code !== source.code) {
    const second = await attempt({ ...source, code: stripped.code }, 'action.ts.mjs');
    if ('entry' in second) return second.entry;
    throw syntaxError(await second.fault(), resolve('action.ts'));
  }
  const fault = await first.fault();
  if ('code' in stripped) throw syntaxError(fault, resolve(SCRIPT));
  // TypeScript contains JavaScript: types are at fault for an error before the place where TypeScript fails.
  const isTypeScript = stripped.isTypeScript || (stripped.fault.line ?? 0) > (fault.line ?? Number.POSITIVE_INFINITY);
  throw isTypeScript ? syntaxError(stripped.fault, resolve('action.ts')) : syntaxError(fault, resolve(SCRIPT));
}

/** Errors of code that may be an ES module. @see https://nodejs.org/api/packages.html#syntax-detection */
const MODULE_SYNTAX =
  /^(Unexpected token 'export'|Cannot use import statement outside a module|Cannot use 'import\.meta' outside a module|await is only valid in async functions and the top level bodies of modules|Unexpected reserved word|missing \) after argument list|Unexpected identifier|Identifier '(exports|require|module|__filename|__dirname)' has already been declared)/;

async function attempt(source: ActionCode, moduleFile: string): Promise<Attempt> {
  const filename = resolve(SCRIPT);
  try {
    return { entry: runScript(compile(source, filename), source, filename) };
  } catch (error) {
    if (!(error instanceof ScriptFault)) throw error;
    const { fault } = error;
    if (!MODULE_SYNTAX.test(fault.message)) return { fault: () => fault };
    const module = await loadModule(source, resolve(moduleFile));
    // A script with `await` outside of an async function is not a module either; its own error says more.
    return 'fault' in module && fault.message.startsWith('await') ? { fault: () => fault } : module;
  }
}

/** The script does not parse. */
class ScriptFault extends Error {
  readonly fault: SyntaxFault;
  constructor(fault: SyntaxFault) {
    super(fault.message);
    this.fault = fault;
  }
}

const VARIABLES = ['exports', 'require', 'module', '__filename', '__dirname'];
type Script = (...variables: unknown[]) => unknown;

/**
 * The code as the body of a function with the variables of a module in scope, in sloppy mode unless it has `'use strict'`.
 * The entry point is an expression at its end.
 * @throws ScriptFault
 */
function compile({ code, main }: ActionCode, filename: string): Script {
  const importModuleDynamically = constants.USE_MAIN_CONTEXT_DEFAULT_LOADER;
  const parse = (body: string): unknown =>
    compileFunction(body, [...VARIABLES, '__ow_entry'], { filename, importModuleDynamically });
  try {
    const compiled = parse(`${code}\ntry { __ow_entry(() => ${main}) } finally {}`);
    if (!isFunction(compiled)) throw new TypeError('the code was not compiled to a function');
    return compiled;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  try {
    parse(code);
  } catch (error) {
    const fault = faultOf(error);
    throw fault ? new ScriptFault(fault) : error;
  }
  throw new InitError(`'${main}' is not the name of a function.`);
}

function runScript(script: Script, { code, main, rehearsal }: ActionCode, filename: string): unknown {
  if (!rehearsal) kept = code.length <= MAX_KEPT ? { file: filename, text: code } : undefined;
  const module = { exports: {} as unknown, id: filename, filename, loaded: false };
  const { exports } = module;
  let entry: (() => unknown) | undefined;
  const found = (expression: () => unknown): void => {
    entry = expression;
  };
  const returned = script(exports, createRequire(filename), module, filename, process.cwd(), found);
  if (!entry) return returned;
  try {
    return entry();
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return property(module.exports, main) ?? property(exports, main);
  }
}

/** A name or names with dots between them. */
const PATH = /^[\p{ID_Start}$_][\p{ID_Continue}$]*(\.[\p{ID_Start}$_][\p{ID_Continue}$]*)*$/u;

/** Loads code as an ES module from a file in the working folder, so that it can import packages. */
async function loadModule({ code, main }: ActionCode, file: string): Promise<Attempt> {
  // A function need not be exported.
  const entry = PATH.test(main) && main !== 'default' ? `\n;export const __ow_entry = () => ${main};\n` : '';
  writeFileSync(file, `${code}${entry}`);
  let loaded: unknown;
  try {
    loaded = await import(pathToFileURL(file).href);
  } catch (error) {
    if (!isModuleFault(error)) throw error;
    return { fault: () => moduleFault(error, file) };
  }
  const local: unknown = Reflect.get(Object(loaded), '__ow_entry');
  if (isFunction(local)) {
    try {
      return { entry: local() };
    } catch (error) {
      if (!(error instanceof ReferenceError)) throw error;
    }
  }
  return { entry: entryOf(loaded, main) };
}
