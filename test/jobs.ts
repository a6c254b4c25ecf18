/*
 * Divides the tests into jobs, each one mocha process, that may run side by side.
 */

export const TIERS = ['unit', 'integration', 'conformance', 'e2e'] as const;
export type Tier = (typeof TIERS)[number];

export interface Job {
  /** `unit`, or `integration/kafka`: a tier, and a folder in it. */
  readonly name: string;
  readonly tier: Tier;
  /** Test files, relative to the tier's folder. */
  readonly files: readonly string[];
}

/** The longest first: a long job that begins last keeps all others waiting. Jobs that are not named here come after. */
const LONGEST_FIRST = ['integration/distributed', 'e2e', 'integration/kafka', 'conformance', 'unit'];

/** The unit, conformance and e2e tiers are one job each; each folder of the integration tier is a job of its own. */
export function jobsOf(tier: Tier, files: readonly string[]): Job[] {
  if (files.length === 0) return [];
  if (tier !== 'integration') return [{ name: tier, tier, files }];
  const groups = new Map<string, string[]>();
  for (const file of files) {
    const [folder = '', ...rest] = file.split('/');
    const name = rest.length === 0 ? tier : `${tier}/${folder}`;
    groups.set(name, [...(groups.get(name) ?? []), file]);
  }
  return [...groups].map(([name, those]) => ({ name, tier, files: those }));
}

/** The order in which jobs begin. Jobs of the unit tier need no preparation, so that one begins first. */
export function inOrder(jobs: readonly Job[]): Job[] {
  const rank = ({ name }: Job): number => {
    const place = LONGEST_FIRST.indexOf(name);
    return place < 0 ? LONGEST_FIRST.length : place;
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
