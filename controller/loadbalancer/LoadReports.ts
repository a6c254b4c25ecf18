import type { InvokerLoad } from '../../shared/colors/ColorPolicy.js';
import type { Candidate } from './schedule.js';

/** The number of calls to a report. There is a call each second. */
const CALLS = 10;

interface Last {
  /** In ms. */
  readonly at: number;
  /** MB · ms: see `InvokerCapacity.usageUntil`. */
  readonly usage: number;
}

/** Measures the load of invokers: the mean of this controller's MB in use since the last report. */
export class LoadReports {
  readonly #last: (Last | undefined)[] = [];
  #calls = 0;

  /**
   * To be called each second.
   * @param now in ms.
   * @returns a report at each tenth call, without invokers that were not there at the report before.
   */
  report(candidates: readonly Candidate[], now: number): InvokerLoad[] | undefined {
    const reports = ++this.#calls >= CALLS;
    if (reports) this.#calls = 0;
    const loads: InvokerLoad[] = [];
    for (const { instance, capacity } of candidates) {
      const last = this.#last[instance];
      if (last && !reports) continue;
      const usage = capacity.usageUntil(now);
      this.#last[instance] = { at: now, usage };
      if (last && now > last.at) loads.push({ invoker: instance, load: (usage - last.usage) / (now - last.at) });
    }
    return reports ? loads : undefined;
  }
}
