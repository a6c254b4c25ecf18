import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Tiers whose processes, and those that they start, write down which lines ran. */
export const COVERED_TIERS: readonly string[] = ['unit', 'integration'];

/** No file in these folders may be under {@link LEAST_LINES} percent of lines. */
const WATCHED = ['shared/messaging', 'shared/store', 'invoker/pool', 'controller/loadbalancer'];
const LEAST_LINES = 90;

/**
 * Prints what share of each source file's lines ran.
 *
 * @param raw the folder where Node wrote its coverage files (`NODE_V8_COVERAGE`)
 * @returns whether each watched file reaches the limit
 */
export function reportCoverage(root: string, raw: string): boolean {
  const reports = join(raw, 'reports');
  const made = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/c8/bin/c8.js'),
      'report',
      `--temp-directory=${raw}`,
      `--reports-dir=${reports}`,
      '--merge-async',
      '--reporter=text',
      '--reporter=json-summary',
      ...['controller', 'invoker', 'shared', 'deploy'].flatMap((folder) => ['--include', `dist/${folder}/**`]),
    ],
    { cwd: root, stdio: 'inherit' },
  );
  if (made.status !== 0) return false;
  const summary = JSON.parse(readFileSync(join(reports, 'coverage-summary.json'), 'utf8')) as CoverageSummary;
  const few = tooFewLines(root, summary);
  const folders = WATCHED.join(', ');
  if (few.length === 0) console.log(`\nEach file of ${folders} has ${LEAST_LINES} % of its lines covered.`);
  else console.error(`\nEach file of ${folders} needs ${LEAST_LINES} % of its lines covered:\n${few.join('\n')}`);
  return few.length === 0;
}

/** Of Istanbul's reporter `json-summary`: by absolute path, and `total`. */
export type CoverageSummary = Readonly<Record<string, { readonly lines: { readonly pct: number } }>>;

/**
 * The watched files with too few covered lines, one a line.
 * @throws where no watched file is in the summary, as it would be if the paths were not those of the sources.
 */
export function tooFewLines(root: string, summary: CoverageSummary): string[] {
  const files = Object.entries(summary).map(([path, { lines }]) => ({ name: relative(root, path), pct: lines.pct }));
  const watched = files.filter(({ name }) => WATCHED.some((folder) => name.startsWith(`${folder}/`)));
  if (watched.length === 0) throw new Error(`the coverage report has no file of ${WATCHED.join(', ')}`);
  return watched.filter(({ pct }) => pct < LEAST_LINES).map(({ name, pct }) => `  ${name}: ${pct} %`);
}
