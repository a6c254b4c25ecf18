/*
 * Breaks each part of the platform at a random moment while invocations arrive, and looks for activations that were lost,
 * run twice or answered late.
 *
 *   npm run bench:faults -- [--rounds N] [--brokers 1|3] [--couchdb URL] [--only NAME ...] [--seed N] [--list]
 *
 * Exits with 1 where a trial finds a fault. Every round prints its counts as a line of JSON, with the seed that repeats it.
 * A round that does not come to its end (a part does not start again) counts as a fault, and the next one begins.
 */
import { parseArgs } from 'node:util';
import { DISTRIBUTED } from './trials.js';
import { isSound, total, type Verdict } from './history.js';
import { describeFailure } from '../../../shared/process/Lifecycle.js';
import { distributedRounds, standaloneRounds, type FailedRound, type Round } from './rounds.js';
import { STANDALONE } from './standalone.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    brokers: { type: 'string', default: '1' },
    couchdb: { type: 'string' },
    only: { type: 'string', multiple: true, default: [''] },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    list: { type: 'boolean', default: false },
  },
});

const rounds = Number(values.rounds);
const brokers = Number(values.brokers);
if (!Number.isInteger(rounds) || rounds < 1 || !(brokers === 1 || brokers === 3)) {
  console.error('--rounds takes a whole number from 1, --brokers takes 1 or 3');
  process.exit(2);
}
const chosen = <T extends { readonly name: string }>(trials: readonly T[]): T[] =>
  trials.filter(({ name }) => values.only.some((only) => name.includes(only)));
const standalone = chosen(STANDALONE).filter(({ ownDisk }) => ownDisk !== true || process.getuid?.() === 0);
const distributed = chosen(DISTRIBUTED).filter(({ replicated }) => replicated !== true || brokers > 1);

if (values.list) {
  for (const { name } of [...STANDALONE, ...DISTRIBUTED]) console.log(name);
  process.exit(0);
}
if (standalone.length + distributed.length === 0) {
  console.error(`no trial has '${values.only.join("' or '")}' in its name; --list shows the names`);
  process.exit(2);
}
// Brokers, controllers and invokers end with this process, which has to end by itself for that.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
if (values.couchdb !== undefined) process.env['COUCHDB_URL'] = values.couchdb;

const verdicts = new Map<string, Verdict[]>();
const failures = new Map<string, number>();
const tell = ({ trial, round, seed, verdict, refusals, failures: why }: Round): void => {
  verdicts.set(trial, [...(verdicts.get(trial) ?? []), verdict]);
  console.log(JSON.stringify({ trial, round, seed, sound: isSound(verdict), ...verdict, refusals, failures: why }));
};
const tellFailure = ({ trial, round, seed, error }: FailedRound): void => {
  failures.set(trial, (failures.get(trial) ?? 0) + 1);
  console.log(JSON.stringify({ trial, round, seed, sound: false, failed: describeFailure(error) }));
};
const options = { rounds, seed: Number(values.seed), tell, tellFailure };
for (const trial of standalone) await standaloneRounds(trial, options);
if (distributed.length > 0) await distributedRounds(distributed, { ...options, brokers });

const table = [...verdicts].map(([trial, each]) => [trial, total(each)] as const);
console.table(Object.fromEntries(table));
for (const [trial, count] of failures) console.log(`${count} of ${rounds} rounds failed: ${trial}`);
const unsound = table.filter(([, verdict]) => !isSound(verdict)).map(([trial]) => trial);
const faulty = new Set([...unsound, ...failures.keys()]);
console.log(faulty.size === 0 ? 'nothing was lost, doubled or late' : `faults in: ${[...faulty].join(', ')}`);
process.exit(faulty.size === 0 ? 0 : 1);
