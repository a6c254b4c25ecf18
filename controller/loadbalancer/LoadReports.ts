import type { InvokerLoad } from '../../shared/colors/ColorPolicy.js';
import type { Candidate } from './schedule.js';

/** A sample each second, a report of their means after so many. */
const SAMPLES = 10;

/** Measures the load of invokers: MB in use, as this controller counts it, on the mean of ten samples. */
export class LoadReports {
  readonly #sums: number[] = [];
  #samples = 0;

  /** Looks at the invokers once. @returns a report at each tenth call. */
  sample(candidates: readonly Candidate[]): InvokerLoad[] | undefined {
    for (const { instance, capacity } of candidates) this.#sums[instance] = (this.#sums[instance] ?? 0) + capacity.used;
    if (++this.#samples < SAMPLES) return undefined;
    this.#samples = 0;
    return candidates.map(({ instance }) => {
      const load = (this.#sums[instance] as number) / SAMPLES;
      this.#sums[instance] = 0;
      return { invoker: instance, load };
    });
  }
}
