import { excerpt } from './stacks.js';

/** A syntax error of user code. Lines and columns count from 1. */
export interface SyntaxFault {
  readonly message: string;
  readonly file?: string | undefined;
  /** Undefined if the place is unknown. */
  readonly line: number | undefined;
  readonly column: number;
  /** The line of code. */
  readonly text: string;
}

/**
 * The fault in an error of Node's parser for scripts, whose stack starts with the place, the line and a mark; undefined for
 * other errors.
 */
export function faultOf(error: unknown): SyntaxFault | undefined {
  if (!(error instanceof SyntaxError)) return undefined;
  return placeIn(error.stack ?? '', error.message);
}

/** Whether ES modules were not run since one of them does not parse, or lacks an export that another one imports. */
export function isModuleFault(error: unknown): error is SyntaxError {
  if (!(error instanceof SyntaxError)) return false;
  const frame = /^\s+at .*$/m.exec(error.stack ?? '')?.[0];
  return frame?.includes('node:internal/modules/esm/') ?? true;
}

/** The limit for the search of a fault in ms. It normally takes tens of milliseconds, and longer on a busy machine. */
const SEARCH_MS = 30_000;

/**
 * The fault of an ES module or of its imports. Errors of `import()` lack the place, which Node.js prints only where it
 * ends because of them: so another process loads the file.
 * @param file a module with an error for which `isModuleFault` is true
 */
export async function moduleFault(error: SyntaxError, file: string): Promise<SyntaxFault> {
  const { spawnSync } = await import('node:child_process');
  const { stderr } = spawnSync(process.execPath, [file], { timeout: SEARCH_MS, encoding: 'utf8', env: {} });
  return placeIn(stderr, error.message) ?? { message: error.message, file, line: undefined, column: 1, text: '' };
}

function placeIn(printed: string, message: string): SyntaxFault | undefined {
  const [place = '', ...lines] = printed.split('\n');
  const found = /^(?!\s+at )(?:file:\/\/)?(.*):(\d+)$/.exec(place);
  if (!found) return undefined;
  // Some versions print lines before the faulty one.
  const marked = lines.findIndex((line) => /^\s*\^+\s*$/.test(line));
  const mark = lines[marked] ?? lines[1] ?? '';
  const column = mark.includes('^') ? mark.indexOf('^') : mark.length;
  const text = lines[Math.max(0, marked - 1)] ?? '';
  return { message, file: found[1], line: Number(found[2]), column: column + 1, text };
}

/** The error for the user: the message, the place, and the line of code. @param file of faults that lack it */
export function syntaxError({ message, line, column, text, ...fault }: SyntaxFault, file?: string): SyntaxError {
  const error = new SyntaxError(message);
  const place = file ?? fault.file ?? '';
  error.stack =
    line === undefined
      ? `SyntaxError: ${message}\n    at ${place}`
      : `SyntaxError: ${message}\n    at ${place}:${line}:${column}\n${excerpt(text, { line, column })}`;
  return error;
}
