import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A place in user code. Lines and columns count from 1. */
export interface CodePlace {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The longest part of a line to show, in characters: minified code is one long line. */
const MAX_SHOWN = 120;

/**
 * Rewrites the stack of a user's error: without the frames of this runtime and of Node.js, and with the line of code that
 * threw. Returns the same value.
 * @param textOf the source of a file that is not on the disk
 */
export function explainStack(error: unknown, textOf: (file: string) => string | undefined): unknown {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return error;
  const lines = error.stack.split('\n').filter((line) => !isRuntimeFrame(line));
  const place = lines.some((line) => EXCERPT.test(line)) ? undefined : lines.map(placeOfFrame).find(Boolean);
  const shown = place && codeLine(place, textOf);
  const stack = [...lines, ...(shown === undefined ? [] : [shown])].join('\n');
  try {
    error.stack = stack;
  } catch {
    // The user's error is frozen.
  }
  return error;
}

/** A line of an excerpt. */
const EXCERPT = /^\s+\d+ \| /;

const isRuntimeFrame = (line: string): boolean =>
  /^\s+at /.test(line) && (line.includes(import.meta.dirname) || /\(?node:/.test(line));

/** The place in a line such as `    at main (/folder/action.js:1:25)`; undefined for other lines. */
function placeOfFrame(line: string): CodePlace | undefined {
  const match = /^\s+at (?:.* \()?(file:\/\/\/.+|\/.+):(\d+):(\d+)\)?$/.exec(line);
  if (match?.[1] === undefined) return undefined;
  const file = match[1].startsWith('file:') ? fileURLToPath(match[1].replace(/\?.*$/, '')) : match[1];
  return { file, line: Number(match[2]), column: Number(match[3]) };
}

function codeLine(place: CodePlace, textOf: (file: string) => string | undefined): string | undefined {
  try {
    const text = textOf(place.file) ?? readFileSync(place.file, 'utf8');
    const line = text.split('\n')[place.line - 1];
    return line === undefined ? undefined : excerpt(line, place);
  } catch {
    return undefined;
  }
}

/**
 * A line of code with its number, and a mark below the column:
 * ```
 *   3 | const a = ;
 *     |           ^
 * ```
 */
export function excerpt(text: string, { line, column }: Pick<CodePlace, 'line' | 'column'>): string {
  const from = Math.max(0, column - 1 - MAX_SHOWN / 2);
  const shown = text.slice(from, from + MAX_SHOWN).replaceAll(/[\r\t]/g, ' ');
  const number = `  ${line}`;
  return `${number} | ${shown}\n${' '.repeat(number.length)} | ${' '.repeat(Math.max(0, column - 1 - from))}^`;
}
