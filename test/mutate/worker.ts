/*
 * Runs the tests of a target with one mutant after the other in one process: Node.js and mocha load once, and of the
 * project each mutant has its own instance of every module (see `hooks.ts`).
 */
import { register } from 'node:module';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import Mocha from 'mocha';

/** What the parent asks for: the tests with this mutant, or with no change. */
export interface Trial {
  readonly id: string;
  /** What a test may take, in ms. */
  readonly timeoutMs: number;
}

/** The name of the test that failed; undefined where all passed. */
export interface Verdict {
  readonly failed: string | undefined;
  /** How long the tests took, without the time to load them. */
  readonly tookMs: number;
}

const [target = '', sources = '', ...tests] = process.argv.slice(2);
register('./hooks.js', import.meta.url, { data: { target, sources } });
// The same inputs in each run: else a mutant that few inputs show would survive now and then.
fc.configureGlobal({ seed: 1 });

process.on('message', (trial: Trial) => {
  void run(trial).then((verdict) => process.send?.(verdict));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

async function run({ id, timeoutMs }: Trial): Promise<Verdict> {
  const mocha = new Mocha({ bail: true, timeout: timeoutMs, reporter: Mocha.reporters.Base });
  // As mocha does before it loads a file. It would `require` the file, which has no query and is loaded once.
  mocha.suite.emit('pre-require', globalThis, '', mocha);
  try {
    for (const file of tests) await import(`${pathToFileURL(file).href}?mutant=${id}`);
  } catch (error) {
    return { failed: `loading: ${String(error)}`, tookMs: 0 };
  }
  const begun = performance.now();
  let failed: string | undefined;
  let passed = 0;
  await new Promise<void>((resolve) => {
    const runner = mocha.run(() => resolve());
    runner.on('pass', () => passed++);
    runner.on('fail', (test) => (failed ??= test.fullTitle()));
  });
  mocha.dispose();
  failed ??= passed === 0 ? 'there is no test' : undefined;
  return { failed, tookMs: performance.now() - begun };
}
