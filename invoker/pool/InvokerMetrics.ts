import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { STATUS_NAMES, type ActivationRecord } from '../../shared/entities/activation.js';
import { valueOf } from '../../shared/entities/keyvalue.js';
import type { PoolCounts } from './counts.js';
import { CheapCounter } from '../../shared/metrics/CheapCounter.js';
import { CheapHistogram } from '../../shared/metrics/CheapHistogram.js';

/** The origin of an activation's container: existing, a stem cell, or created for it. */
export type StartKind = 'warm' | 'prewarmed' | 'cold';

/** The counters of a pool. */
export interface PoolMetrics {
  started(kind: StartKind): void;
  ended(record: ActivationRecord): void;
  /** Counts a colored activation. @param met whether its container recently served the color. */
  colored(met: boolean): void;
  /** Counts an activation that waited for a container of its color. @param met whether it got one. */
  waitedForColor(met: boolean, waitedMs: number): void;
  /** Counts an activation that its container did not take. */
  rescheduled(): void;
  /** Counts a container that was prepared for activations to come. */
  prepared(): void;
  /** Counts a container that was started for a predicted activation, or one that such an activation used first. */
  predicted(outcome: 'prepared' | 'used'): void;
  /** Counts dropped lines that a container logged between two activations. */
  logLinesDropped(lines: number): void;
  /** Sets the source of the pool's gauges, read at each collection. */
  observe(counts: () => PoolCounts): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** The metrics of the invokers of one process; times in seconds. */
export class InvokerMetrics {
  readonly #starts: CheapCounter<'invoker' | 'start'>;
  readonly #activations: CheapCounter<'invoker' | 'status'>;
  readonly #rescheduled: Counter<'invoker'>;
  readonly #prepared: Counter<'invoker'>;
  readonly #predicted: Counter<'invoker'>;
  readonly #predictedUsed: Counter<'invoker'>;
  readonly #logLinesDropped: Counter<'invoker'>;
  readonly #colored: Counter<'invoker' | 'container'>;
  readonly #colorWait: Histogram<'outcome'>;
  readonly #wait: (seconds: number) => void;
  readonly #init: (seconds: number) => void;
  readonly #run: (seconds: number) => void;
  readonly #pools: { readonly invoker: string; readonly counts: () => PoolCounts }[] = [];

