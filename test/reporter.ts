import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { TierResult } from './results.js';

const STACK_LINES = 6;

/** Mocha's spec reporter, which also writes the result to the file that the runner names in `COUNTS_FILE`. */
export default class CountingReporter extends Mocha.reporters.Spec {
  override done(failures: number, fn?: (failures: number) => void): void {
    const file = process.env['COUNTS_FILE'];
    const { passes, pending } = this.stats;
    const result: TierResult = {
      passed: passes,
      failed: failures,
      skipped: pending,
      failures: this.failures.map((test) => ({
        title: test.titlePath().join(' / '),
        reason: (test.err?.stack ?? test.err?.message ?? 'no reason given')
          .split('\n')
          .slice(0, STACK_LINES)
          .join('\n'),
      })),
    };
    if (file) writeFileSync(file, JSON.stringify(result));
    fn?.(failures);
  }
}
