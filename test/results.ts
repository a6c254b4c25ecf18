/*
 * What a mocha process tells the runner about its tests.
 */

export interface Failure {
  /** The titles of the suites and of the test. */
  readonly title: string;
  /** The first lines of the error's stack. */
  readonly reason: string;
}

export interface Duration {
  /** The titles of the suites and of the test, or a file, relative to `test/`. */
  readonly name: string;
  readonly ms: number;
}

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What one file's tests and hooks did. */
export interface FileResult extends Counts {
  /** Relative to `test/`, such as `unit/results.test.ts`. */
  readonly name: string;
  /** With hooks. */
  readonly ms: number;
  readonly failures: readonly Failure[];
}

export interface JobResult {
  readonly files: readonly FileResult[];
  /** Without hooks. */
  readonly tests: readonly Duration[];
}

const LONGEST_REASON = 1_000;

export function sumOf(counts: readonly Counts[]): Counts {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  return sum;
}

/** The longest of `durations`, one a line, in seconds. */
export function slowestText(what: string, durations: readonly Duration[], count: number): string {
  const lines = longestFirst(durations).slice(0, count);
  return [`the ${lines.length} slowest ${what}:`, ...lines].join('\n');
}

/** The processor time of each job, the longest first, and of all together, in seconds. */
export function processorText(jobs: readonly Duration[]): string {
  const all = { name: 'all jobs', ms: jobs.reduce((sum, { ms }) => sum + ms, 0) };
  return ['the jobs by processor time:', ...longestFirst([...jobs, all])].join('\n');
}

function longestFirst(durations: readonly Duration[]): string[] {
  return durations
    .toSorted((a, b) => b.ms - a.ms)
    .map(({ name, ms }) => `${(ms / 1000).toFixed(1).padStart(8)} s  ${name}`);
}

/**
 * The failures of all jobs as one text, for the end of the run: there, a reader who has only the last lines finds them.
 */
export function failuresText(failures: readonly Failure[], word = 'FAILED'): string {
  return failures
    .map(({ title, reason }) => `${word} ${title}\n${reason.slice(0, LONGEST_REASON).replaceAll(/^/gm, '    ')}`)
    .join('\n');
}