  constructor(registry: Registry) {
    const registers = [registry];
    this.#starts = new CheapCounter({
      name: 'invoker_container_starts_total',
      help: 'Activations that ran, by the origin of their container: warm, prewarmed, cold',
      labelNames: ['invoker', 'start'],
      registers,
    });
    this.#activations = new CheapCounter({
      name: 'invoker_activations_total',
      help: 'Ended activations by outcome',
      labelNames: ['invoker', 'status'],
      registers,
    });
    this.#rescheduled = new Counter({
      name: 'invoker_rescheduled_total',
      help: 'Activations that their container did not take',
      labelNames: ['invoker'],
      registers,
    });
    this.#prepared = new Counter({
      name: 'invoker_prepared_containers_total',
      help: 'Containers that were prepared for colors that move to the invoker',
      labelNames: ['invoker'],
      registers,
    });
    this.#predicted = new Counter({
      name: 'invoker_predicted_containers_total',
      help: 'Containers that were started for predicted activations',
      labelNames: ['invoker'],
      registers,
    });
    this.#predictedUsed = new Counter({
      name: 'invoker_predicted_containers_used_total',
      help: 'Containers that were started for predicted activations, and got one',
      labelNames: ['invoker'],
      registers,
    });
    this.#logLinesDropped = new Counter({
      name: 'invoker_log_lines_dropped_total',
      help: 'Dropped lines that containers logged between two activations',
      labelNames: ['invoker'],
      registers,
    });
    this.#colored = new Counter({
      name: 'invoker_colored_activations_total',
      help: 'Colored activations: met (their container recently served the color), other',
      labelNames: ['invoker', 'container'],
      registers,
    });
    this.#colorWait = new Histogram({
      name: 'invoker_color_wait_seconds',
      help: 'Waits for a busy container of the color, by outcome: met, elsewhere (the patience was over)',
      labelNames: ['outcome'],
      buckets: SECONDS,
      registers,
    });
    const histogram = (name: string, help: string): ((seconds: number) => void) =>
      new CheapHistogram({ name: `invoker_${name}_seconds`, help, buckets: SECONDS, registers }).bind({});
    this.#wait = histogram('wait', 'Time from the request until the container gets the activation');
    this.#init = histogram('init', 'Duration of /init');
    this.#run = histogram('run', 'Duration of activations, including /init');
    this.#gauge(registry, 'waiting_activations', 'Activations that wait for a container', (counts) => counts.waiting);
    this.#gauge(registry, 'activations', 'Activations in the invoker', (counts) => counts.activations);
    this.#gauge(
      registry,
      'predicted_actions',
      'Actions whose idle times are known (0 without IDLE_PREDICTION)',
      (counts) => counts.predictedActions,
    );
    this.#gauge(
      registry,
      'container_memory_megabytes',
      'Memory of all containers, including those being created or removed',
      (counts) => counts.usedMB,
    );
    this.#gauge(
      registry,
      'unremoved_containers',
      'Containers whose removal failed and is being retried',
      (counts) => counts.unremoved,
    );
    this.#containers(registry);
  }

  /** The counters of one invoker's pool, labelled with its name. */
  of(invoker: string): PoolMetrics {
    const start = (kind: StartKind) => this.#starts.bind({ invoker, start: kind });
    const started = { warm: start('warm'), prewarmed: start('prewarmed'), cold: start('cold') };
    const ended = STATUS_NAMES.map((status) => this.#activations.bind({ invoker, status }));
    const rescheduled = this.#rescheduled.labels(invoker);
    const prepared = this.#prepared.labels(invoker);
    const predicted = { prepared: this.#predicted.labels(invoker), used: this.#predictedUsed.labels(invoker) };
    const linesDropped = this.#logLinesDropped.labels(invoker);
    const met = this.#colored.labels(invoker, 'met');
    const other = this.#colored.labels(invoker, 'other');
    const waits = { met: this.#colorWait.labels('met'), elsewhere: this.#colorWait.labels('elsewhere') };
    return {
      started: (kind) => started[kind](),
      rescheduled: () => rescheduled.inc(),
      prepared: () => prepared.inc(),
      predicted: (outcome) => predicted[outcome].inc(),
      logLinesDropped: (lines) => linesDropped.inc(lines),
      waitedForColor: (wasMet, waitedMs) => waits[wasMet ? 'met' : 'elsewhere'].observe(waitedMs / 1000),
      colored: (wasMet) => (wasMet ? met : other).inc(),
      ended: (record) => {
        ended[record.response.statusCode]?.();
        const waitTime = valueOf(record.annotations, 'waitTime');
        const initTime = valueOf(record.annotations, 'initTime');
        if (typeof waitTime === 'number') this.#wait(waitTime / 1000);
        if (typeof initTime === 'number') this.#init(initTime / 1000);
        if (record.duration !== undefined) this.#run(record.duration / 1000);
      },
      observe: (counts) => {
        this.#pools.push({ invoker, counts });
      },
    };
  }

  #gauge(registry: Registry, name: string, help: string, read: (counts: PoolCounts) => number): void {
    const pools = this.#pools;
    registry.registerMetric(
      new Gauge({
        name: `invoker_${name}`,
        help,
        labelNames: ['invoker'],
        registers: [],
        collect() {
          for (const { invoker, counts } of pools) this.set({ invoker }, read(counts()));
        },
      }),
    );
  }

  #containers(registry: Registry): void {
    const pools = this.#pools;
    registry.registerMetric(
      new Gauge({
        name: 'invoker_containers',
        help: 'Containers by state',
        labelNames: ['invoker', 'state'],
        registers: [],
        collect() {
          for (const { invoker, counts } of pools) {
            for (const [state, count] of Object.entries(counts().containers)) this.set({ invoker, state }, count);
          }
        },
      }),
    );
  }
}
