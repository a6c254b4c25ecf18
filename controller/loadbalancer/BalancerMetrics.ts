import { Counter, Gauge, type Registry } from 'prom-client';
import { ColorMetrics } from './ColorMetrics.js';
import type { AckKind } from './InFlightActivations.js';
import type { InvokerHealth, InvokerStatus } from './LoadBalancer.js';

const STATUSES: readonly InvokerStatus[] = ['up', 'unhealthy', 'unresponsive', 'down'];

/** The balancer's values for gauges, read at each collection. */
export interface Observed {
  inFlight(): number;
  invokers(): readonly InvokerHealth[];
  clusterSize(): number;
}

/** The balancer's metrics. */
export class BalancerMetrics {
  readonly colors: ColorMetrics;
  readonly #registry: Registry;
  /** Plain numbers, since each invocation counts. The metrics read them at each collection. */
  readonly #acks: Record<AckKind, number> = { regular: 0, forced: 0, healthcheck: 0, late: 0 };
  readonly #overloads = { managed: 0, blackbox: 0 };

  constructor(registry: Registry) {
    this.#registry = registry;
    this.colors = new ColorMetrics(registry);
    this.#counter(
      'loadbalancer_completion_acks_total',
      'Completion acknowledgements by kind: regular, forced (by a timeout), late (after the forced one), healthcheck',
      'kind',
      this.#acks,
    );
    this.#counter(
      'loadbalancer_overload_total',
      'Invocations sent to a random invoker because no invoker had room',
      'type',
      this.#overloads,
    );
  }

  acknowledged(kind: AckKind): void {
    this.#acks[kind]++;
  }

  overloaded(blackbox: boolean): void {
    this.#overloads[blackbox ? 'blackbox' : 'managed']++;
  }

  /** Adds gauges that read the balancer at each collection. */
  observe(observed: Observed): void {
    this.#gauge('loadbalancer_activations_inflight', 'Invocations of this controller in flight', (gauge) =>
      gauge.set(observed.inFlight()),
    );
    this.#gauge('loadbalancer_cluster_size', 'Controllers that share the invokers', (gauge) =>
      gauge.set(observed.clusterSize()),
    );
    this.#gauge(
      'loadbalancer_invokers',
      'Invokers by state',
      (gauge) => {
        const invokers = observed.invokers();
        for (const state of STATUSES) gauge.set({ state }, invokers.filter(({ status }) => status === state).length);
      },
      ['state'],
    );
  }

  #counter(name: string, help: string, label: string, counts: Readonly<Record<string, number>>): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers: [],
      collect: () => {
        counter.reset();
        for (const [value, count] of Object.entries(counts)) counter.inc({ [label]: value }, count);
      },
    });
    this.#registry.registerMetric(counter);
  }

  #gauge(name: string, help: string, collect: (gauge: Gauge) => void, labelNames: string[] = []): void {
    const gauge: Gauge = new Gauge({ name, help, labelNames, registers: [], collect: () => collect(gauge) });
    this.#registry.registerMetric(gauge);
  }
}
