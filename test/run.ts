/*
 * Runs tiers of tests, each in a mocha process of its own, and ends with one line: `N passed, N failed, N skipped`.
 *
 *   node dist/test/run.js [unit|integration|conformance|e2e ...] [-- mocha options such as --grep]
 *
 * Sources decide which tests there are, so that a compiled test whose source is gone does not run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepare } from './prepare.js';

const TIERS = ['unit', 'integration', 'conformance', 'e2e'] as const;
type Tier = (typeof TIERS)[number];

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const separator = process.argv.indexOf('--');
const named = process.argv.slice(2, separator < 0 ? undefined : separator);
const mochaOptions = separator < 0 ? [] : process.argv.slice(separator + 1);
const unknown = named.filter((name) => !(TIERS as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`unknown tier ${unknown.join(', ')}: there are ${TIERS.join(', ')}`);
  process.exit(1);
}
const tiers = named.length > 0 ? (named as Tier[]) : TIERS;

const total: Counts = { passed: 0, failed: 0, skipped: 0 };
const work = mkdtempSync(join(tmpdir(), 'palette-whisk-test-'));
try {
  for (const tier of tiers) {
    if (tier !== 'unit') await prepare(tier);
    const counts = runTier(tier);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  total.failed++;
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (process.env['CI'] === 'true' && total.skipped > 0) {
  console.error(`under CI=true nothing may be skipped, but ${total.skipped} tests were`);
  total.failed++;
}
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed === 0 ? 0 : 1;

function runTier(tier: Tier): Counts {
  const files = testFiles(tier);
  console.log(`\n== ${tier}: ${files.length} files`);
  if (files.length === 0) return { passed: 0, failed: 0, skipped: 0 };
  const countsFile = join(work, `${tier}.json`);
  const { status, signal } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/mocha/bin/mocha.js'),
      '--reporter',
      join(root, 'dist/test/reporter.js'),
      ...mochaOptions,
      ...files,
    ],
    { cwd: root, stdio: 'inherit', env: { ...process.env, COUNTS_FILE: countsFile } },
  );
  if (!existsSync(countsFile))
    throw new Error(`the ${tier} tests ended without a result (${signal ?? `exit code ${status}`})`);
  const counts = JSON.parse(readFileSync(countsFile, 'utf8')) as Counts;
  // A process that failed after its last test (an unhandled rejection, say) has failed.
  if (status !== 0 && counts.failed === 0) counts.failed = 1;
  return counts;
}

function testFiles(tier: Tier): string[] {
  const folder = join(root, 'test', tier);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .toSorted()
    .map((file) => join(root, 'dist/test', tier, file.replace(/\.ts$/, '.js')));
}
