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

/** A mutant that no test can notice, and why. */
export interface Explained {
  readonly file: string;
  /** The compiled line, and what the mutant makes of it; both without the space around them. */
  readonly line: string;
  readonly becomes: string;
  readonly reason: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    file: 'invoker/pool/WarmGroup',
    line: '#lowest = 0;',
    becomes: '#lowest = 1;',
    reason: 'It is a lower bound, and `add` lowers it for the first container with no color.',
  },
  {
    file: 'invoker/pool/WarmGroup',
    line: 'for (; this.#lowest < this.#heads.length; this.#lowest++) {',
    becomes: 'for (; this.#lowest <= this.#heads.length; this.#lowest++) {',
    reason: 'The list one past the last is undefined, so the loop goes on to its end; `add` lowers the bound again.',
  },
  {
    file: 'controller/loadbalancer/cluster',
    line: 'export const NOTHING_HEARD = { own: 0, others: new Map() };',
    becomes: 'export const NOTHING_HEARD = { own: 1, others: new Map() };',
    reason:
      'Only differences between two counts of own heartbeats are compared; where the count begins does not matter.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: 'const NOWHERE = -1;',
    becomes: 'const NOWHERE = -2;',
    reason: 'Any number that is not the number of an invoker serves; those are 0 and up.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#patienceMs = 0;',
    becomes: '#patienceMs = 1;',
    reason: '`begin` sets it before each invocation.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#homes = 1;',
    becomes: '#homes = 2;',
    reason: '`begin` sets it before each invocation.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#bestRank = 0;',
    becomes: '#bestRank = 1;',
    reason: 'It is read only where there is a best invoker, and set together with it.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#bestWait = 0;',
    becomes: '#bestWait = 1;',
    reason: 'It is read only where there is a best invoker, and set together with it.',
  },
  {
    file: 'controller/loadbalancer/patience',
    line: '#bestLoad = 0;',
    becomes: '#bestLoad = 1;',
    reason: 'It is read only where there is a best invoker, and set together with it.',
  },
  {
    file: 'invoker/pool/Backlog',
    line: '#passes = 0;',
    becomes: '#passes = 1;',
    reason: 'No job passes before one has its turn, and then the count begins at 0.',
  },
];
