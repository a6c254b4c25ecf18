import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpack } from '../nodejs/archive.js';
import { LastLine } from './LastLine.js';

/** The name of the program in an action's folder. */
const PROGRAM = 'exec';
/** The longest argument of a program on Linux in bytes: `MAX_ARG_STRLEN` without the final zero. */
const MAX_ARGUMENT_BYTES = 131_071;
/** The limit for a result, which is the last line of stdout. The invoker's limit is far lower. */
const MAX_RESULT_BYTES = 48 * 1024 * 1024;
/** The time in ms for the rest of the output after the program's end. Its own children may hold the streams open. */
const LAST_WORDS_MS = 1000;

/** Magic numbers of executables: ELF, Mach-O (two byte orders and universal), and scripts. */
const EXECUTABLES = ['7f454c46', 'cffaedfe', 'feedfacf', 'cafebabe', '2321'];

export interface Code {
  readonly code: string;
  /** Whether the code is base64: an archive (zip or tar.gz) with the program `exec`, or the program itself. */
  readonly binary: boolean;
}

/**
 * Writes an action's program to a folder and makes it executable.
 * @throws Error with a message for the user
 */
export function place({ code, binary }: Code, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const program = join(folder, PROGRAM);
  const bytes = Buffer.from(code, binary ? 'base64' : 'utf8');
  if (!binary || EXECUTABLES.some((magic) => bytes.subarray(0, magic.length / 2).toString('hex') === magic)) {
    writeFileSync(program, bytes);
  } else {
    unpack(bytes, folder);
    if (!existsSync(program) || !statSync(program).isFile()) {
      throw new Error(`The archive does not include a program \`${PROGRAM}\` at its root.`);
    }
  }
  chmodSync(program, 0o755);
}

export interface Execution {
  readonly folder: string;
  /** The argument of the action as JSON. The program gets it on stdin, and if it is short enough as its argument. */
  readonly input: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: (chunk: Buffer) => void;
  readonly stderr: (chunk: Buffer) => void;
}

/** How a program ended. `lastLine`: of stdout; undefined if it was too long. */
export interface Ended {
  readonly lastLine: string | undefined;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs an action's program once. Passes on its output except for the last line of stdout, as it is written.
 * @throws Error if the program does not start
 */
export function execute({ folder, input, environment, stdout, stderr }: Execution): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const args = Buffer.byteLength(input) <= MAX_ARGUMENT_BYTES ? [input] : [];
    const child = spawn(join(folder, PROGRAM), args, { cwd: folder, env: environment, stdio: 'pipe' });
    const result = new LastLine(stdout, MAX_RESULT_BYTES);
    child.stdout.on('data', (chunk: Buffer) => result.push(chunk));
    child.stderr.on('data', stderr);
    // The program need not read its input.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (error) => reject(new Error(startFailure(error, folder))));
    child.once('exit', (code, signal) => {
      const timer = setTimeout(finish, LAST_WORDS_MS);
      child.once('close', finish);
      function finish(): void {
        clearTimeout(timer);
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ lastLine: result.end(), code, signal });
      }
    });
  });
}

function startFailure(error: NodeJS.ErrnoException, folder: string): string {
  const [first = ''] = readFileSync(join(folder, PROGRAM)).subarray(0, 256).toString('latin1').split('\n');
  const isScript = first.startsWith('#!');
  if (isScript && first.endsWith('\r')) {
    return 'The program does not start: its first line ends with a carriage return. Save it with Unix line ends.';
  }
  if (error.code === 'ENOENT' && isScript) {
    return `The program does not start: its first line is '${first}', and that interpreter is not here.`;
  }
  if (error.code === 'ENOENT') return 'The program does not start: its dynamic linker is not here. Link it statically.';
  return `The program does not start: ${error.message}`;
}
