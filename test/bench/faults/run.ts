/*
 * Breaks each part of the platform at a random moment while invocations arrive, and looks for activations that were lost,
 * run twice or answered late.
 *
 *   npm run bench:faults -- --help
 *
 * Exits with 1 where a trial finds a fault. Every round prints its counts as a line of JSON, with the seed that repeats it.
 * A round that does not come to its end (a controller or an invoker does not start again) counts as a fault, and the next
 * one begins. Where Kafka or CouchDB does not start again, the round is not counted, and its line says so.
 */
import { checkCouch, removeForeignDatabases } from './cluster.js';
import { isSound, total, type Verdict } from './history.js';
import { OptionError, readOptions, USAGE } from './options.js';
import { distributedRounds, standaloneRounds, type FailedRound, type Round } from './rounds.js';
import { STANDALONE } from './standalone.js';
import { DISTRIBUTED, named, playable } from './trials.js';
import { describeFailure } from '../../../shared/process/Lifecycle.js';

const { rounds, brokers, couch, only, seed, list, help } = checked();
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
// Brokers, controllers and invokers end with this process, which has to end by itself for that.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void removeForeignDatabases().finally(() => process.exit(130)));
}

const verdicts = new Map<string, Verdict[]>();
const failed = new Map<string, number>();
const uncounted = new Map<string, number>();
const increase = (counts: Map<string, number>, trial: string): unknown =>
  counts.set(trial, (counts.get(trial) ?? 0) + 1);
const tell = ({ verdict, ...round }: Round): void => {
  verdicts.set(round.trial, [...(verdicts.get(round.trial) ?? []), verdict]);
  const { refusals, failures, listErrors, ...about } = round;
  console.log(JSON.stringify({ ...about, sound: isSound(verdict), ...verdict, refusals, failures, listErrors }));
};
const tellFailure = ({ error, ...about }: FailedRound): void => {
  increase(failed, about.trial);
  console.log(JSON.stringify({ ...about, sound: false, failed: describeFailure(error) }));
};
const tellUncounted = ({ error, ...about }: FailedRound): void => {
  increase(uncounted, about.trial);
  console.log(JSON.stringify({ ...about, 'not counted': describeFailure(error) }));
};
const options = { rounds, seed, tell, tellFailure, tellUncounted };
for (const trial of standalone) await standaloneRounds(trial, options);
if (distributed.length > 0) await distributedRounds(distributed, { ...options, brokers, couch });

const table = [...verdicts].map(([trial, each]) => [trial, total(each)] as const);
console.table(Object.fromEntries(table));
for (const [trial, count] of failed) console.log(`${count} of ${rounds} rounds failed: ${trial}`);
for (const [trial, count] of uncounted) {
  console.log(`${count} rounds not counted, since Kafka or CouchDB failed by itself: ${trial}`);
}
const unsound = table.filter(([, verdict]) => !isSound(verdict)).map(([trial]) => trial);
const untried = [...uncounted.keys()].filter((trial) => !verdicts.has(trial) && !failed.has(trial));
for (const trial of untried) console.log(`not tried: ${trial}`);
const faulty = new Set([...unsound, ...failed.keys()]);
console.log(faulty.size === 0 ? 'nothing was lost, doubled or late' : `faults in: ${[...faulty].join(', ')}`);
process.exit(faulty.size + untried.length === 0 ? 0 : 1);

function checked(): ReturnType<typeof readOptions> {
  try {
    return readOptions(process.argv.slice(2));
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
