/*
 * What a mocha process tells the runner about its tests.
 */

export interface Failure {
  /** The titles of the suites and of the test. */
  readonly title: string;
  /** The first lines of the error's stack. */
  readonly reason: string;
}

export interface TierResult {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
}

const LONGEST_REASON = 1_000;

/**
 * The failures of all jobs as one text, for the end of the run: there, a reader who has only the last lines finds them.
 */
export function failuresText(failures: readonly Failure[]): string {
  return failures
    .map(({ title, reason }) => `FAILED ${title}\n${reason.slice(0, LONGEST_REASON).replaceAll(/^/gm, '    ')}`)
    .join('\n');
}
