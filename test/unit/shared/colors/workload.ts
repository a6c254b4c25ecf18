import { colorKey, type ColorKey } from '../../../../shared/colors/colorKey.js';
import type { ColorPolicy, Room } from '../../../../shared/colors/ColorPolicy.js';
import { imbalance } from '../../../../shared/colors/buckets.js';

/** Every invoker has room. */
export const FREE: Room = { accepts: () => true, underWay: () => 0, totalUnderWay: 0 };

/** Room on every invoker but some. */
export const except = (...full: readonly number[]): Room => ({
  ...FREE,
  accepts: (invoker) => !full.includes(invoker),
});

export const range = (count: number, from = 0): number[] => Array.from({ length: count }, (_, i) => from + i);

export const colors = (count: number): ColorKey[] => range(count).map((i) => colorKey('guest', `color-${i}`));

/** Numbers from 0 up to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}

/** Draws from 0 to `count` - 1, the k-th with a weight of 1/k^exponent. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) sums[i] = total += 1 / (i + 1) ** exponent;
  return () => {
    const wanted = random() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** The invoker of each color. */
export const homesOf = (policy: ColorPolicy, keys: readonly ColorKey[]): number[] =>
  keys.map((key) => policy.assign(key, FREE)?.invoker ?? -1);

/** Max/mean over the invokers, those without any counted. */
export function unevenness(invokers: readonly number[], placed: readonly number[]): number {
  const counts = new Map(invokers.map((invoker) => [invoker, 0]));
  for (const invoker of placed) counts.set(invoker, (counts.get(invoker) ?? 0) + 1);
  return imbalance(counts.values());
}
