import { Registry } from 'prom-client';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import type { Action } from '../../../../shared/entities/documents.js';
import { noUserEvents, type UserEvents } from '../../../../shared/events/UserEvents.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import type { Acknowledgement } from '../../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../../shared/messages/activation.js';
import { invokerInstance } from '../../../../shared/messages/instances.js';
import type { Handled, Producer, Topic } from '../../../../shared/messaging/Messaging.js';
import { topics } from '../../../../shared/messaging/topics.js';
import { executableAction, type ExecutableAction } from '../../../../invoker/activations/ExecutableAction.js';
import { Reporter } from '../../../../invoker/activations/Reporter.js';
import { STORE_ALWAYS } from '../../../../invoker/activations/storing.js';
import { noJournal } from '../../../../invoker/activations/BegunJournal.js';
import { codeMemory } from '../../../../invoker/pool/execute.js';
import { StoreWaits } from '../../../../invoker/pool/StoreWaits.js';
import { ContainerPool, type PoolConfig, type PoolParts } from '../../../../invoker/pool/ContainerPool.js';
import { InvokerMetrics } from '../../../../invoker/pool/InvokerMetrics.js';
import type { StemCell } from '../../../../invoker/pool/StemCells.js';
import { FakeDriver } from './FakeDriver.js';

let ids = 0;

export function message(over: Partial<ActivationMessage> = {}): ActivationMessage {
  return {
    transid: { id: 'tid', start: 1000 },
    action: { path: 'guest', name: 'hello', version: '0.0.1' },
    revision: '1-a',
    user: {
      subject: 'guest',
      namespace: { name: 'guest', uuid: 'uuid' },
      authkey: { api_key: 'uuid:key' },
      rights: [],
      limits: {},
    },
    activationId: (ids++).toString(16).padStart(32, '0'),
    rootControllerIndex: { asString: '0', instanceType: 'controller' },
    blocking: true,
    content: {},
    initArgs: [],
    lockedArgs: {},
    ...over,
  };
}

export function action(over: Partial<Action> & { memory?: number; concurrency?: number; logs?: number } = {}): Action {
  const { memory = 256, concurrency = 1, logs = 10, ...fields } = over;
  const name = fields.name ?? 'hello';
  return {
    _id: `guest/${name}`,
    _rev: '1-a',
    entityType: 'action',
    namespace: 'guest',
    name,
    version: '0.0.1',
    publish: false,
    updated: 0,
    annotations: [],
    parameters: [],
    exec: { kind: 'nodejs:20', code: 'function main() {}', binary: false },
    limits: { timeout: 60_000, memory, logs, concurrency },
    ...fields,
  };
}

export const NODE_IMAGE = { kind: 'nodejs:20', reference: 'node', pull: false };

export function executable(over: Parameters<typeof action>[0] = {}): ExecutableAction {
  return executableAction(action(over), { image: NODE_IMAGE, sentinelled: true });
}

/** What a pool said: acknowledgements in order, records. */
export class Heard {
  readonly acks: Acknowledgement[] = [];
  readonly records: ActivationRecord[] = [];
  readonly producer: Producer = {
    send: <T>(topic: Topic<T>, sent: T): Promise<void> => {
      if (topic.name.startsWith('completed')) this.acks.push(sent as Acknowledgement);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };

  reporter(events: UserEvents = noUserEvents): Reporter {
    return new Reporter({
      instance: invokerInstance(0, 'test', 1024),
      producer: this.producer,
      topics: topics(),
      recorder: { record: (record) => void this.records.push(record) },
      events,
      storeLevels: STORE_ALWAYS,
      log: silentLogger,
    });
  }
}

/** A pool over fake containers, with a clock that a test moves. */
export class PoolFixture {
  readonly driver = new FakeDriver();
  readonly heard = new Heard();
  readonly registry = new Registry();
  readonly pool: ContainerPool;
  now = 10_000;

  constructor(
    config: Partial<PoolConfig> = {},
    stemCells: readonly StemCell[] = [],
    parts: Partial<
      Pick<
        PoolParts,
        | 'decrypt'
        | 'after'
        | 'references'
        | 'onFreeMemory'
        | 'takeDemand'
        | 'onPredicted'
        | 'holdBack'
        | 'waits'
        | 'late'
      >
    > = {},
  ) {
    this.pool = new ContainerPool({
      driver: this.driver,
      reporter: this.heard.reporter(),
      decrypt: (_, value) => value,
      journal: noJournal,
      codeMemory: codeMemory(),
      waits: new StoreWaits(),
      responseLimits: () => ({ maxResponseBytes: 1024, truncationBytes: 512 }),
      stemCells,
      metrics: new InvokerMetrics(this.registry).of('invoker0'),
      now: () => this.now,
      log: silentLogger,
      config: {
        userMemoryMB: 1024,
        pauseGraceMs: 10_000,
        idleContainerMs: 600_000,
        maxColors: 8,
        maxConcurrency: 1,
        environment: {},
        namePrefix: 'wsk0_test',
        invokerName: 'invoker0',
        ...config,
      },
      ...parts,
    });
  }

  run(over: Parameters<typeof action>[0] = {}, sent: Partial<ActivationMessage> = {}): Promise<Handled> {
    return this.pool.submit(message(sent), executable(over));
  }
}

/** Something that a test settles. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #open = false;

  pass(): Promise<void> {
    return this.#open ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Lets the first one through. */
  one(): void {
    this.#waiting.shift()?.();
  }

  open(): void {
    this.#open = true;
    for (const resolve of this.#waiting) resolve();
  }
}

/** Lets everything run that needs no timer. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
