import { seeded, simulateTrace, TraceBuilder, zipf, type Trace } from '../../../controller/simulate/index.js';
import { imbalance } from '../../../shared/colors/buckets.js';
import type { PolicyName } from '../../../shared/colors/ColorPolicy.js';

/** Five small invokers and four with four times the slots. */
const SLOTS = [4, 4, 4, 4, 4, 16, 16, 16, 16];
const COLORS = 5000;
const RATE = 4000;
const SECONDS = 60;
const RUN_MS = 5;
const SEEDS = [1, 2, 3];

/**
 * The mean over some seeds of the load of the busiest invoker for its slots, over that of all: 1 is even. All
 * invocations take the same time and find a slot, so that only the homes of their colors matter. The first half of the
 * time does not count, since buckets move at reports of ten seconds.
 * @param exponent of Zipf's law; 0: all colors are equally hot.
 */
export function unevenness(policy: PolicyName, exponent: number): number {
  const each = SEEDS.map((seed) => {
    // A simulation depends only on its arguments: the longer one begins as the shorter one.
    const [half, whole] = [SECONDS / 2, SECONDS].map(
      (seconds) => simulateTrace(trace(exponent, seed, seconds), { ...OPTIONS, policy, seed }).received,
    );
    const received = whole?.map((count, i) => count - (half?.[i] ?? 0)) ?? [];
    return imbalance(received, SLOTS);
  });
  return each.reduce((sum, one) => sum + one, 0) / each.length;
}

/** The load of the hottest color alone on a small invoker, for its slots, over that of all. */
export function hottestAlone(exponent: number): number {
  let total = 0;
  for (let k = 1; k <= COLORS; k++) total += 1 / k ** exponent;
  const slots = SLOTS.reduce((sum, count) => sum + count, 0);
  return slots / Math.min(...SLOTS) / total;
}

const OPTIONS = { workers: SLOTS, cache: COLORS, missMs: 0 };

function trace(exponent: number, seed: number, seconds: number): Trace {
  const random = seeded(seed);
  const draw = zipf(COLORS, exponent, random);
  const builder = new TraceBuilder();
  for (let t = 0; t < 1000 * seconds; t += (-Math.log(1 - random()) * 1000) / RATE) {
    const color = `c${draw()}`;
    builder.add({ t, color, action: 'read', reads: [color], ms: RUN_MS });
  }
  return builder.build();
}
