/*
 * Divides the tests into jobs, each one mocha process, that may run side by side.
 */

/** `lint` is a job beside the tests, which has no files. */
export const TIERS = ['lint', 'unit', 'integration', 'conformance', 'e2e'] as const;
export type Tier = (typeof TIERS)[number];

export interface Job {
  /** `e2e`, `integration/kafka` or `integration/kafka/faults`: a tier, a folder in it, or a file. */
  readonly name: string;
  readonly tier: Tier;
  /** Test files, relative to the tier's folder. */
  readonly files: readonly string[];
}

/** Files that take long: each is a job of its own. Relative to `test/`. */
export const APART = [
  'e2e/composer.test.ts',
  'integration/containers.test.ts',
  'integration/distributed/faults.test.ts',
  'integration/distributed/local.test.ts',
  'integration/distributed/twoControllers.test.ts',
  'integration/kafka/balancer.test.ts',
  'integration/kafka/faults.test.ts',
  'integration/objects/histories.test.ts',
  'integration/objects/processes.test.ts',
  'integration/objects/randomFailures.test.ts',
  'integration/standalone/standalone.test.ts',
];

/** Tiers whose folders are jobs. */
const DIVIDED: readonly Tier[] = ['unit', 'integration'];

/**
 * A long job that begins last keeps all others waiting, so the longest begin first. Among them are jobs that wait most of the
 * time (`objects`, `invoker`, `kafka`, `histories`, `kafka/faults`): side by side, they would leave the processor idle. Jobs
 * that are not named here come after.
 */
const LONGEST_FIRST = [
  'lint',
  'unit/invoker',
  'unit/shared',
  'unit/controller',
  'unit/deploy',
  'unit/bench',
  'integration',
  'integration/objects',
  'integration/distributed',
  'integration/containers',
  'integration/standalone',
  'conformance',
  'integration/kafka',
  'integration/objects/histories',
  'integration/objects/randomFailures',
  'e2e',
  'integration/objects/processes',
  'integration/processes',
  'integration/invoker',
  'integration/docs',
  'integration/kafka/faults',
  'integration/distributed/faults',
  'e2e/composer',
  'integration/kafka/balancer',
  'integration/distributed/twoControllers',
  'integration/couchdb',
  'integration/distributed/local',
  'integration/standalone/standalone',
];

export const needsParts = (tier: Tier): tier is 'integration' | 'conformance' | 'e2e' =>
  tier !== 'lint' && tier !== 'unit';

/** A tier is one job, each folder of a tier of {@link DIVIDED} is a job, and so is each file of {@link APART}. */
export function jobsOf(tier: Tier, files: readonly string[]): Job[] {
  if (tier === 'lint') return [{ name: tier, tier, files }];
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const name = jobOf(tier, file);
    groups.set(name, [...(groups.get(name) ?? []), file]);
  }
  return [...groups].map(([name, those]) => ({ name, tier, files: those }));
}

function jobOf(tier: Tier, file: string): string {
  const path = `${tier}/${file}`;
  if (APART.includes(path)) return path.replace(/\.test\.ts$/, '');
  const [folder = '', ...rest] = file.split('/');
  return !DIVIDED.includes(tier) || rest.length === 0 ? tier : `${tier}/${folder}`;
}

/** The order in which jobs begin: those that need no real parts first, since the parts are prepared meanwhile. */
export function inOrder(jobs: readonly Job[]): Job[] {
  const rank = ({ name, tier }: Job): number => {
    const place = LONGEST_FIRST.indexOf(name);
    const later = needsParts(tier) ? LONGEST_FIRST.length + 1 : 0;
    return later + (place < 0 ? LONGEST_FIRST.length : place);
  };
  return jobs.toSorted((a, b) => rank(a) - rank(b));
}

/** Runs `work` for each item, at most `lanes` at once, in the items' order. `work` must not reject. */
export async function inLanes<Item>(
  items: readonly Item[],
  lanes: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(lanes, items.length)) }, lane));
}
