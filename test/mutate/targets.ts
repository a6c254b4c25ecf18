/** A file of pure decisions, and the unit tests that must notice a change of it. Paths without `.ts`; tests below `test/unit`. */
export interface Target {
  readonly file: string;
  readonly tests: readonly string[];
}

export const TARGETS: readonly Target[] = [
  { file: 'invoker/pool/decide', tests: ['invoker/pool/decide', 'invoker/pool/ContainerPool'] },
  { file: 'invoker/pool/WarmGroup', tests: ['invoker/pool/decide', 'invoker/pool/ContainerPool'] },
  { file: 'controller/loadbalancer/schedule', tests: ['controller/loadbalancer/schedule'] },
  { file: 'controller/loadbalancer/supervision', tests: ['controller/loadbalancer/supervision'] },
  { file: 'controller/loadbalancer/InvokerCapacity', tests: ['controller/loadbalancer/InvokerCapacity'] },
  { file: 'controller/loadbalancer/cluster', tests: ['controller/loadbalancer/cluster'] },
  { file: 'shared/colors/Ring', tests: ['shared/colors/Ring'] },
  { file: 'shared/colors/buckets', tests: ['shared/colors/buckets'] },
  { file: 'shared/messaging/kafka/OffsetTracker', tests: ['shared/messaging/kafka/OffsetTracker'] },
];

/** A mutant that no test can notice, and why. `code` is the compiled line, without the space around it. */
export interface Explained {
  readonly file: string;
  readonly code: string;
  readonly change: string;
  readonly reason: string;
}

export const EXPLAINED: readonly Explained[] = [];
