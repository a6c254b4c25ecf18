/*
 * Runs tiers of tests, and ends with one line: `N passed, N failed, N skipped`.
 *
 *   node dist/test/run.js [lint|unit|integration|conformance|e2e ...] [--coverage] [--second-try] [-- mocha options]
 *
 * A tier, a folder of the integration tier or a file that takes long is a job: a mocha process. `lint` is `npm run lint`
 * without the compiler, which has run before. As many run side by side as `TEST_LANES` says (default: 5, since jobs
 * wait a lot, or 1 on a single core); the output of one is printed when it ends. Jobs that need no real parts run while those are prepared. `--coverage` prints which lines the unit
 * and integration tests ran, and fails where a watched file has too few. `--second-try` runs a file with a failed test once
 * more, alone, at the end (see `secondTry.ts`): the second result counts, and the first failure is named.
 * The slowest tests and files, the processor time of each job, and then the failures, are named at the end, after the tables of
 * coverage.
 *
 * Sources decide which tests there are, so that a compiled test whose source is gone does not run.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { COVERED_TIERS, reportCoverage } from './coverage.js';
import { startBroker, type Broker } from './integration/kafka/broker.js';
import { inLanes, inOrder, jobsOf, needsParts, TIERS, type Job, type Tier } from './jobs.js';
import { measured, processorSeconds } from './processorTime.js';
import { pathWithoutShims } from './pythonPath.js';
import {
  failuresText,
  processorText,
  slowestText,
  sumOf,
  type Duration,
  type Failure,
  type FileResult,
  type JobResult,
} from './results.js';
import { filesToTryAgain } from './secondTry.js';

const PROGRESS_MS = 60_000;
/** How many of the slowest tests and files the end of a run names. */
const SLOWEST = 20;
const LINT_CHARACTERS = 800;

const root = fileURLToPath(new URL('../../', import.meta.url));
const separator = process.argv.indexOf('--');
const words = process.argv.slice(2, separator < 0 ? undefined : separator);
const mochaOptions = separator < 0 ? [] : process.argv.slice(separator + 1);
const withCoverage = words.includes('--coverage');
const withSecondTry = words.includes('--second-try');
const named = words.filter((word) => word !== '--coverage' && word !== '--second-try');
const unknown = named.filter((name) => !(TIERS as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`unknown tier ${unknown.join(', ')}: there are ${TIERS.join(', ')}`);
  process.exit(1);
}
const tiers = TIERS.filter((tier) => named.length === 0 || named.includes(tier));
const jobs = inOrder(tiers.flatMap((tier) => jobsOf(tier, testFiles(tier))));
const lanes = Number(process.env['TEST_LANES'] ?? (availableParallelism() > 1 ? 5 : 1));

/** By job and file. */
const results = new Map<string, FileResult>();
/** Of tests that passed at their second try. */
const firstFailures: Failure[] = [];
/** Of other parts than tests. */
const failures: Failure[] = [];
const tests: Duration[] = [];
/** The processor time of each job. */
const processor: Duration[] = [];
const work = mkdtempSync(join(tmpdir(), 'palette-whisk-test-'));
const coverage = join(work, 'coverage');
const jobPath = pathWithoutShims(process.env['PATH'] ?? '');
let broker: Broker | undefined;
let serial = 0;
try {
  const preparation = prepareParts(tiers.filter(needsParts));
  await inLanes(jobs, lanes, async (job) => {
    if (job.tier === 'lint') return lint();
    if (!needsParts(job.tier) || (await preparation)) await runTests(job);
  });
  if (withSecondTry && failures.length === 0) await tryAgain();
  if (withCoverage && !reportCoverage(root, coverage)) {
    fail('coverage', 'a watched file has too few covered lines, or the report could not be made: see above');
  }
} catch (error) {
  fail('the run', error instanceof Error ? error.message : String(error));
} finally {
  await broker?.close();
  rmSync(work, { recursive: true, force: true });
}
const files = [...results.values()];
const { passed, failed, skipped } = sumOf(files);
if (process.env['CI'] === 'true' && skipped > 0) {
  fail('the run', `under CI=true nothing may be skipped, but ${skipped} tests were`);
}
if (files.length > 0) {
  console.log(`\n${slowestText('tests, without hooks', tests, SLOWEST)}`);
  console.log(slowestText('files, with hooks', files, SLOWEST));
}
if (processor.length > 0) console.log(`${processorText(processor)}\n`);
if (firstFailures.length > 0) console.error(`\n${failuresText(firstFailures, 'PASSED AT THE SECOND TRY')}\n`);
const allFailures = [...files.flatMap((file) => file.failures), ...failures];
if (allFailures.length > 0) console.error(`\n${failuresText(allFailures)}\n`);
console.log(`${passed} passed, ${failed + failures.length} failed, ${skipped} skipped`);
process.exitCode = allFailures.length === 0 ? 0 : 1;

