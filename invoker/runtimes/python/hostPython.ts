import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';

/** A Python of this machine. */
export interface HostPython {
  /** The path of the program: not a shim, a link or a virtual environment. */
  readonly program: string;
  /** Such as `3.11.7`. */
  readonly version: string;
  /** The folder of the installation. */
  readonly prefix: string;
  /** The folder of the standard library. */
  readonly library: string;
}

/** Options of Python: without its environment variables and its installed packages, with UTF-8 streams. */
export const PYTHON_OPTIONS: readonly string[] = ['-I', '-S', '-X', 'utf8'];
/** The oldest minor version of Python 3 that the runtime supports. */
const MIN_MINOR = 8;
/** The limit for a question to Python in ms. A shim may start slowly, and more so on a busy machine. */
const ANSWER_MS = 30_000;
/** The time for which a program that ended with an error is not asked again, in ms. */
const REFUSED_MS = 60_000;

const SCRIPT = `
import json, os, sys, sysconfig
program = os.path.realpath(getattr(sys, '_base_executable', None) or sys.executable)
print(json.dumps({'program': program, 'version': '%d.%d.%d' % sys.version_info[:3], 'prefix': sys.base_prefix,
                  'library': os.path.dirname(os.__file__)}))
`;
const answerSchema = z.object({ program: z.string(), version: z.string(), prefix: z.string(), library: z.string() });

/** Asks a program. Rejects if it is not a Python that works. */
export type AskPython = (program: string) => Promise<HostPython>;

/** The version in a kind of Python: `3` or such as `3.11`; undefined for other kinds. */
export function pythonVersion(kind: string): string | undefined {
  return /^python:(3(?:\.\d+)?)$/.exec(kind)?.[1];
}

/**
 * The Python of this machine for a version in a kind, or why there is none with the remedy.
 * @param version `3` for any that the runtime supports, or such as `3.11`
 */
export async function findPython(version: string, ask: AskPython = askPython): Promise<HostPython | string> {
  const names = version === '3' ? ['python3', 'python'] : [`python${version}`, 'python3'];
  let other: string | undefined;
  for (const name of names) {
    let found: HostPython;
    try {
      found = await ask(name);
    } catch {
      continue;
    }
    if (isVersion(found.version, version)) return found;
    other ??= found.version;
  }
  if (version === '3') return `this machine has no Python 3.${MIN_MINOR} or later: install python3`;
  const instead = other === undefined ? '' : ` (it has ${other}, which runs actions of kind python:3)`;
  return `this machine has no Python ${version}${instead}: install python${version}`;
}

function isVersion(found: string, wanted: string): boolean {
  const [major, minor] = found.split('.').map(Number);
  if (major !== 3 || minor === undefined) return false;
  return wanted === '3' ? minor >= MIN_MINOR : wanted === `3.${minor}`;
}

/**
 * Asks each program once, and keeps its answer. Invokers look for several versions at once and each ten seconds, and behind a
 * shim of pyenv a question takes a fifth of a second of processor time. The answer holds until the file of
 * the program is gone or has changed, since an upgrade may replace it. A program that ended with an error is asked again after a
 * minute, and a program that is missing or slow at the next question.
 *
 * @param now milliseconds since any moment
 * @param stamp changes with the content of a file; undefined: there is none, or it cannot be read. Never throws
 */
export function rememberingPython(
  ask: AskPython,
  now: () => number = () => performance.now(),
  stamp: (path: string) => string | undefined = stampOf,
): AskPython {
  const known = new Map<string, { readonly answer: Promise<HostPython>; isOver: () => boolean }>();
  return (program) => {
    const before = known.get(program);
    if (before && !before.isOver()) return before.answer;
    const asked = { answer: ask(program), isOver: () => false };
    known.set(program, asked);
    void asked.answer.then(
      (python) => {
        const first = stamp(python.program);
        asked.isOver = () => first === undefined || stamp(python.program) !== first;
      },
      (error: unknown) => {
        const end = now() + (hasRefused(error) ? REFUSED_MS : 0);
        asked.isOver = () => now() >= end;
      },
    );
    return asked.answer;
  };
}

function stampOf(path: string): string | undefined {
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    return stats && `${stats.ino} ${stats.mtimeMs}`;
  } catch {
    // Such as a folder without access or a lost network drive. The next question to the program tells the reason.
    return undefined;
  }
}

/** Whether the program ended with an exit code. Other errors have a text as their code, or none. */
const hasRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'number';

/** Asks a program. Rejects if it is not a Python that works, or does not answer in time. */
export async function askProgram(program: string, limitMs = ANSWER_MS): Promise<HostPython> {
  const options = { timeout: limitMs, killSignal: 'SIGKILL' } as const;
  const { stdout } = await promisify(execFile)(program, [...PYTHON_OPTIONS, '-c', SCRIPT], options);
  return answerSchema.parse(JSON.parse(stdout));
}

const askPython = rememberingPython((program) => askProgram(program));

/** The folder of the modules that every Python action may import: the client of objects. */
export const pythonPackages = (): string => join(dirname(pythonRuntimeFile()), 'packages');

/** The path of the runtime. The compiler does not copy it to `dist/`, so it is beside the sources. */
export function pythonRuntimeFile(): string {
  const beside = fileURLToPath(new URL('./runtime.py', import.meta.url));
  return existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../../../invoker/runtimes/python/runtime.py', import.meta.url));
}
