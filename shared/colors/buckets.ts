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
  for (const bucket of ownerless) furthest(lists, -1).buckets.push(bucket);
  for (const taker of takers) {
    while (taker.buckets.length + 1 <= taker.share) {
      const giver = furthest(lists, 1);
      if (giver === taker || giver.buckets.length < giver.share) break;
      taker.buckets.push(...giver.buckets.splice(-1));
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

/** The member furthest above (sign 1) or below (sign -1) its share, in proportion; the first one in a tie. */
function furthest(lists: readonly Owned[], sign: 1 | -1): Owned {
  let found = at(lists, 0);
  let most = -Infinity;
  for (const list of lists) {
    // Compare the proportions after the move, so that ties between equal members are exact.
    const by = (sign * (list.buckets.length + (sign === 1 ? 0 : 1))) / Math.max(list.share, 1e-9);
    if (by > most) {
      found = list;
      most = by;
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
 * With weights, loads are compared in proportion to them.
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
  const loads = new Map(reported.map(({ invoker, load }) => [invoker, load]));
  const mean = sum(loads.values()) / Math.max(1e-9, sum(reported.map(({ invoker }) => weightOf(invoker))));
  if (mean === 0) return [];
  const bucketsOf = new Map<number, { bucket: number; load: number }[]>();
  for (const [bucket, load] of bucketLoads(owners, uses, loads).entries()) {
    const owner = numberAt(owners, bucket);
    if (!loads.has(owner)) continue;
    const list = bucketsOf.get(owner);
    if (list) list.push({ bucket, load });
    else bucketsOf.set(owner, [{ bucket, load }]);
  }
  for (const list of bucketsOf.values()) list.sort((a, b) => a.load - b.load || a.bucket - b.bucket);
  const moves: Move[] = [];
  const givers = new Set(bucketsOf.keys());
  while (moves.length < maxMoves && givers.size > 0) {
    const from = most(givers, loads, 1, weightOf);
    const fromLoad = loads.get(from) ?? 0;
    const fromShare = fromLoad / weightOf(from);
    if (fromShare <= to * mean) break;
    const taker = most(loads.keys(), loads, -1, weightOf);
    const takerLoad = loads.get(taker) ?? 0;
    const takerWeight = weightOf(taker);
    const list = bucketsOf.get(from) ?? [];
    const index = pick(list, to * mean * takerWeight - takerLoad, (fromShare - mean / 10) * takerWeight - takerLoad);
    const picked = list[index];
    if (!picked || list.length === 1) {
      givers.delete(from);
      continue;
    }
    list.splice(index, 1);
    moves.push({ bucket: picked.bucket, from, to: taker });
    loads.set(from, fromLoad - picked.load);
    loads.set(taker, takerLoad + picked.load);
  }
  return moves;
}

/**
 * Of buckets by ascending load: the last one up to `gentle`, or else the first used one below `strict`; -1 for none.
 */
function pick(list: readonly { load: number }[], gentle: number, strict: number): number {
  let coolest = -1;
  let best = -1;
  for (const [i, { load }] of list.entries()) {
    if (load <= 0) continue;
    if (load <= gentle) best = i;
    else if (coolest < 0 && load < strict) coolest = i;
  }
  return best >= 0 ? best : coolest;
}

function bucketLoads(owners: Uint16Array, uses: Float64Array, loads: ReadonlyMap<number, number>): Float64Array {
  const used = new Map<number, number>();
  owners.forEach((owner, bucket) => used.set(owner, (used.get(owner) ?? 0) + numberAt(uses, bucket)));
  return uses.map((use, bucket) => {
    const owner = numberAt(owners, bucket);
    return use === 0 ? 0 : ((loads.get(owner) ?? 0) * use) / (used.get(owner) ?? 1);
  });
}

/** The invoker with the most (sign 1) or least (sign -1) load for its weight; in a tie the lower number. */
function most(
  invokers: Iterable<number>,
  loads: ReadonlyMap<number, number>,
  sign: 1 | -1,
  weightOf: (invoker: number) => number,
): number {
  let found = -1;
  let best = -Infinity;
  for (const invoker of invokers) {
    const load = (sign * (loads.get(invoker) ?? 0)) / weightOf(invoker);
    if (load > best || (load === best && invoker < found)) {
      found = invoker;
      best = load;
    }
  }
  return found;
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** The max/mean of loads, in proportion to weights if given; 1 without loads. */
export function imbalance(loads: Iterable<number>, weights?: readonly number[]): number {
  let weight = 0;
  let total = 0;
  let max = 0;
  let at = 0;
  for (const load of loads) {
    const own = weights?.[at++] ?? 1;
    weight += own;
    total += load;
    if (load / own > max) max = load / own;
  }
  return total === 0 ? 1 : (max * weight) / total;
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
