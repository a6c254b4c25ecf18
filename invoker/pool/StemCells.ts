import type { ContainerImage } from '../containers/ContainerDriver.js';
import { wantedStemCells, type StemCellPlan } from './decide.js';

/** Containers of one kind and memory that are started in advance. */
export interface StemCell extends StemCellPlan {
  readonly kind: string;
  readonly memoryMB: number;
  readonly image: ContainerImage;
}

/** The interval of demand for reactive stem cells, in ms. */
const DEMAND_INTERVAL_MS = 60_000;
const MAX_BACKOFF_MS = 60_000;

/** Decides which stem cells to start. Delays further attempts for those that fail. */
export class StemCells {
  readonly #plans: Plan[];
  #nextInterval: number;

  constructor(cells: readonly StemCell[], now: number) {
    this.#nextInterval = now + DEMAND_INTERVAL_MS;
    this.#plans = cells.map((cell) => ({
      cell,
      wanted: wantedStemCells(cell, undefined),
      coldStarts: 0,
      failures: 0,
      notBefore: 0,
    }));
  }

  /** The stem cells to start now, once for each missing container. */
  missing(count: (cell: StemCell) => number, now: number): StemCell[] {
    const interval = now >= this.#nextInterval;
    if (interval) this.#nextInterval = now + DEMAND_INTERVAL_MS;
    const missing: StemCell[] = [];
    for (const plan of this.#plans) {
      if (interval) {
        plan.wanted = wantedStemCells(plan.cell, plan.coldStarts);
        plan.coldStarts = 0;
      }
      if (now < plan.notBefore) continue;
      for (let n = count(plan.cell); n < plan.wanted; n++) missing.push(plan.cell);
    }
    return missing;
  }

  /** Counts a cold start of this kind and memory. */
  countColdStart(kind: string, memoryMB: number): void {
    for (const plan of this.#plans) {
      if (plan.cell.kind === kind && plan.cell.memoryMB === memoryMB) plan.coldStarts++;
    }
  }

  succeeded(cell: StemCell): void {
    const plan = this.#planOf(cell);
    if (plan) plan.failures = plan.notBefore = 0;
  }

  failed(cell: StemCell, now: number): void {
    const plan = this.#planOf(cell);
    if (plan) plan.notBefore = now + Math.min(1000 * 2 ** plan.failures++, MAX_BACKOFF_MS);
  }

  #planOf(cell: StemCell): Plan | undefined {
    return this.#plans.find((plan) => plan.cell === cell);
  }
}

interface Plan {
  readonly cell: StemCell;
  wanted: number;
  /** The number of cold starts in the current interval. */
  coldStarts: number;
  /** The number of consecutive failures. */
  failures: number;
  notBefore: number;
}
