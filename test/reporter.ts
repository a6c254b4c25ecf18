import { relative } from 'node:path';
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { Duration, Failure, FileResult, JobResult } from './results.js';

const STACK_LINES = 6;
const { EVENT_SUITE_BEGIN, EVENT_SUITE_END, EVENT_TEST_END, EVENT_TEST_FAIL, EVENT_TEST_PASS, EVENT_TEST_PENDING } =
  Mocha.Runner.constants;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Mocha's spec reporter, which also writes a {@link JobResult} to the file that the runner names in `COUNTS_FILE`. */
export default class CountingReporter extends Mocha.reporters.Spec {
  readonly #tests: Duration[] = [];
  readonly #files = new Map<string, Mutable<Omit<FileResult, 'failures'>> & { failures: Failure[] }>();

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    let began = 0;
    runner.on(EVENT_SUITE_BEGIN, ({ parent }) => {
      if (parent?.root) began = performance.now();
    });
    runner.on(EVENT_SUITE_END, (suite) => {
      if (suite.parent?.root) this.#of(suite).ms += performance.now() - began;
    });
    runner.on(EVENT_TEST_END, (test) => {
      if (test.duration !== undefined) this.#tests.push({ name: test.titlePath().join(' / '), ms: test.duration });
    });
    runner.on(EVENT_TEST_PASS, (test) => this.#of(test).passed++);
    runner.on(EVENT_TEST_PENDING, (test) => this.#of(test).skipped++);
    // A hook that fails comes here, too.
    runner.on(EVENT_TEST_FAIL, (test, error: Error) => {
      const file = this.#of(test);
      file.failed++;
      const reason = (error.stack ?? error.message).split('\n').slice(0, STACK_LINES).join('\n');
      file.failures.push({ title: `${file.name} / ${test.titlePath().join(' / ')}`, reason });
    });
  }

  override done(failures: number, fn?: (failures: number) => void): void {
    const file = process.env['COUNTS_FILE'];
    const result: JobResult = { files: [...this.#files.values()], tests: this.#tests };
    if (file) writeFileSync(file, JSON.stringify(result));
    fn?.(failures);
  }

  /** The counts of the file of a suite, a test or a hook. A hook outside of all suites has no file. */
  #of(part: { readonly file?: string | undefined; readonly parent?: Mocha.Suite | undefined }) {
    const path = part.file ?? part.parent?.file;
    const name = path === undefined ? 'no file' : relative('dist/test', path).replace(/\.js$/, '.ts');
    let file = this.#files.get(name);
    if (!file) {
      file = { name, ms: 0, passed: 0, failed: 0, skipped: 0, failures: [] };
      this.#files.set(name, file);
    }
    return file;
  }
}
