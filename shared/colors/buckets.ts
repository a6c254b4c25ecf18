import type { InvokerLoad } from './ColorPolicy.js';
import { at, numberAt } from '../collections/at.js';

/*
 * The table of `bucket-hashing`, with the owner of each of the 16,384 buckets. Its functions are pure, so that
 * controllers with the same table and the same change get the same new table.
 */

/** The number of buckets, like the hash slots of Redis Cluster. */
export const BUCKETS = 16_384;

/** The owner of an unowned bucket. */
export const NOBODY = 0xffff;

export function emptyTable(): Uint16Array {
  return new Uint16Array(BUCKETS).fill(NOBODY);
}

/**
 * The table after a change of the members or their weights. The buckets of members that left go to the members furthest
 * below their share. Then each member that is more than one bucket below its share takes buckets from the members
 * furthest above theirs. No other bucket moves. In a tie the lower number wins.
 *
 * Example: invokers 0 and 1 own half of the 16,384 buckets each, and invoker 2 joins with the same weight. The share is
 * 5,461, so 2 takes buckets from 0 and 1 in turn until it has 5,461.
 *
 * @param members in ascending order.
 * @param settling the members that take up to their share; missing: those without a bucket.
 */
export function reconcile(
  owners: Uint16Array,
  members: readonly number[],
  weightOf: (member: number) => number = () => 1,
  settling?: ReadonlySet<number>,
): Uint16Array {
  const next = owners.slice();
  if (members.length === 0) return next.fill(NOBODY);
  const weights = members.map(weightOf);
  const total = sum(weights);
  const lists: Owned[] = weights.map((weight) => ({
    buckets: [],
    share: total > 0 ? (BUCKETS * weight) / total : BUCKETS / members.length,
  }));
  const listOf = new Map(members.map((member, i) => [member, at(lists, i)]));
  const ownerless: number[] = [];
  next.forEach((owner, bucket) => {
    const list = listOf.get(owner);
    if (list) list.buckets.push(bucket);
    else ownerless.push(bucket);
  });
  const takers = lists.filter((list, i) => settling?.has(at(members, i)) ?? list.buckets.length === 0);
  for (const bucket of ownerless) highest(lists, roomIn)?.buckets.push(bucket);
  for (const taker of takers) {
    // All shares together are all buckets: while the taker is below its share, the fullest member is above its own.
    while (taker.buckets.length + 1 <= taker.share) {
      const bucket = highest(lists, fullness)?.buckets.pop();
      if (bucket === undefined) break;
      taker.buckets.push(bucket);
    }
  }
  for (const [member, { buckets }] of listOf) for (const bucket of buckets) next[bucket] = member;
  return next;
}

interface Owned {
  readonly buckets: number[];
  /** The number of buckets that it should have. */
  readonly share: number;
}

const fullness = ({ buckets, share }: Owned): number => buckets.length / share;

/** Compares the proportions after the move, so that ties between equal members are exact. */
const roomIn = ({ buckets, share }: Owned): number => -(buckets.length + 1) / share;

/** The element with the highest score, the first one in a tie. Undefined if no score is a number above -Infinity. */
function highest<T>(elements: readonly T[], score: (element: T) => number): T | undefined {
  let found: T | undefined;
  let most = -Infinity;
  for (const element of elements) {
    const own = score(element);
    if (own > most) {
      found = element;
      most = own;
    }
  }
  return found;
}

export interface Move {
  readonly bucket: number;
  readonly from: number;
  readonly to: number;
}

/**
 * The moves that balance the load, the most useful one first. The load of a bucket is its part of its owner's load, by
 * its number of uses. Each move goes from the most to the least loaded invoker and takes the bucket with the most load
 * that leaves the receiver at or below `to` times the mean. If all buckets are too hot for that, it takes the coolest
 * bucket that leaves the receiver below the giver's former load by at least a tenth of the mean; without that margin
 * the bucket would go back and forth. Unused buckets and an invoker's last bucket do not move.
 *
 * Example: three invokers have the loads 60, 30 and 30, so the mean is 40. The first invoker's buckets a, b and c have
 * 3, 2 and 1 uses, so their loads are 30, 20 and 10. With `to` at 1.05 a receiver may have 42. Bucket c moves from the
 * first to the second invoker: 50, 40, 30. Then neither a nor b may move to the third one: the first rule fails (60 and
 * 50 are over 42), and so does the second (neither is below 50 - 4). So one bucket moves, and max/mean falls from 1.5
 * to 1.25.
 *
 * With weights, loads are compared in proportion to them. In a tie between invokers the lower number wins. Of buckets
 * with the same load, the highest number moves by the first rule and the lowest by the second.
 *
 * @param uses the number of uses by bucket.
 */
