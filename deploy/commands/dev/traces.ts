import { readFileSync, statSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFolder } from '../client/artifact.js';

/** A place in a source. Lines and columns begin at 1. */
interface Place {
  /** Relative to the folder of the project. */
  readonly file: string;
  readonly line: number;
  readonly column: number | undefined;
}

/** Names that runtimes give to the single file of an action. */
const RUNTIME_FILES = /^(?:action|index|__main__|exec__)(?:\.\w+)+$/;

const NODE_FRAME = /((?:file:\/\/)?\/[^\s():]+):(\d+)(?::(\d+))?/;
const PYTHON_FRAME = /File "([^"]+)", line (\d+)/;

/**
 * Replaces the file of a stack frame by that of the source.
 * @param source the file or folder of the action's code.
 * @returns undefined if the line names no file of the source.
 */
export function locate(line: string, source: string, folder: string): { text: string; place: Place } | undefined {
  const match = PYTHON_FRAME.exec(line) ?? NODE_FRAME.exec(line);
  const [, path, number, column] = match ?? [];
  if (path === undefined || number === undefined) return undefined;
  const own = sourceFile(path.startsWith('file://') ? fileURLToPath(path) : path, source);
  if (own === undefined) return undefined;
  const file = relative(folder, own);
  const place = { file, line: Number(number), column: column === undefined ? undefined : Number(column) };
  return { text: line.replace(path, file), place };
}

/** The source of a file in the action's container. */
function sourceFile(path: string, source: string): string | undefined {
  if (!isFolder(source))
    return RUNTIME_FILES.test(basename(path)) || basename(path) === basename(source) ? source : undefined;
  const parts = path.split('/').filter((part) => part !== '');
  // The longest end of the path that is a file of the folder.
  for (let from = 0; from < parts.length; from++) {
    const file = join(source, ...parts.slice(from));
    if (isFile(file)) return file;
  }
  return undefined;
}

/** The line of a place with a mark below its column; none if the file has no such line. */
export function excerpt(folder: string, { file, line, column }: Place): string[] {
  let text: string | undefined;
  try {
    text = readFileSync(join(folder, file), 'utf8').split('\n')[line - 1];
  } catch {
    // The file is gone.
    return [];
  }
  if (text === undefined || text.length > 500) return [];
  const prefix = `${line} | `;
  return [`${prefix}${text}`, ...(column === undefined ? [] : [`${' '.repeat(prefix.length + column - 1)}^`])];
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
