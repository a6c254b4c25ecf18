/*
 * Changes the pure decisions one operator at a time and says which changes no unit test notices: `npm run mutate`.
 *
 *   node dist/test/mutate/run.js [PART OF A FILE'S NAME ...]
 *
 * Works on a copy of what is compiled. Exits 1 where a mutant survives that `targets.ts` does not explain, or where an
 * explanation fits no mutant any more. Stryker was tried: the version that runs on Node.js 20 does not know this mocha.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inLanes } from '../jobs.js';
import { applied, mutantsOf, type Mutant } from './mutants.js';
import { EXPLAINED, TARGETS, type Explained, type Target } from './targets.js';

/** A mutant that loops for ever is noticed too. */
const LIMIT_MS = 120_000;

interface Result {
  readonly killed: number;
  readonly survivors: readonly string[];
  readonly used: ReadonlySet<Explained>;
}

const root = fileURLToPath(new URL('../../../', import.meta.url));
const wanted = process.argv.slice(2);
const targets = TARGETS.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (targets.length === 0) {
  console.error(
    `no target is named like ${wanted.join(' or ')}: there are ${TARGETS.map(({ file }) => file).join(', ')}`,
  );
  process.exit(2);
}
const results: Result[] = [];
await inLanes(targets, Math.min(2, availableParallelism()), async (target) => {
  results.push(await test(target));
});
const survivors = results.flatMap((result) => result.survivors);
const idle = EXPLAINED.filter(
  (one) => targets.some(({ file }) => file === one.file) && !results.some(({ used }) => used.has(one)),
);
for (const { file, code, change } of idle)
  survivors.push(`${file}: no surviving mutant fits the explanation of "${code}" (${change})`);
const killed = results.reduce((sum, result) => sum + result.killed, 0);
const explained = results.reduce((sum, { used }) => sum + used.size, 0);
if (survivors.length > 0) console.error(`\nThese survive:\n${survivors.join('\n')}`);
console.log(`\n${killed} mutants killed, ${explained} explained, ${survivors.length} survive`);
process.exitCode = survivors.length === 0 ? 0 : 1;

async function test(target: Target): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-mutate-'));
  try {
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    for (const name of ['node_modules', 'package.json', 'shared', 'test', 'docs', 'deploy'])
      symlinkSync(join(root, name), join(folder, name));
    const file = join(folder, 'dist', `${target.file}.js`);
    const source = readFileSync(file, 'utf8');
    if (!(await passes(folder, target))) {
      const why = `${target.file}: its tests fail, or take over ${LIMIT_MS / 1000} s, without any change`;
      return { killed: 0, survivors: [why], used: new Set() };
    }
    const lines = source.split('\n');
    const survivors: string[] = [];
    const used = new Set<Explained>();
    const mutants = mutantsOf(source);
    for (const mutant of mutants) {
      writeFileSync(file, applied(source, mutant));
      if (!(await passes(folder, target))) continue;
      const code = lines[mutant.line - 1]?.trim() ?? '';
      const reason = explanation(target, code, mutant);
      if (reason) used.add(reason);
      else survivors.push(`${target.file}.js:${mutant.line} ${mutant.change}: ${code}`);
    }
    console.log(
      [`${target.file}: ${mutants.length} mutants, ${survivors.length} survive unexplained`, ...survivors].join('\n  '),
    );
    return { killed: mutants.length - survivors.length - used.size, survivors, used };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function explanation({ file }: Target, code: string, { change }: Mutant): Explained | undefined {
  return EXPLAINED.find((one) => one.file === file && one.code === code && one.change === change);
}

async function passes(folder: string, { tests }: Target): Promise<boolean> {
  const files = tests.map((name) => join(folder, 'dist/test/unit', `${name}.test.js`));
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const child = spawn(process.execPath, [mocha, '--bail', '--exit', '--reporter', 'dot', ...files], {
    cwd: folder,
    stdio: 'ignore',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status === 0;
}
