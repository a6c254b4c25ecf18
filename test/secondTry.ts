/*
 * Decides which files of tests run a second time at the end of a run with `--second-try`.
 *
 * A test that fails and then passes is a fault that is to be mended: of the product, or of a test that waits for the wrong
 * thing. It is named, with its first failure, at the end of the run. But it does not hold up a change that did not cause it.
 */
import type { FileResult } from './results.js';

/** More files than these are not taken for luck. */
const MOST_FILES = 3;

/** @returns the names of files with failed tests; none if there are more than three, since something is broken then. */
export function filesToTryAgain(results: readonly FileResult[]): string[] {
  const failed = results.filter((file) => file.failed > 0);
  return failed.length > MOST_FILES ? [] : failed.map(({ name }) => name);
}
