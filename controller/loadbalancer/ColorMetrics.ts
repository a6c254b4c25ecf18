import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { imbalance } from '../../shared/colors/buckets.js';
import type { PolicySource } from './policyChoice.js';

/** What one policy did in one pool. Plain numbers: they are counted on the way of each colored invocation. */
export interface PolicyCounts {
  /** Colored invocations that were placed. */
  assignments: number;
  /** Of them, those that met their color's home. */
  hits: number;
  /** Of them, those that had to wait for room on their invoker. */
  waits: number;
  /** Of them, those that went to one of the color's next choices. */
  spills: number;
  /** Of them, those that none of the choices took: they went where an uncolored one would. */
  strays: number;
  /** By invoker: how many were placed there lately (halved every ten minutes or so). */
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

/** A policy's counts as metrics see them. */
export interface Counted {
  readonly policy: string;
  readonly pool: string;
  readonly counts: PolicyCounts;
  readonly moves: number;
  /** Of each invoker that is there: how much was placed there lately. */
  readonly placed: readonly number[];
}

/** Metrics of colors: read from the policies when they are asked for. */
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
    counter('color_assignments_total', 'Colored invocations that were placed', (one) => one.counts.assignments);
    counter('color_hits_total', "Colored invocations on their color's home", (one) => one.counts.hits);
    counter(
      'color_waits_total',
      'Colored invocations that were expected to wait on the invoker that they were sent to',
      (one) => one.counts.waits,
    );
    counter(
      'color_spills_total',
      "Colored invocations on one of their color's next choices",
      (one) => one.counts.spills,
    );
    counter('color_strays_total', 'Colored invocations placed as if they had no color', (one) => one.counts.strays);
    counter('color_moves_total', 'Homes of colors, or buckets of them, that moved', (one) => one.moves);
    const gauge: Gauge = new Gauge({
      name: 'color_imbalance',
      help: 'Colored invocations placed lately: those of the busiest invoker over the mean',
      labelNames: ['policy', 'pool'],
      registers: [],
      collect: () => {
        for (const { policy, pool, placed } of this.#read()) gauge.set({ policy, pool }, imbalance(placed));
      },
    });
    registry.registerMetric(gauge);
    this.#waits = new Histogram({
      name: 'color_expected_wait_seconds',
      help: 'Expected waits of the colored invocations that had to wait',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers: [registry],
    });
    this.#unknown = new Counter({
      name: 'color_policy_unknown_total',
      help: 'Colored invocations whose caller, action or namespace names a policy that is unknown or not allowed',
      labelNames: ['source'],
      registers: [registry],
    });
  }

  /** A colored invocation is expected to wait for so long. */
  waits(counts: PolicyCounts, expectedMs: number): void {
    counts.waits++;
    this.#waits.observe(expectedMs / 1000);
  }

  /** Where to read the policies' counts. */
  observe(read: () => Iterable<Counted>): void {
    this.#read = read;
  }

  unknownPolicy(source: PolicySource): void {
    this.#unknown.inc({ source });
  }
}
