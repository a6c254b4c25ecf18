/** A file of pure decisions, and the unit tests that must notice a change of it. Paths without `.ts`; tests below `test/unit`. */
export interface Target {
  readonly file: string;
  readonly tests: readonly string[];
}

export const TARGETS: readonly Target[] = [
  { file: 'invoker/pool/decide', tests: ['invoker/pool/decide'] },
  { file: 'invoker/pool/FairQueue', tests: ['invoker/pool/FairQueue'] },
  { file: 'invoker/pool/Backlog', tests: ['invoker/pool/Backlog'] },
  { file: 'invoker/pool/WarmGroup', tests: ['invoker/pool/WarmGroup'] },
  { file: 'invoker/pool/colorPatience', tests: ['invoker/pool/colorPatience'] },
  { file: 'invoker/pool/ColorWaits', tests: ['invoker/pool/ColorWaits'] },
  { file: 'invoker/pool/InstanceWaits', tests: ['invoker/pool/InstanceWaits'] },
  { file: 'controller/loadbalancer/schedule', tests: ['controller/loadbalancer/schedule'] },
  { file: 'controller/loadbalancer/supervision', tests: ['controller/loadbalancer/supervision'] },
  { file: 'controller/loadbalancer/InvokerCapacity', tests: ['controller/loadbalancer/InvokerCapacity'] },
  { file: 'controller/loadbalancer/patience', tests: ['controller/loadbalancer/patience'] },
  { file: 'controller/loadbalancer/cluster', tests: ['controller/loadbalancer/cluster'] },
  { file: 'shared/colors/Ring', tests: ['shared/colors/Ring'] },
  { file: 'shared/colors/buckets', tests: ['shared/colors/buckets'] },
  { file: 'shared/messaging/kafka/OffsetTracker', tests: ['shared/messaging/kafka/OffsetTracker'] },
  { file: 'shared/messaging/kafka/Dispatcher', tests: ['shared/messaging/kafka/Dispatcher'] },
  { file: 'shared/messaging/kafka/KafkaProducer', tests: ['shared/messaging/kafka/KafkaProducer'] },
  { file: 'shared/store/ReadThroughCache', tests: ['shared/store/ReadThroughCache'] },
  { file: 'invoker/activations/Reporter', tests: ['invoker/activations/Reporter'] },
];
