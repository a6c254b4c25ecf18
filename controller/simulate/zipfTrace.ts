import { seeded, zipf } from './engine/random.js';
import type { Trace } from './Trace.js';

/** The options of `zipfTrace`. */
export interface ZipfTraceOptions {
  /** The number of invocations. */
  readonly invocations: number;
  /** The number of colors. Each has one object of 1 byte, which its invocations read. */
  readonly colors: number;
  /** The exponent of Zipf's law, by which colors are drawn. Missing: 0.9. */
  readonly exponent?: number | undefined;
  /** The mean number of invocations that arrive in a ms, at random times (a Poisson process). */
  readonly perMs: number;
  /** The duration of an invocation with its object in memory, in ms. */
  readonly ms: number;
  /** The seed of all random choices: the same seed gives the same trace. */
  readonly seed: number;
}

/** Generates a trace of one action. Ten million invocations take some seconds and 400 MB. */
export function zipfTrace({ invocations, colors, exponent = 0.9, perMs, ms, seed }: ZipfTraceOptions): Trace {
  const random = seeded(seed);
  const draw = zipf(colors, exponent, random);
  const names = Array.from({ length: colors }, (_, i) => `c${i}`);
  const t = new Float64Array(invocations);
  const color = new Int32Array(invocations);
  let now = 0;
  for (let i = 0; i < invocations; i++) {
    t[i] = now += -Math.log(1 - random()) / perMs;
    color[i] = draw();
  }
  return {
    colors: names,
    actions: ['read'],
    objects: names,
    objectBytes: new Float64Array(colors).fill(1),
    t,
    color,
    action: new Int32Array(invocations),
    ms: new Float64Array(invocations).fill(ms),
    readStart: Int32Array.from({ length: invocations + 1 }, (_, i) => i),
    // The object of a color has its number.
    reads: color,
    writeStart: new Int32Array(invocations + 1),
    writes: new Int32Array(0),
  };
}
