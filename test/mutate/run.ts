/*
 * Changes the pure decisions one operator at a time and says which changes no unit test notices: `npm run mutate`.
 *
 *   node dist/test/mutate/run.js [PART OF A FILE'S NAME ...]
 *
 * Exits 1 where a mutant survives that `explained.ts` does not explain, or where an explanation fits no surviving mutant.
 * Stryker was tried: the version that runs on Node.js 20 does not know this mocha.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inLanes } from '../jobs.js';
import { EXPLAINED, type Explained } from './explained.js';
import { applied, linesOf, mutantsOf, type Mutant } from './mutants.js';
import { TARGETS, type Target } from './targets.js';
import { Trials, UNCHANGED } from './trials.js';

/** So many mutants share a process: each leaves its instances of the modules in memory. */
const MUTANTS_EACH = 50;
const LANES = 2;

/** What became of the mutants of a target. */
interface Tally {
  made: number;
  killed: number;
  /** Of the killed: those that made a test miss its deadline, as an endless loop does. */
  late: number;
  explained: number;
  readonly survivors: string[];
}

interface Chunk {
  readonly target: Target;
  readonly source: string;
  readonly mutants: readonly Mutant[];
  readonly number: number;
}

const dist = fileURLToPath(new URL('../../', import.meta.url));
const wanted = process.argv.slice(2);
const targets = TARGETS.filter(({ file }) => wanted.length === 0 || wanted.some((part) => file.includes(part)));
if (targets.length === 0) {
  console.error(
    `no target is named like ${wanted.join(' or ')}: there are ${TARGETS.map(({ file }) => file).join(', ')}`,
  );
  process.exit(2);
}
setPriority(10);
const begun = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-mutate-'));
const tallies = new Map<string, Tally>(
  targets.map(({ file }) => [file, { made: 0, killed: 0, late: 0, explained: 0, survivors: [] }]),
);
const used = new Set<Explained>();
try {
  const chunks = targets.flatMap(chunksOf);
  let left = chunks.length;
  await inLanes(chunks, Math.min(LANES, availableParallelism()), async (chunk) => {
    await test(chunk, tallyOf(chunk.target));
    console.error(`${chunk.target.file}: ${chunk.mutants.length} mutants done, ${--left} parts are left`);
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const one of EXPLAINED) {
  if (!used.has(one)) {
    tallies.get(one.file)?.survivors.push(`no surviving mutant fits the explanation of "${one.line}"`);
  }
}
report();

function chunksOf(target: Target): Chunk[] {
  const source = readFileSync(join(dist, `${target.file}.js`), 'utf8');
  const mutants = mutantsOf(source);
  tallyOf(target).made = mutants.length;
  return Array.from({ length: Math.ceil(mutants.length / MUTANTS_EACH) }, (_, number) => ({
    target,
    source,
    number,
    mutants: mutants.slice(number * MUTANTS_EACH, (number + 1) * MUTANTS_EACH),
  }));
}

/** The tests run without a change first and last: what a mutant leaves behind in the process must not fail the next. */
async function test({ target, source, mutants, number }: Chunk, tally: Tally): Promise<void> {
  const sources = join(folder, `${target.file.replaceAll('/', '.')}.${number}`);
  mkdirSync(sources);
  writeFileSync(join(sources, `${UNCHANGED}.js`), source);
  writeFileSync(join(sources, `${UNCHANGED}-again.js`), source);
  const tests = target.tests.map((name) => join(dist, 'test/unit', `${name}.test.js`));
  const trials = new Trials(join(dist, `${target.file}.js`), sources, tests);
  try {
    const failed = await trials.check();
    if (failed !== undefined) {
      tally.survivors.push(`its tests fail without any change: ${failed}`);
      return;
    }
    for (const [index, mutant] of mutants.entries()) {
      writeFileSync(join(sources, `${index}.js`), applied(source, mutant));
      const { killedBy, late } = await trials.run(String(index));
      if (killedBy === undefined) survived(target, source, mutant, tally);
      else tally.killed++;
      if (late) tally.late++;
    }
    const last = await trials.run(`${UNCHANGED}-again`);
    if (last.killedBy !== undefined) tally.survivors.push(`its tests fail after mutants: ${last.killedBy}`);
  } finally {
    trials.end();
  }
}

function survived({ file }: Target, source: string, mutant: Mutant, tally: Tally): void {
  const { line, becomes } = linesOf(source, mutant);
  const reason = EXPLAINED.find((one) => one.file === file && one.line === line && one.becomes === becomes);
  if (reason) {
    used.add(reason);
    tally.explained++;
    return;
  }
  tally.survivors.push(`line ${mutant.line}, ${mutant.change}: ${line}\n      becomes ${becomes}`);
  console.error(`  survives: ${file}: ${tally.survivors.at(-1)}`);
}

function tallyOf({ file }: Target): Tally {
  const tally = tallies.get(file);
  if (!tally) throw new Error(`no target ${file}`);
  return tally;
}

function report(): void {
  const row = (name: string, ...cells: readonly (string | number)[]): string =>
    name.padEnd(46) + cells.map((cell) => String(cell).padStart(11)).join('');
  const total: Tally = { made: 0, killed: 0, late: 0, explained: 0, survivors: [] };
  console.log(`\n${row('', 'mutants', 'killed', '(late)', 'explained', 'survive')}`);
  for (const [file, { made, killed, late, explained, survivors }] of tallies) {
    console.log(row(file, made, killed, late, explained, survivors.length));
    total.made += made;
    total.killed += killed;
    total.late += late;
    total.explained += explained;
    total.survivors.push(...survivors.map((one) => `${file}: ${one}`));
  }
  console.log(row('all', total.made, total.killed, total.late, total.explained, total.survivors.length));
  console.log(`\nIt took ${Math.round((performance.now() - begun) / 1000)} s.`);
  if (total.survivors.length > 0) console.error(`\nThese survive:\n  ${total.survivors.join('\n  ')}`);
  process.exitCode = total.survivors.length === 0 ? 0 : 1;
}
