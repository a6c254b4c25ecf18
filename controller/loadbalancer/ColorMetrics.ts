import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { imbalance } from '../../shared/colors/buckets.js';
import type { PolicySource } from './policyChoice.js';

/** The counts of one policy in one pool. Plain numbers, since each colored invocation counts. */
export interface PolicyCounts {
  /** Colored invocations that were placed. */
  assignments: number;
  /** Of them, those placed at their color's home. */
  hits: number;
  /** Of them, those expected to wait on their invoker. */
  waits: number;
  /** Of them, those placed at one of the color's next choices. */
  spills: number;
  /** Of them, those that no choice accepted: they were placed like uncolored invocations. */
  strays: number;
  /** Recent placements by invoker (halved about every ten minutes). */
  readonly placed: Map<number, number>;
}

export const newCounts = (): PolicyCounts => ({
  assignments: 0,
  hits: 0,
  waits: 0,
  spills: 0,
  strays: 0,
  placed: new Map(),
});

/** A policy's counts for the metrics. */
export interface Counted {
  readonly policy: string;
  readonly pool: string;
  readonly counts: PolicyCounts;
  readonly moves: number;
  /** Recent placements, for each present invoker. */
  readonly placed: readonly number[];
}

/** Metrics of colors. They read the policies at each collection. */
export class ColorMetrics {
  #read: () => Iterable<Counted> = () => [];
  readonly #unknown: Counter<'source'>;
  readonly #waits: Histogram;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, value: (counted: Counted) => number): void => {
      const metric: Counter = new Counter({
        name,
        help,
        labelNames: ['policy', 'pool'],
        registers: [],
        collect: () => {
          metric.reset();
          for (const one of this.#read()) metric.inc({ policy: one.policy, pool: one.pool }, value(one));
        },
      });
      registry.registerMetric(metric);
    };
    counter('color_assignments_total', 'Placed invocations with a color', (one) => one.counts.assignments);
    counter('color_hits_total', "Colored invocations placed at their color's home", (one) => one.counts.hits);
    counter(
      'color_waits_total',
      'Colored invocations that were expected to wait on their invoker',
      (one) => one.counts.waits,
    );
    counter(
      'color_spills_total',
      "Colored invocations placed at one of their color's next choices",
      (one) => one.counts.spills,
    );
    counter('color_strays_total', 'Colored invocations placed like uncolored ones', (one) => one.counts.strays);
    counter('color_moves_total', 'Moved homes of colors or of buckets of colors', (one) => one.moves);
    const gauge: Gauge = new Gauge({
      name: 'color_imbalance',
      help: 'Recent colored invocations on the busiest invoker, divided by the mean of all invokers',
      labelNames: ['policy', 'pool'],
      registers: [],
      collect: () => {
        for (const { policy, pool, placed } of this.#read()) gauge.set({ policy, pool }, imbalance(placed));
      },
    });
    registry.registerMetric(gauge);
    this.#waits = new Histogram({
      name: 'color_expected_wait_seconds',
      help: 'Expected waits of colored invocations on their invoker, without waits of zero',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers: [registry],
    });
    this.#unknown = new Counter({
      name: 'color_policy_unknown_total',
      help: 'Colored invocations whose caller, action or namespace names an unknown or forbidden policy',
      labelNames: ['source'],
      registers: [registry],
    });
  }

  /** Counts a colored invocation with an expected wait. */
  waits(counts: PolicyCounts, expectedMs: number): void {
    counts.waits++;
    this.#waits.observe(expectedMs / 1000);
  }

  /** Sets the source of the policies' counts. */
  observe(read: () => Iterable<Counted>): void {
    this.#read = read;
  }

  unknownPolicy(source: PolicySource): void {
    this.#unknown.inc({ source });
  }
}
