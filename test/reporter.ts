import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

/** Mocha's spec reporter, which also writes the counts to the file that the runner names in `COUNTS_FILE`. */
export default class CountingReporter extends Mocha.reporters.Spec {
  override done(failures: number, fn?: (failures: number) => void): void {
    const file = process.env['COUNTS_FILE'];
    const { passes, pending } = this.stats;
    if (file) writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    fn?.(failures);
  }
}
