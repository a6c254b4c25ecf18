import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { compileFunction } from 'node:vm';
import * as z from 'zod';
import { stripTypes } from '../../../invoker/runtimes/nodejs/stripTypes.js';
import { codeOf, messageOf } from '../../../shared/errors/reasons.js';
import { filesOf, isFolder } from '../client/artifact.js';
import { CommandError } from '../client/CommandError.js';

/** The longest check by another program, in ms. */
const CHECK_MS = 10_000;
/** The most sources of a folder that are checked, so that a large folder does not delay its deployment. */
const MAX_SOURCES = 500;
/** The folders of packages that the developer did not write. */
const FOREIGN = /(?:^|\/)(?:node_modules|virtualenv|\.venv)\//;

/** Parses the source in its standard input, and prints the mistake to the standard error. */
const MODULE_CHECK: readonly [string, ...string[]] = [process.execPath, '--input-type=module', '--check', '-'];
/** Parses the files of a JSON list in its standard input, and prints the first mistake as JSON. */
const PYTHON = `import ast, json, sys
for path in json.load(sys.stdin):
    try:
        ast.parse(open(path, 'rb').read(), path)
    except (SyntaxError, ValueError) as e:
        print(json.dumps({'path': path, 'line': getattr(e, 'lineno', None), 'text': type(e).__name__ + ': ' + str(getattr(e, 'msg', e))}))
        break`;
const pythonMistake = z.object({ path: z.string(), line: z.int().nullable(), text: z.string() });

/** The messages of V8 for code that is an ES module. */
const MODULE_SYNTAX = /Unexpected token 'export'|import statement outside a module|import\.meta|await is only valid/;

/** A source has a mistake. The message is that of its parser, without the place. */
export class SourceMistake extends CommandError {
  readonly path: string;
  /** The line; undefined if the parser does not say it. */
  readonly line: number | undefined;

  constructor(path: string, line: number | undefined, message: string) {
    super(message);
    this.path = path;
    this.line = line;
  }
}

/** A mistake of a text: its line, and what is wrong. */
interface Mistake {
  readonly line: number | undefined;
  readonly message: string;
}

/**
 * Checks the syntax of a source, or of the sources in a folder, before they replace a version that works. JavaScript,
 * TypeScript, Python and `package.json` are checked; mistakes in other languages show at the first invocation.
 * @throws SourceMistake with the place of the first mistake.
 */
export async function checkSource(path: string): Promise<void> {
  const files = isFolder(path)
    ? [...filesOf(path)].filter((entry) => !FOREIGN.test(entry.path)).map(({ file }) => file)
    : [path];
  const sources = files.filter(
    (file) => checkers.has(extname(file).toLowerCase()) || basename(file) === 'package.json',
  );
  const python: string[] = [];
  for (const file of sources.slice(0, MAX_SOURCES)) {
    if (file.endsWith('.py')) python.push(file);
    else await checkFile(file);
  }
  if (python.length > 0) await checkPython(python);
}

/** The check of a text, by the extension of its file. Python is checked for all files at once. */
const checkers = new Map<string, (code: string, file: string) => Promise<Mistake | undefined>>([
  ['.js', (code, file) => (isModule(file) ? moduleMistake(code) : scriptOrModuleMistake(code))],
  ['.cjs', async (code) => scriptMistake(code)],
  ['.mjs', (code) => moduleMistake(code)],
  ['.ts', async (code) => typeScriptMistake(code)],
  ['.mts', async (code) => typeScriptMistake(code)],
  ['.cts', async (code) => typeScriptMistake(code)],
  ['.py', async () => undefined],
]);

async function checkFile(file: string): Promise<void> {
  const code = readFileSync(file, 'utf8').replace(/^\ufeff/, '');
  const mistake =
    basename(file) === 'package.json'
      ? packageMistake(code)
      : await checkers.get(extname(file).toLowerCase())?.(code, file);
  if (mistake) throw new SourceMistake(file, mistake.line, mistake.message);
}

/** Whether the nearest `package.json` says that `.js` files are ES modules. */
function isModule(file: string): boolean {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      const content: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8').replace(/^\ufeff/, ''));
      return z.object({ type: z.literal('module') }).safeParse(content).success;
    } catch (error) {
      // A file that cannot be parsed is a mistake of its own.
      if (codeOf(error) !== 'ENOENT' || dirname(folder) === folder) return false;
    }
  }
}

async function scriptOrModuleMistake(code: string): Promise<Mistake | undefined> {
  const mistake = scriptMistake(code);
  return mistake && MODULE_SYNTAX.test(mistake.message) ? moduleMistake(code) : mistake;
}

/** The first mistake of a CommonJS module. Parses the code, and does not run it. */
function scriptMistake(code: string): Mistake | undefined {
  try {
    compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], { filename: '[stdin]' });
    return undefined;
  } catch (error) {
    return error instanceof Error
      ? mistakeIn(error.stack ?? error.message)
      : { line: undefined, message: String(error) };
  }
}

/** The first mistake of an ES module. Only code that may have one is given to another process. */
async function moduleMistake(code: string): Promise<Mistake | undefined> {
  const stripped = stripTypes(code);
  if ('code' in stripped && stripped.code === code) return undefined;
  const { failed, stderr } = await runProgram(MODULE_CHECK, code);
  return failed ? mistakeIn(stderr) : undefined;
}

function typeScriptMistake(code: string): Mistake | undefined {
  const stripped = stripTypes(code);
  if ('code' in stripped) return undefined;
  const { line, message } = stripped.fault;
  return { line, message: `SyntaxError: ${message}` };
}

function packageMistake(code: string): Mistake | undefined {
  try {
    JSON.parse(code);
    return undefined;
  } catch (error) {
    const message = messageOf(error);
    const position = /position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? undefined : code.slice(0, Number(position)).split('\n').length;
    return { line, message: `package.json is not JSON: ${message}` };
  }
}

/** @throws SourceMistake */
async function checkPython(files: readonly string[]): Promise<void> {
  const { failed, stdout } = await runProgram(['python3', '-c', PYTHON], JSON.stringify(files));
  // Without Python, or after the limit, mistakes show at the first invocation.
  if (failed || stdout.trim() === '') return;
  const { path, line, text } = pythonMistake.parse(JSON.parse(stdout));
  throw new SourceMistake(path, line ?? undefined, text);
}

function runProgram(
  [program, ...args]: readonly [string, ...string[]],
  input: string,
): Promise<{ readonly failed: boolean; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(program, args, { timeout: CHECK_MS }, (error, stdout, stderr) => {
      const exists = codeOf(error) !== 'ENOENT';
      resolve({
        failed: error !== null && exists,
        stdout,
        stderr: stripVTControlCharacters(stderr || messageOf(error)),
      });
    });
    // A program that does not exist takes no input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** The mistake in the output of node for the file `[stdin]`. */
function mistakeIn(output: string): Mistake {
  const message = /^(?:\w*Error): .*$/m.exec(output)?.[0] ?? output.trim().split('\n')[0] ?? '';
  const line = /\[stdin\]:(\d+)/.exec(output)?.[1];
  return { line: line === undefined ? undefined : Number(line), message };
}
