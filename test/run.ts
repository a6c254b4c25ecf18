/*
 * Runs tiers of tests, and ends with one line: `N passed, N failed, N skipped`.
 *
 *   node dist/test/run.js [unit|integration|conformance|e2e ...] [--coverage] [-- mocha options such as --grep]
 *
 * Each tier, and each folder of the integration tier, is a mocha process. As many run side by side as `TEST_LANES` says
 * (default: 2, or 1 on a single core); the output of one is printed when it ends. `--coverage` prints which lines the
 * unit and integration tests ran, and fails where a watched file has too few.
 * Failures are repeated at the end, after the tables of coverage.
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
import { inLanes, inOrder, jobsOf, TIERS, type Job, type Tier } from './jobs.js';
import { prepare } from './prepare.js';
import { failuresText, type Failure, type TierResult } from './results.js';

const PROGRESS_MS = 60_000;

const root = fileURLToPath(new URL('../../', import.meta.url));
const separator = process.argv.indexOf('--');
const words = process.argv.slice(2, separator < 0 ? undefined : separator);
const mochaOptions = separator < 0 ? [] : process.argv.slice(separator + 1);
const withCoverage = words.includes('--coverage');
const named = words.filter((word) => word !== '--coverage');
const unknown = named.filter((name) => !(TIERS as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`unknown tier ${unknown.join(', ')}: there are ${TIERS.join(', ')}`);
  process.exit(1);
}
const tiers = TIERS.filter((tier) => named.length === 0 || named.includes(tier));
const jobs = inOrder(tiers.flatMap((tier) => jobsOf(tier, testFiles(tier))));
const lanes = Number(process.env['TEST_LANES'] ?? Math.min(2, availableParallelism()));

const total = { passed: 0, failed: 0, skipped: 0 };
const failures: Failure[] = [];
const work = mkdtempSync(join(tmpdir(), 'palette-whisk-test-'));
const coverage = join(work, 'coverage');
let broker: Broker | undefined;
try {
  const real = tiers.filter((tier) => tier !== 'unit');
  for (const tier of real) await prepare(tier);
  broker = await sharedBroker();
  await inLanes(jobs, lanes, runJob);
  if (withCoverage && !reportCoverage(root, coverage)) {
    fail('coverage', 'a watched file has too few covered lines, or the report could not be made: see above');
  }
} catch (error) {
  fail('the run', error instanceof Error ? error.message : String(error));
} finally {
  await broker?.close();
  rmSync(work, { recursive: true, force: true });
}
if (process.env['CI'] === 'true' && total.skipped > 0) {
  fail('the run', `under CI=true nothing may be skipped, but ${total.skipped} tests were`);
}
if (failures.length > 0) console.error(`\n${failuresText(failures)}\n`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

/** One broker for all jobs whose tests do not stop it. Each test has topics and groups of its own. */
async function sharedBroker(): Promise<Broker | undefined> {
  if (jobs.every(({ tier }) => tier === 'unit') || process.env['KAFKA_HOSTS']) return undefined;
  return startBroker().catch((error: unknown) => {
    if (process.env['CI'] === 'true') throw error;
    // Without Java or Maven the tests that need a broker say so and are skipped.
    return undefined;
  });
}

async function runJob(job: Job): Promise<void> {
  const countsFile = join(work, `${job.name.replaceAll('/', '-')}.json`);
  const outputFile = join(work, `${job.name.replaceAll('/', '-')}.log`);
  const sideBySide = lanes > 1 && jobs.length > 1;
  const output = sideBySide ? openSync(outputFile, 'w') : undefined;
  console.log(`\n== ${job.name}: ${job.files.length} files${sideBySide ? ' begin' : ''}`);
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const progress = setInterval(() => console.log(`   ${job.name} runs for ${seconds()} s`), PROGRESS_MS);
  const child = spawn(
    process.execPath,
    [
      join(root, 'node_modules/mocha/bin/mocha.js'),
      '--reporter',
      join(root, 'dist/test/reporter.js'),
      ...mochaOptions,
      ...job.files.map((file) => join(root, 'dist/test', job.tier, file.replace(/\.ts$/, '.js'))),
    ],
    {
      cwd: root,
      stdio: output === undefined ? 'inherit' : ['ignore', output, output],
      env: {
        ...process.env,
        COUNTS_FILE: countsFile,
        ...(broker ? { SHARED_KAFKA_HOSTS: broker.hosts } : {}),
        ...(withCoverage && COVERED_TIERS.includes(job.tier) ? { NODE_V8_COVERAGE: coverage } : {}),
      },
    },
  );
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  clearInterval(progress);
  if (output !== undefined) {
    closeSync(output);
    console.log(`\n== ${job.name}: ended after ${seconds()} s\n${readFileSync(outputFile, 'utf8')}`);
  }
  if (!existsSync(countsFile)) {
    fail(job.name, `its tests ended without a result (${signal ?? `exit code ${status}`})`);
    return;
  }
  const result = JSON.parse(readFileSync(countsFile, 'utf8')) as TierResult;
  if (status !== 0 && result.failed === 0) fail(job.name, 'the process failed after its last test');
  total.passed += result.passed;
  total.failed += result.failed;
  total.skipped += result.skipped;
  failures.push(...result.failures.map(({ title, reason }) => ({ title: `${job.name} / ${title}`, reason })));
}

function fail(title: string, reason: string): void {
  total.failed++;
  failures.push({ title, reason });
}

function testFiles(tier: Tier): string[] {
  const folder = join(root, 'test', tier);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .toSorted();
}
