import { Counter, Gauge, type Registry } from 'prom-client';
import type { AckKind } from './completion.js';
import type { InvokerHealth, InvokerStatus } from './LoadBalancer.js';

const STATUSES: readonly InvokerStatus[] = ['up', 'unhealthy', 'unresponsive', 'down'];

/** What is read of the balancer when metrics are asked for. */
export interface Observed {
  inFlight(): number;
  invokers(): readonly InvokerHealth[];
  clusterSize(): number;
}

/** The balancer's metrics. */
export class BalancerMetrics {
  readonly #registry: Registry;
  readonly #acks: Counter<'kind'>;
  readonly #overloads: Counter<'type'>;

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    this.#acks = new Counter({
      name: 'loadbalancer_completion_acks_total',
      help: 'Completion acknowledgements: regular, forced (none came in time), late (after the forced one), healthcheck',
      labelNames: ['kind'],
      registers,
    });
    this.#overloads = new Counter({
      name: 'loadbalancer_overload_total',
      help: 'Invocations for which no invoker had room, sent to a random one',
      labelNames: ['type'],
      registers,
    });
  }

  acknowledged(kind: AckKind): void {
    this.#acks.inc({ kind });
  }

  overloaded(blackbox: boolean): void {
    this.#overloads.inc({ type: blackbox ? 'blackbox' : 'managed' });
  }

  /** Adds gauges that look at the balancer each time they are collected. */
  observe(observed: Observed): void {
    this.#gauge('loadbalancer_activations_inflight', 'Invocations of this controller under way', (gauge) =>
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

  #gauge(name: string, help: string, collect: (gauge: Gauge) => void, labelNames: string[] = []): void {
    const gauge: Gauge = new Gauge({ name, help, labelNames, registers: [], collect: () => collect(gauge) });
    this.#registry.registerMetric(gauge);
  }
}