/** @returns false, and tells it as a failure, where a part that has to be there cannot be had. */
async function prepareParts(real: readonly Tier[]): Promise<boolean> {
  if (real.length === 0) return true;
  try {
    const began = Date.now();
    const program = join(root, 'dist/test/prepare.js');
    const times = join(work, 'preparation.times');
    const child = spawn(...measured(times, process.execPath, [program, ...real]), { cwd: root, stdio: 'inherit' });
    const [status] = (await once(child, 'exit')) as [number | null];
    keepProcessorTime('the preparation', times);
    if (status !== 0) throw new Error('a part that the tests need cannot be had: see above');
    broker = await sharedBroker();
    console.log(`\n== the parts that tests need are ready after ${secondsSince(began)} s`);
    return true;
  } catch (error) {
    fail('the preparation', error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** One broker for all jobs whose tests do not stop it. Each test has topics and groups of its own. */
async function sharedBroker(): Promise<Broker | undefined> {
  if (process.env['KAFKA_HOSTS']) return undefined;
  return startBroker().catch((error: unknown) => {
    if (process.env['CI'] === 'true') throw error;
    // Without Java or Maven the tests that need a broker say so and are skipped.
    return undefined;
  });
}

/** A failure shows the end of its output. */
async function lint(): Promise<void> {
  const { status, output } = await runJob('lint', 'npm', ['run', '--silent', 'lint:compiled'], {});
  if (status !== 0) fail('lint', output?.slice(-LINT_CHARACTERS) ?? 'see above');
}

async function runTests(job: Job): Promise<void> {
  const countsFile = join(work, `${job.name.replaceAll(/[/ ]/g, '-')}.json`);
  const count = job.files.length === 1 ? '1 file' : `${job.files.length} files`;
  const compiled = job.files.map((file) => join(root, 'dist/test', job.tier, file.replace(/\.ts$/, '.js')));
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const args = [mocha, '--reporter', join(root, 'dist/test/reporter.js'), ...mochaOptions, ...compiled];
  const { status, signal } = await runJob(`${job.name} (${count})`, process.execPath, args, {
    COUNTS_FILE: countsFile,
    PATH: await jobPath,
    ...(needsParts(job.tier) && !withCoverage ? { JOINED_PROGRAMS: 'true' } : {}),
    ...(broker ? { SHARED_KAFKA_HOSTS: broker.hosts } : {}),
    ...(withCoverage && COVERED_TIERS.includes(job.tier) ? { NODE_V8_COVERAGE: coverage } : {}),
  });
  if (!existsSync(countsFile)) {
    fail(job.name, `its tests ended without a result (${signal ?? `exit code ${status}`})`);
    return;
  }
  const result = JSON.parse(readFileSync(countsFile, 'utf8')) as JobResult;
  if (status !== 0 && sumOf(result.files).failed === 0) fail(job.name, 'the process failed after its last test');
  for (const file of result.files) results.set(file.name, file);
  tests.push(...result.tests.map(({ name, ms }) => ({ name: `${job.name} / ${name}`, ms })));
}

/** Runs the files with failed tests once more, one after the other, now that nothing else runs. */
async function tryAgain(): Promise<void> {
  for (const name of filesToTryAgain([...results.values()])) {
    const first = results.get(name);
    const [tier, ...path] = name.split('/');
    if (!first || !isTier(tier)) continue;
    await runTests({ name: `second try of ${name}`, tier, files: [path.join('/')] });
    if (results.get(name)?.failed === 0) firstFailures.push(...first.failures);
  }
}

function isTier(name: string | undefined): name is Tier {
  return TIERS.some((tier) => tier === name);
}

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Undefined where it was printed at once. */
  readonly output?: string;
}

/** Runs a program. Side by side with others, its output is printed when it ends. */
async function runJob(
  name: string,
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Ended> {
  const number = serial++;
  const times = join(work, `${number}.times`);
  const file = lanes > 1 && jobs.length > 1 ? join(work, `${number}.log`) : undefined;
  const output = file === undefined ? undefined : openSync(file, 'w');
  console.log(`\n== ${name} begins`);
  const began = Date.now();
  const progress = setInterval(() => console.log(`   ${name} runs for ${secondsSince(began)} s`), PROGRESS_MS);
  const child = spawn(...measured(times, program, args), {
    cwd: root,
    stdio: output === undefined ? 'inherit' : ['ignore', output, output],
    env: { ...process.env, ...environment },
  });
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  clearInterval(progress);
  keepProcessorTime(name, times);
  console.log(`\n== ${name} ended after ${secondsSince(began)} s`);
  if (file === undefined || output === undefined) return { status, signal };
  closeSync(output);
  const text = readFileSync(file, 'utf8');
  console.log(text);
  return { status, signal, output: text };
}

function keepProcessorTime(name: string, times: string): void {
  const seconds = existsSync(times) ? processorSeconds(readFileSync(times, 'utf8')) : undefined;
  if (seconds !== undefined) processor.push({ name, ms: seconds * 1000 });
}

function secondsSince(began: number): number {
  return Math.round((Date.now() - began) / 1000);
}

function fail(title: string, reason: string): void {
  failures.push({ title, reason });
}

function testFiles(tier: Tier): string[] {
  const folder = join(root, 'test', tier);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .toSorted();
}
