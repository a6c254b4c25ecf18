import type { InvokerLoad } from '../../shared/colors/ColorPolicy.js';
import type { Candidate } from './schedule.js';

/** The number of samples in a report. A sample is taken each second. */
const SAMPLES = 10;

/** Measures the load of invokers: the mean of ten samples of this controller's MB in use. */
export class LoadReports {
  readonly #sums: number[] = [];
  #samples = 0;

  /** Takes one sample of the invokers. @returns a report at each tenth call. */
  sample(candidates: readonly Candidate[]): InvokerLoad[] | undefined {
    for (const { instance, capacity } of candidates) this.#sums[instance] = (this.#sums[instance] ?? 0) + capacity.used;
    if (++this.#samples < SAMPLES) return undefined;
    this.#samples = 0;
    return candidates.map(({ instance }) => {
      const load = (this.#sums[instance] ?? 0) / SAMPLES;
      this.#sums[instance] = 0;
      return { invoker: instance, load };
    });
  }
}
