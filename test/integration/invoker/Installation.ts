import { Registry } from 'prom-client';
import type { ContainerDriver } from '../../../invoker/containers/ContainerDriver.js';
import { noJournal } from '../../../invoker/activations/BegunJournal.js';
import { DEFAULT_INVOKER_CONFIG, Invoker, type InvokerConfig } from '../../../invoker/Invoker.js';
import { RUNTIME_IMAGE } from '../../../shared/runtimes/image.js';
import { InvokerMetrics } from '../../../invoker/pool/InvokerMetrics.js';
import { DEFAULT_LIMITS, type Limits } from '../../../shared/config/limits.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import type { Action } from '../../../shared/entities/documents.js';
import { newTransactionId } from '../../../shared/entities/transaction.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { acknowledgedActivation, type Acknowledgement } from '../../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { PingMessage } from '../../../shared/messages/ping.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import type { Producer } from '../../../shared/messaging/Messaging.js';
import { topics as allTopics } from '../../../shared/messaging/topics.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore, type ActivationWriteOptions } from '../../../shared/store/BatchingActivationStore.js';
import { CachedEntityStore } from '../../../shared/store/CachedEntityStore.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';

const topics = allTopics();
const [prefix, name, tag] = RUNTIME_IMAGE.split(/[/:]/);
const MANIFEST = parseManifest(
  { runtimes: { nodejs: [{ kind: 'nodejs:20', default: true, image: { prefix, name, tag } }] } },
  { localImagePrefix: prefix },
);

export interface InstallationOptions {
  readonly driver: ContainerDriver;
  /** Undefined: empty ones of its own. */
  readonly stores?: Stores | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly userMemoryMB?: number | undefined;
  readonly config?: Partial<InvokerConfig> | undefined;
  /** How records are written. */
  readonly records?: ActivationWriteOptions | undefined;
}

/** An invoker on the embedded bus and store; the test is its controller. */
export class Installation {
  readonly messaging = new EmbeddedMessaging();
  readonly acks: Acknowledgement[] = [];
  readonly pings: PingMessage[] = [];
  readonly driver: ContainerDriver;
  readonly invoker: Invoker;
  readonly entities: CachedEntityStore;
  readonly activations: BatchingActivationStore;
  readonly stores: Stores;
  #producer: Producer | undefined;
  readonly #waiting = new Map<string, (ack: Acknowledgement) => void>();

  static async open(options: InstallationOptions): Promise<Installation> {
    const installation = new Installation(options, options.stores ?? (await openTemporaryStores()));
    await installation.#start();
    return installation;
  }

  private constructor({ driver, limits, userMemoryMB = 1024, config, records }: InstallationOptions, stores: Stores) {
    this.stores = stores;
    this.driver = driver;
    this.entities = new CachedEntityStore(stores.whisks);
    this.activations = new BatchingActivationStore(stores.activations, records);
    this.invoker = new Invoker({
      config: {
        ...DEFAULT_INVOKER_CONFIG,
        instance: invokerInstance(0, 'test', userMemoryMB),
        userMemoryMB,
        limits: { ...DEFAULT_LIMITS, ...limits },
        apiHost: 'http://localhost:1',
        ...config,
      },
      messaging: this.messaging,
      topics,
      entities: this.entities,
      subjects: stores.subjects,
      activations: this.activations,
      recorder: { record: (record) => this.activations.store(record), room: () => this.activations.room() },
      journal: noJournal,
      driver: this.driver,
      runtimes: MANIFEST,
      decrypt: (_, value) => value,
      metrics: new InvokerMetrics(new Registry()),
      log: silentLogger,
    });
  }

  async #start(): Promise<void> {
    this.#producer = await this.messaging.producer();
    await this.messaging.consume({
      topic: topics.completed('0'),
      group: 'completed0',
      maxInFlight: 100,
      handle: (ack) => {
        this.acks.push(ack);
        if (ack.kind !== 'result') this.#waiting.get(acknowledgedActivation(ack))?.(ack);
      },
    });
    await this.messaging.consume({
      topic: topics.health,
      group: 'health0',
      maxInFlight: 100,
      handle: (ping) => void this.pings.push(ping),
    });
    await this.invoker.start();
  }

  async close(): Promise<void> {
    await this.invoker.stop();
    await this.driver.close();
    await this.messaging.close();
    await this.activations.close();
    await this.stores.close();
  }

  putAction(name: string, code: string, over: Partial<Action> = {}): Promise<Action> {
    return this.entities.putAction({
      _id: `guest/${name}`,
      entityType: 'action',
      namespace: 'guest',
      name,
      version: '0.0.1',
      publish: false,
      annotations: [],
      parameters: [],
      exec: { kind: 'nodejs:20', code, binary: false },
      limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
      updated: 0,
      ...over,
    });
  }

  /** Sends an activation and waits for its slot to be free; resolves to its record. */
  async invoke(name: string, over: Partial<ActivationMessage> = {}): Promise<ActivationRecord | undefined> {
    const activationId = over.activationId ?? newActivationId();
    const done = new Promise((resolve) => this.#waiting.set(activationId, resolve));
    await this.send(name, { ...over, activationId });
    await done;
    return this.activations.get('guest', activationId);
  }

  async send(name: string, over: Partial<ActivationMessage> & { activationId: string }): Promise<void> {
    await this.#producer?.send(topics.invoker(0), {
      transid: newTransactionId(),
      action: { path: 'guest', name, version: '0.0.1' },
      revision: null,
      user: {
        subject: 'guest',
        namespace: { name: 'guest', uuid: 'uuid' },
        authkey: { api_key: 'uuid:key' },
        rights: [],
        limits: {},
      },
      rootControllerIndex: { asString: '0', instanceType: 'controller' },
      blocking: true,
      content: {},
      initArgs: [],
      lockedArgs: {},
      ...over,
    });
  }
}
