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
    const registers = [this.#registry];
    new Gauge({
      name: 'loadbalancer_activations_inflight',
      help: 'Invocations of this controller under way',
      registers,
      collect() {
        this.set(observed.inFlight());
      },
    });
    new Gauge({
      name: 'loadbalancer_invokers',
      help: 'Invokers by state',
      labelNames: ['state'],
      registers,
      collect() {
        for (const state of STATUSES) {
          this.set({ state }, observed.invokers().filter((invoker) => invoker.status === state).length);
        }
      },
    });
    new Gauge({
      name: 'loadbalancer_cluster_size',
      help: 'Controllers that share the invokers',
      registers,
      collect() {
        this.set(observed.clusterSize());
      },
    });
  }
}
