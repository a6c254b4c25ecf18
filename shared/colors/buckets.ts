import type { InvokerLoad } from './ColorPolicy.js';

/*
 * The table of `bucket-hashing`: which invoker owns each of the 16,384 buckets. Plain functions over it, so that
 * controllers that start from the same table and see the same change end with the same table.
 */

/** As many as Redis Cluster has hash slots. */
export const BUCKETS = 16_384;

/** The owner of a bucket that has none. */
export const NOBODY = 0xffff;

export function emptyTable(): Uint16Array {
  return new Uint16Array(BUCKETS).fill(NOBODY);
}

/**
 * The table after a change of the members: the buckets of those that left go to whom has fewest, and a member without
 * any takes its fair share from the fullest. No other bucket moves. Ties go to the lower number.
 * @param members in ascending order.
 */
export function reconcile(owners: Uint16Array, members: readonly number[]): Uint16Array {
  const next = owners.slice();
  if (members.length === 0) return next.fill(NOBODY);
  const owned = new Map<number, number[]>(members.map((member) => [member, []]));
  const homeless: number[] = [];
  next.forEach((owner, bucket) => (owned.get(owner) ?? homeless).push(bucket));
  const lists = [...owned.values()];
  const joining = lists.map((list) => list.length === 0);
  for (const bucket of homeless) extreme(lists, -1).push(bucket);
  const fair = Math.floor(BUCKETS / members.length);
  lists.forEach((list, i) => {
    while (joining[i] === true && list.length < fair) {
      const fullest = extreme(lists, 1);
      if (fullest === list || fullest.length <= fair) break;
      list.push(fullest.pop() as number);
    }
  });
  for (const [member, buckets] of owned) for (const bucket of buckets) next[bucket] = member;
  return next;
}

/** The longest (sign 1) or the shortest (sign -1) list, the first of equal ones. */
function extreme(lists: readonly number[][], sign: 1 | -1): number[] {
  let found = lists[0] as number[];
  for (const list of lists) if ((list.length - found.length) * sign > 0) found = list;
  return found;
}

export interface Move {
  readonly bucket: number;
  readonly from: number;
  readonly to: number;
}

/**
 * The moves that even out the load, most useful first. The load of a bucket is its share of its owner's load, by how often
 * it was used. From the most to the least loaded invoker goes the bucket with the most load of those that leave the taker
 * at or below `to` times the mean; if all are too hot for that, the coolest of those that make the taker less loaded
 * than the giver was, by a tenth of the mean at least (else it would only go back and forth). A bucket that was not
 * used does not move, nor does an invoker's last one.
 *
 * An example. Three invokers have the loads 60, 30 and 30, so a mean of 40; the first one's buckets a, b and c were used
 * 3, 2 and 1 times, so that their loads are 30, 20 and 10. With `to` at 1.05 a taker may come to 42. From the first to
 * the second goes c: 50, 40, 30. To the third neither a nor b may go by the first rule (60 and 50 are over 42) nor by the
 * second (not below 50 - 4). So one bucket moves, and max/mean falls from 1.5 to 1.25.
 *
 * @param uses by bucket.
 */
export function rebalance(
  owners: Uint16Array,
  uses: Float64Array,
  reported: readonly InvokerLoad[],
  to: number,
  maxMoves: number,
): Move[] {
  const loads = new Map(reported.map(({ invoker, load }) => [invoker, load]));
  const mean = sum(loads.values()) / Math.max(1, loads.size);
  if (mean === 0) return [];
  const bucketsOf = new Map<number, { bucket: number; load: number }[]>();
  for (const [bucket, load] of bucketLoads(owners, uses, loads).entries()) {
    const owner = owners[bucket] as number;
    if (!loads.has(owner)) continue;
    const list = bucketsOf.get(owner);
    if (list) list.push({ bucket, load });
    else bucketsOf.set(owner, [{ bucket, load }]);
  }
  for (const list of bucketsOf.values()) list.sort((a, b) => a.load - b.load || a.bucket - b.bucket);
  const moves: Move[] = [];
  const givers = new Set(bucketsOf.keys());
  while (moves.length < maxMoves && givers.size > 0) {
    const from = most(givers, loads, 1);
    const fromLoad = loads.get(from) as number;
    if (fromLoad <= to * mean) break;
    const taker = most(loads.keys(), loads, -1);
    const takerLoad = loads.get(taker) as number;
    const list = bucketsOf.get(from) ?? [];
    const at = pick(list, to * mean - takerLoad, fromLoad - takerLoad - mean / 10);
    const picked = list[at];
    if (!picked || list.length === 1) {
      givers.delete(from);
      continue;
    }
    list.splice(at, 1);
    moves.push({ bucket: picked.bucket, from, to: taker });
    loads.set(from, fromLoad - picked.load);
    loads.set(taker, takerLoad + picked.load);
  }
  return moves;
}

/** Of buckets by ascending load: the last at or below `gentle`, else the first used one below `strict`; -1 for none. */
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
  owners.forEach((owner, bucket) => used.set(owner, (used.get(owner) ?? 0) + (uses[bucket] as number)));
  return uses.map((use, bucket) => {
    const owner = owners[bucket] as number;
    return use === 0 ? 0 : ((loads.get(owner) ?? 0) * use) / (used.get(owner) as number);
  });
}

/** The invoker with the most (sign 1) or least (sign -1) load; of equal ones the lower number. */
function most(invokers: Iterable<number>, loads: ReadonlyMap<number, number>, sign: 1 | -1): number {
  let found = -1;
  let best = -Infinity;
  for (const invoker of invokers) {
    const load = sign * (loads.get(invoker) as number);
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

/** Max/mean of loads; 1 where there are none. */
export function imbalance(loads: Iterable<number>): number {
  let count = 0;
  let total = 0;
  let max = 0;
  for (const load of loads) {
    count++;
    total += load;
    if (load > max) max = load;
  }
  return total === 0 ? 1 : (max * count) / total;
}
