import {
  seeded,
  simulateTrace,
  TraceBuilder,
  YARDSTICKS,
  zipf,
  type Observed,
  type Trace,
  type WorkerChange,
} from '../../../controller/simulate/index.js';

/* The loads of the section "Beyond the paper", and their simulations. */

export const WORKERS = 10;
export const SLOTS = 8;
export const HIT_MS = 5;
export const MISS_MS = 20;
export const COLORS = 5000;
export const CACHE = 300;

export interface Load {
  /** Invocations a second, for so long in seconds, one after the other. */
  readonly phases: readonly (readonly [rate: number, seconds: number])[];
  /** The share of invocations of one hot color. */
  readonly hot?: number;
  /** The share of invocations without a color, of another action of 10 ms. */
  readonly uncolored?: number;
  /** The slots of each worker. Missing: `WORKERS` times `SLOTS`. */
  readonly workers?: readonly number[];
  readonly windowMs?: number;
  readonly changes?: readonly WorkerChange[];
}

/** One load with several policies. */
export interface LoadJob {
  readonly kind: 'load';
  readonly load: Load;
  readonly ways: readonly { readonly policy: string; readonly patienceMs: number }[];
  readonly seed: number;
}

export type Seen = Pick<Observed, 'hitRatio' | 'p50' | 'p99'>;

export interface LoadFigures extends Seen {
  readonly atHome: number;
  readonly imbalance: number;
  readonly windows: readonly Seen[];
}

/** The figures of each way. */
export function simulateLoad({ load, ways, seed }: LoadJob): LoadFigures[] {
  const trace = traceOf(load, seed);
  const { workers = Array.from({ length: WORKERS }, () => SLOTS), windowMs, changes } = load;
  return ways.map((way) => {
    const options = { workers, cache: CACHE, missMs: MISS_MS, custom: YARDSTICKS, windowMs, changes, seed };
    const { atHome, imbalance, windows, ...all } = simulateTrace(trace, { ...options, ...way });
    return { ...seen(all), atHome, imbalance, windows: windows.map(seen) };
  });
}

const seen = ({ hitRatio, p50, p99 }: Seen): Seen => ({ hitRatio, p50, p99 });

function traceOf({ phases, hot = 0, uncolored = 0 }: Load, seed: number): Trace {
  const random = seeded(seed);
  const draw = zipf(COLORS, 0.9, random);
  const builder = new TraceBuilder();
  let t = 0;
  let until = 0;
  for (const [rate, seconds] of phases) {
    until += 1000 * seconds;
    for (;;) {
      const next = t + (-Math.log(1 - random()) * 1000) / rate;
      if (next > until) break;
      t = next;
      if (random() < uncolored) {
        builder.add({ t, action: 'other', ms: 10 });
        continue;
      }
      const color = random() < hot ? 'hot' : `c${draw()}`;
      builder.add({ t, color, action: 'read', reads: [color], ms: HIT_MS });
    }
    t = until;
  }
  return builder.build();
}