export function rebalance(
  owners: Uint16Array,
  uses: Float64Array,
  reported: readonly InvokerLoad[],
  to: number,
  maxMoves: number,
  weightOf: (invoker: number) => number = () => 1,
): Move[] {
  const invokers = loadedInvokers(owners, uses, reported, weightOf);
  const mean = sum(invokers.map(({ load }) => load)) / sum(invokers.map(({ weight }) => weight));
  const moves: Move[] = [];
  let givers: readonly Loaded[] = invokers;
  while (moves.length < maxMoves) {
    const from = highest(givers, loadShare);
    if (!from || loadShare(from) <= to * mean) break;
    // Without a finite load share, nothing moves.
    const taker = highest(invokers, (invoker) => -loadShare(invoker)) ?? from;
    const gentle = to * mean * taker.weight - taker.load;
    const strict = (loadShare(from) - mean / 10) * taker.weight - taker.load;
    const picked = from.used.findLast(({ load }) => load <= gentle) ?? from.used.find(({ load }) => load < strict);
    if (!picked || from.owned === 1) {
      givers = givers.filter((giver) => giver !== from);
      continue;
    }
    from.used.splice(from.used.indexOf(picked), 1);
    from.owned--;
    moves.push({ bucket: picked.bucket, from: from.invoker, to: taker.invoker });
    from.load -= picked.load;
    taker.load += picked.load;
  }
  return moves;
}

interface Loaded {
  readonly invoker: number;
  readonly weight: number;
  load: number;
  /** The number of buckets, including unused ones. */
  owned: number;
  /** The used buckets by ascending load, then by number, without received ones. */
  readonly used: { readonly bucket: number; readonly load: number }[];
}

const loadShare = ({ load, weight }: Loaded): number => load / weight;

/** The reported invokers by number. The load of each is divided among its buckets by their uses. */
function loadedInvokers(
  owners: Uint16Array,
  uses: Float64Array,
  reported: readonly InvokerLoad[],
  weightOf: (invoker: number) => number,
): Loaded[] {
  const bucketsOf = new Map<number, number[]>(reported.map(({ invoker }) => [invoker, []]));
  owners.forEach((owner, bucket) => bucketsOf.get(owner)?.push(bucket));
  const usesOf = (bucket: number): number => numberAt(uses, bucket);
  return reported
    .toSorted((a, b) => a.invoker - b.invoker)
    .map(({ invoker, load }) => {
      const buckets = bucketsOf.get(invoker) ?? [];
      const total = sum(buckets.map(usesOf));
      const used = buckets
        .filter((bucket) => usesOf(bucket) > 0)
        .map((bucket) => ({ bucket, load: (load * usesOf(bucket)) / total }))
        .toSorted((a, b) => a.load - b.load);
      return { invoker, load, weight: weightOf(invoker), owned: buckets.length, used };
    });
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/**
 * The max/mean of loads, in proportion to weights if given; 1 without loads.
 * @throws RangeError if there are fewer weights than loads.
 */
export function imbalance(loads: Iterable<number>, weights?: readonly number[]): number {
  const all = [...loads];
  const weightsOfAll = weights ?? all.map(() => 1);
  const total = sum(all);
  let max = 0;
  for (const [i, load] of all.entries()) {
    const share = load / at(weightsOfAll, i);
    if (share > max) max = share;
  }
  return total === 0 ? 1 : (max * sum(weightsOfAll)) / total;
}

/** The table as base64 of 16,384 little-endian numbers of two bytes. */
export function encodeOwners(owners: Uint16Array): string {
  const bytes = Buffer.alloc(owners.length * 2);
  owners.forEach((owner, bucket) => bytes.writeUInt16LE(owner, bucket * 2));
  return bytes.toString('base64');
}

/** Undefined if the text is not a table. */
export function decodeOwners(text: string): Uint16Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== BUCKETS * 2) return undefined;
  return Uint16Array.from({ length: BUCKETS }, (_, bucket) => bytes.readUInt16LE(bucket * 2));
}
