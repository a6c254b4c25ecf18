import { relative } from 'node:path';
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { Duration, TierResult } from './results.js';

const STACK_LINES = 6;
const { EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_END } = Mocha.Runner.constants;

/** Mocha's spec reporter, which also writes the result to the file that the runner names in `COUNTS_FILE`. */
export default class CountingReporter extends Mocha.reporters.Spec {
  readonly #tests: Duration[] = [];
  /** Milliseconds by file, with hooks. */
  readonly #files = new Map<string, number>();

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    let began = 0;
    runner.on(EVENT_SUITE_BEGIN, ({ parent }) => {
      if (parent?.root) began = performance.now();
    });
    runner.on(EVENT_SUITE_END, ({ parent, file }) => {
      if (!parent?.root || file === undefined) return;
      this.#files.set(file, (this.#files.get(file) ?? 0) + performance.now() - began);
    });
    runner.on(EVENT_TEST_END, (test) => {
      if (test.duration !== undefined) this.#tests.push({ name: test.titlePath().join(' / '), ms: test.duration });
    });
  }

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
      tests: this.#tests,
      files: [...this.#files].map(([path, ms]) => ({ name: relative('dist/test', path).replace(/\.js$/, '.ts'), ms })),
    };
    if (file) writeFileSync(file, JSON.stringify(result));
    fn?.(failures);
  }
}
