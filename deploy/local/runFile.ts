import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import * as z from 'zod';
import { UsageError } from '../standalone/options.js';
import { ORDERLY_END_S } from './RunGuardian.js';

/** A run of `npm run local`: the owner of a port and of the ids of controllers and invokers. */
const runSchema = z.object({
  /** The process id of the runner. */
  pid: z.int().positive(),
  /** ISO 8601. */
  since: z.string(),
  processes: z.array(z.object({ name: z.string(), pid: z.int().positive() })),
});
export type Run = z.infer<typeof runSchema>;

/** The limit for the end of a killed run's processes, and the part of it for the run's guardian, in ms. */
const LIMITS = { leftoversMs: (ORDERLY_END_S + 10) * 1000, guardianMs: (ORDERLY_END_S + 5) * 1000 };
const LOOK_MS = 200;
/** The main files in a process's arguments, to detect unrelated processes with the same id. */
const RUNNER = /deploy\/local\/run\.[jt]s/;
const PART = /(?:controller|invoker)\/main\.[jt]s/;

/** The file with the run of a port. */
export const runFile = (port: number): string =>
  join(tmpdir(), `palette-whisk-local-${userInfo().username.replaceAll(/\W/g, '-')}-${port}.json`);

export function writeRun(file: string, run: Run): void {
  writeFileSync(file, JSON.stringify(run), { mode: 0o600 });
}

/**
 * Waits for the end of an earlier run's processes, and kills them if its guardian does not.
 * @param say prints a line for the user.
 * @throws UsageError if a run uses the port, or if a process does not end.
 */
export async function endEarlierRun(
  file: string,
  port: number,
  say: (line: string) => void,
  { leftoversMs, guardianMs } = LIMITS,
): Promise<void> {
  const run = readRun(file);
  if (!run) return;
  if (RUNNER.test(await commandLine(run.pid))) {
    throw new UsageError(
      `port ${port} and the ids of its controllers and invokers are in use by \`npm run local\` (pid ${run.pid}, since ` +
        `${run.since}): end it with Ctrl-C there or \`kill ${run.pid}\`, or choose another --port`,
    );
  }
  let left = await running(run);
  if (left.length === 0) return;
  say(
    `the run of ${run.since} was killed: ${named(left)} still hold their ids; waiting for their end, ` +
      `${leftoversMs / 1000} s at most`,
  );
  const began = performance.now();
  const waited = (): number => performance.now() - began;
  while (left.length > 0 && waited() < leftoversMs) {
    // The guardian of that run ends them, unless it was killed, too.
    if (waited() >= guardianMs) for (const { pid } of left) kill(pid);
    await sleep(LOOK_MS);
    left = await running(run);
  }
  if (left.length > 0) throw new UsageError(`${named(left)} of an earlier run do not end: end them with kill -9`);
  say('they have ended');
}

function readRun(file: string): Run | undefined {
  try {
    return runSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // There was no run, or its file is damaged. Then the start reports a port or an id that is in use.
    return undefined;
  }
}

async function running({ processes }: Run): Promise<Run['processes']> {
  const lines = await Promise.all(processes.map(({ pid }) => commandLine(pid)));
  return processes.filter((_, index) => PART.test(lines[index] ?? ''));
}

const named = (processes: Run['processes']): string =>
  processes.map(({ name, pid }) => `${name} (pid ${pid})`).join(', ');

/** The arguments of a process; empty after its end. */
async function commandLine(pid: number): Promise<string> {
  try {
    return (await promisify(execFile)('ps', ['-ww', '-o', 'args=', '-p', String(pid)])).stdout;
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // The process has ended.
  }
}
