/*
 * Breaks each part of the platform at a random moment while invocations arrive, and looks for activations that were lost,
 * run twice or answered late.
 *
 *   npm run bench:faults -- --help
 *
 * Exits with 1 where a trial finds a fault. Every round prints its counts as a line of JSON, with the seed that repeats it.
 * A round that does not come to its end (a controller or an invoker does not start again) counts as a fault, and the next
 * one begins. Where Kafka or CouchDB does not start again, the round is not counted, and its line says so. With --results,
 * the same command continues an interrupted bench.
 */
import { checkCouch, removeForeignDatabases } from './cluster.js';
import { guardEverything } from './guard.js';
import { OptionError, readOptions, USAGE } from './options.js';
import { Results } from './Results.js';
import { distributedRounds, standaloneRounds, type FailedRound, type Round } from './rounds.js';
import { STANDALONE } from './standalone.js';
import { DISTRIBUTED, named, playable } from './trials.js';

const { rounds, brokers, couch, only, results: file, seed, list, help } = checked();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
const names = [...STANDALONE, ...DISTRIBUTED].map(({ name }) => name);
if (list) {
  for (const name of names) console.log(name);
  process.exit(0);
}
const standalone = named(STANDALONE, names, only).filter(({ ownDisk }) => ownDisk !== true || process.getuid?.() === 0);
const { played: distributed, omitted } = playable(named(DISTRIBUTED, names, only), {
  brokers,
  mayBreakCouch: couch.kind !== 'running',
});
for (const line of omitted) console.error(`left out: ${line}`);
if (standalone.length + distributed.length === 0) {
  console.error(`no trial is left of those with '${only.join("' or '")}' in their names; --list shows the names`);
  process.exit(2);
}
try {
  if (distributed.length > 0) await checkCouch(couch);
} catch (error) {
  refuse(error);
}
const guards = guardEverything();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void removeForeignDatabases().finally(() => process.exit(130)));
}

const results = opened();
const options = {
  rounds,
  seed,
  guards,
  done: (trial: string) => results.done(trial),
  tell: (round: Round) => results.played(round),
  tellFailure: (round: FailedRound) => results.failed(round),
  tellUncounted: (round: FailedRound) => results.uncounted(round),
};
for (const trial of standalone) await standaloneRounds(trial, options);
if (distributed.length > 0) await distributedRounds(distributed, { ...options, brokers, couch });

console.table(results.table());
for (const line of results.remarks()) console.log(line);
const untried = results.untried();
for (const trial of untried) console.log(`not tried: ${trial}`);
const faulty = results.faulty();
console.log(faulty.length === 0 ? 'nothing was lost, doubled or late' : `faults in: ${faulty.join(', ')}`);
process.exit(faulty.length + untried.length === 0 ? 0 : 1);

function checked(): ReturnType<typeof readOptions> {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    return refuse(error);
  }
}

function opened(): Results {
  try {
    return new Results(file, { brokers, couch: couch.kind }, (line) => console.log(line));
  } catch (error) {
    return refuse(error);
  }
}

/** Ends with 2 where an option is wrong. */
function refuse(error: unknown): never {
  if (!(error instanceof OptionError)) throw error;
  console.error(error.message);
  process.exit(2);
}
