import type { Limits } from '../shared/config/limits.js';
import { truncationBytes, maxPayloadBytes } from '../shared/config/namespaceLimits.js';
import type { ActivationRecord } from '../shared/entities/activation.js';
import { alsoTelling, createUserEvents, noUserEvents } from '../shared/events/UserEvents.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { ActivationMessage } from '../shared/messages/activation.js';
import type { InvokerInstance } from '../shared/messages/instances.js';
import type { Consumer, Delivery, Handled, Messaging, Producer } from '../shared/messaging/Messaging.js';
import type { Topics } from '../shared/messaging/topics.js';
import { within } from '../shared/process/within.js';
import { type Runtimes } from '../shared/runtimes/manifest.js';
import type { ArtifactStore } from '../shared/store/ArtifactStore.js';
import type { EntityStore } from '../shared/store/EntityStore.js';
import { ActionLoader } from './ActionLoader.js';
import type { LiveLine } from './activations/liveLines.js';
import { fallbackRecord } from './activations/record.js';
import { noJournal, type ActivationJournal } from './activations/BegunJournal.js';
import { Reporter, type ActivationRecorder, type AnsweredRecords } from './activations/Reporter.js';
import { applicationError, whiskError } from './activations/response.js';
import type { StoreLevels } from './activations/storing.js';
import * as texts from './activations/texts.js';
import { BegunActivations } from './BegunActivations.js';
import { NamespaceBlacklist } from './NamespaceBlacklist.js';
import type { ContainerDriver } from './containers/ContainerDriver.js';
import { EarlierRun } from './EarlierRun.js';
import { HealthPings } from './HealthPings.js';
import { codeMemory } from './pool/execute.js';
import { ContainerPool, type PoolParts } from './pool/ContainerPool.js';
import type { PoolCounts } from './pool/counts.js';
import type { InvokerMetrics } from './pool/InvokerMetrics.js';
import type { Decrypt } from './pool/protocol.js';
import type { StemCell } from './pool/StemCells.js';
import { lateCheck } from './pool/lateJobs.js';
import { StoreWaits } from './pool/StoreWaits.js';
import { objectsFor, type ObjectsOfPool } from './objects/objectsFor.js';
import type { ObjectService } from './objects/ObjectService.js';

export interface InvokerConfig {
  readonly instance: InvokerInstance;
  /** The memory for containers. `instance` reports it to the controllers. */
  readonly userMemoryMB: number;
  readonly limits: Limits;
  /** The address of the API for containers (`__OW_API_HOST`). */
  readonly apiHost: string;
  /** More environment variables of all containers. */
  readonly extraEnvironment?: Readonly<Record<string, string>> | undefined;
  /** The idle time before a container is paused; and the time after that before it is removed. */
  readonly pauseGraceMs: number;
  readonly idleContainerMs: number;
  /** Whether the idle times of each action decide instead, if they tell: see `IdlePrediction.ts`. */
  readonly predictsIdle?: boolean | undefined;
  /** The fraction of all containers' concurrency to fetch ahead, for actions with a concurrency over 1. */
  readonly concurrentPeekFactor: number;
  /** The most waiting activations in addition to the running ones, so that namespaces take turns … */
  readonly waitingActivations: number;
  /** … up to this total size of messages in bytes. The activations that its containers run do not depend on it. */
  readonly waitingBytes: number;
  /** The most colors to remember for each container. */
  readonly maxColors: number;
  readonly storeLevels: StoreLevels;
  readonly userEvents: boolean;
}

export const DEFAULT_INVOKER_CONFIG = {
  userMemoryMB: 1024,
  pauseGraceMs: 10_000,
  idleContainerMs: 600_000,
  concurrentPeekFactor: 0.5,
  waitingActivations: 10_000,
  waitingBytes: 64 * 1024 * 1024,
  maxColors: 1000,
  storeLevels: { blocking: 'STORE_ALWAYS', nonBlocking: 'STORE_ALWAYS' },
  userEvents: false,
} as const satisfies Partial<InvokerConfig>;

/** The longest wait for the last ping at a stop. */
const FAREWELL_MS = 2000;

/** The longest wait at a stop for requests for objects, in ms: containers, which send most of them, are gone. */
const OBJECTS_MS = 1000;

/** The parts of an invoker. Their owner closes them. */
export interface InvokerParts {
  readonly config: InvokerConfig;
  readonly messaging: Messaging;
  readonly topics: Topics;
  readonly entities: Pick<EntityStore, 'getActionWithCode'>;
  readonly subjects: ArtifactStore;
  /** Reads existing records, only for messages that may have been delivered before. */
  readonly activations: { get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> };
  readonly recorder: ActivationRecorder;
  /** See `ReporterParts.answers`. */
  readonly answers?: AnsweredRecords | undefined;
  /** See `PoolParts.holdBack`. */
  readonly holdBack?: PoolParts['holdBack'];
  /** The activations that an earlier run of this invoker started, and those that this run starts. */
  readonly journal?: ActivationJournal | undefined;
  /** The container driver, not shared with other invokers. */
  readonly driver: ContainerDriver;
  readonly runtimes: Runtimes;
  readonly decrypt: Decrypt;
  /**
   * The kinds that this invoker cannot run, with the reasons; undefined while that is unknown. Missing: not reported.
   */
  readonly unavailableKinds?: (() => Readonly<Record<string, string>> | undefined) | undefined;
  readonly metrics: InvokerMetrics;
  /** The memory of objects; missing: there is none. */
  readonly objects?: ObjectService | undefined;
  /** Is told the record of each activation that has ended. */
  readonly onActivation?: ((record: ActivationRecord) => void) | undefined;
  /** Is told lines of logs while their activations run. */
  readonly onLine?: ((line: LiveLine) => void) | undefined;
  readonly log: Logger;
  readonly now?: (() => number) | undefined;
}

/** Consumes activations from its topic, runs them in containers and reports their results. */
export class Invoker {
  readonly name: string;
  readonly #parts: InvokerParts;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #actions: ActionLoader;
  readonly #blacklist: NamespaceBlacklist;
  /** The activations of this invoker, until they are recorded. */
  readonly #present = new Map<string, Promise<Handled>>();
  readonly #begun = new BegunActivations();
  readonly #waits = new StoreWaits();
  readonly #journal: ActivationJournal;
  readonly #earlier: EarlierRun;
  #running: Running | undefined;

  constructor(parts: InvokerParts) {
    const { config, entities, runtimes } = parts;
    this.name = `invoker${config.instance.instance}`;
    this.#parts = parts;
    this.#journal = parts.journal ?? noJournal;
    this.#now = parts.now ?? Date.now;
    this.#log = parts.log.component(this.name);
    this.#actions = new ActionLoader({ entities, runtimes, limits: config.limits, waits: this.#waits, log: this.#log });
    this.#earlier = new EarlierRun({
      read: (namespace, activationId) => parts.activations.get(namespace, activationId),
      journal: this.#journal,
      waits: this.#waits,
      log: this.#log,
    });
    this.#blacklist = new NamespaceBlacklist(parts.subjects, this.#log);
  }

  /** Starts to consume activations and to ping the controllers. */
  async start(): Promise<void> {
    const { config, messaging, topics, driver } = this.#parts;
    const topic = topics.invoker(config.instance.instance);
    const startedAt = this.#now();
    const leftovers = await driver.removeLeftovers();
    // Only a killed invoker leaves containers, and each may have run as many activations as its concurrency allows.
    this.#earlier.ended(startedAt, leftovers > 0 ? maxInFlight(config) : 0);
    if (leftovers > 0) this.#log.warn(`removed ${leftovers} containers of an earlier run`);
    await messaging.ensureTopic(topic);
    await messaging.ensureTopic(topics.health);
    if (config.userEvents) await messaging.ensureTopic(topics.events);
    const producer = await messaging.producer();
    const reporter = this.#reporter(producer);
    const pool = this.#pool(reporter, await objectsFor(this.#parts.objects, driver, this.#log));
    const { unavailableKinds, objects } = this.#parts;
    objects?.onKept((memoryMB) => pool.setOthers(memoryMB));
    const pings = new HealthPings(producer, topics.health, config.instance, this.#log, {
      unavailableKinds,
      objectsUrl: () => objects?.peerUrl,
    });
    await this.#blacklist.start();
    this.#waits.start();
    pool.start();
    let consumer: Consumer;
    try {
      consumer = await messaging.consume({
        topic,
        group: topic.name,
        maxInFlight: maxInFlight(config) + config.waitingActivations,
        maxBytes: config.waitingBytes,
        minInFlight: maxRunning(config),
        // The next run can only tell started activations from others within the reach of the journal.
        maxUncommitted: this.#journal.remembered,
        handle: (message, delivery) => this.#handle(message, delivery, reporter, pool),
      });
    } catch (error) {
      this.#blacklist.stop();
      await pool.close(0);
      await this.#parts.objects?.stop(0);
      throw error;
    }
    this.#running = { producer, pool, pings, consumer };
    pings.enable();
    this.#log.info(`${this.displayName} takes activations`, { memoryMB: config.userMemoryMB });
  }

  /**
   * Tells the controllers, takes no more activations, and removes its containers. Its waiting activations may start
   * within the first half of `limitMs`; the others are left to the next run. Started activations that do not end within
   * `limitMs` get a record of failure.
   */
  async stop(limitMs = 30_000): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    this.#blacklist.stop();
    // Without the bus the controllers notice the missing pings.
    await within(running.pings.disable(), FAREWELL_MS, () => undefined);
    // Activations that have not reached the pool get time to end, too.
    const finished = running.consumer.close();
    const half = limitMs / 2;
    await within(finished, half, () => {
      const { waiting } = running.pool.counts();
      if (waiting > 0) this.#log.info(`left ${waiting} activations to the next run: they have not started`);
    });
    this.#waits.stop();
    running.pool.leaveWaiting();
    await within(finished, half, () => undefined);
    await running.pool.close(0);
    await this.#parts.objects?.drain();
    await this.#parts.objects?.stop(OBJECTS_MS);
    // Acknowledgements wait as long as the bus is away, until the producer closes. The next run sends the rest.
    await Promise.all([finished, running.producer.close()]);
    this.#log.info(`${this.displayName} has stopped`);
  }

  /** The invoker's name in OpenWhisk's form: `invoker0/unique name`. */
  get displayName(): string {
    const { uniqueName, displayedName } = this.#parts.config.instance;
    return [this.name, uniqueName, displayedName].filter((part) => part !== undefined).join('/');
  }

  get isEnabled(): boolean {
    return this.#running?.pings.enabled ?? false;
  }

  /** Takes work again. Returns the text of the response. */
  enable(): string {
    return `${this.displayName} is ${this.#running?.pings.enable() ? 'now' : 'already'} enabled.`;
  }

  /**
   * Takes no more work, except for messages already on the bus, and for colors that leave bit by bit (`COLOR_MOVE_TIME`).
   * Resolves to the text of the response.
   */
  async disable(): Promise<string> {
    const disabled = (await this.#running?.pings.disable(true)) ?? false;
    // The activations that still run find their objects at the next homes.
    if (disabled) void this.#parts.objects?.drain();
    return `${this.displayName} is ${disabled ? 'now' : 'already'} disabled.`;
  }

  /** The counts of the pool; undefined while the invoker does not run. */
  counts(): PoolCounts | undefined {
    return this.#running?.pool.counts();
  }

  #handle(message: ActivationMessage, delivery: Delivery, reporter: Reporter, pool: ContainerPool): Promise<Handled> {
    if (message.prepare !== undefined) return this.#prepare(message, message.prepare, pool);
    if (message.objects) this.#parts.objects?.noteController(message.objects.controller);
    if (!this.#begun.begin(message.activationId, this.#now())) {
      this.#log.warn(`activation ${message.activationId} was delivered twice: ignored the second message`, {
        transid: message.transid,
      });
      return this.#present.get(message.activationId) ?? Promise.resolve();
    }
    // An earlier run has acknowledged and recorded it.
    if (this.#journal.hadEnded(message.activationId)) return Promise.resolve();
    const handled = this.#untilEnded(message, delivery, reporter, pool);
    this.#present.set(message.activationId, handled);
    return handled;
  }

  /** Starts containers for activations to come. Never rejects, since activations start missing containers themselves. */
  async #prepare(
    message: ActivationMessage,
    containers: number,
    pool: ContainerPool,
    predicted = false,
  ): Promise<Handled> {
    if (this.#blacklist.has(message.user.namespace.name)) return;
    const fetched = await this.#actions.fetch(message);
    if (fetched.kind === 'action') pool.prepare(message, fetched.action, containers, predicted);
  }

  #untilEnded(
    message: ActivationMessage,
    delivery: Delivery,
    reporter: Reporter,
    pool: ContainerPool,
  ): Promise<Handled> {
    const { activationId } = message;
    return this.#invoke(message, delivery, reporter, pool).then(
      (handled) => {
        this.#present.delete(activationId);
        if (handled === 'left') this.#begun.forget(activationId);
        else this.#journal.end(activationId, reporter.wasReported(activationId));
        return handled;
      },
      (error: unknown) => {
        this.#present.delete(activationId);
        throw error;
      },
    );
  }

  async #invoke(
    message: ActivationMessage,
    delivery: Delivery,
    reporter: Reporter,
    pool: ContainerPool,
  ): Promise<Handled> {
    if (this.#blacklist.has(message.user.namespace.name)) {
      this.#log.warn(`namespace ${message.user.namespace.name} is blocked`, { transid: message.transid });
      const response = applicationError(texts.namespaceBlocked);
      return reporter.acknowledgeOnly(message, fallbackRecord(message, response, this.#now(), this.name));
    }
    // The bus cannot detect redelivery if the group was killed before its first commit.
    const maybeBegun = delivery.redelivered || this.#journal.hadBegun(message.activationId);
    const start = performance.now();
    const earlier = maybeBegun ? await this.#handleEarlier(message, delivery, reporter) : undefined;
    if (earlier !== undefined) return earlier === 'left' ? 'left' : undefined;
    const fetched = await this.#actions.fetch(message, maybeBegun ? performance.now() - start : 0);
    if (fetched.kind === 'left') return 'left';
    if (fetched.kind === 'none') {
      await reporter.report(message, fallbackRecord(message, fetched.response, this.#now(), this.name), true);
      return;
    }
    return await pool.submit(message, fetched.action, fetched.waitedMs);
  }

  /**
   * Handles an activation that an earlier run of this invoker may have started. A recorded activation is acknowledged again.
   * An activation that ran when that run was killed ends with an internal error. Resolves to undefined if it must run.
   */
  async #handleEarlier(
    message: ActivationMessage,
    delivery: Delivery,
    reporter: Reporter,
  ): Promise<'handled' | 'left' | undefined> {
    const earlier = await this.#earlier.of(message, delivery);
    if (earlier.kind === 'left') return 'left';
    if (earlier.kind === 'new') return undefined;
    if (earlier.kind === 'recorded') await reporter.acknowledge(message, earlier.record);
    else {
      const unknown = fallbackRecord(message, whiskError(texts.outcomeUnknown), this.#now(), this.name);
      await reporter.reportLeftBehind(message, unknown);
    }
    return 'handled';
  }

  #reporter(producer: Producer): Reporter {
    const { config, topics, recorder, answers, onActivation } = this.#parts;
    const sent = config.userEvents
      ? createUserEvents({ source: this.name, producer, topic: topics.events, log: this.#log, clock: this.#now })
      : noUserEvents;
    const events = alsoTelling(sent, onActivation);
    const { instance, storeLevels } = config;
    return new Reporter({ instance, producer, topics, recorder, answers, events, storeLevels, log: this.#log });
  }

  #pool(reporter: Reporter, objects: ObjectsOfPool): ContainerPool {
    const { config, driver, decrypt, metrics, recorder, holdBack, journal, onLine } = this.#parts;
    const { limits } = config;
    const maxConcurrency = limits.concurrency.max;
    const pool: ContainerPool = new ContainerPool({
      onPredicted: (message, containers) => void this.#prepare(message, containers, pool, true),
      driver,
      reporter,
      roomForRecord: () => recorder.room?.(),
      holdBack,
      decrypt,
      journal,
      onLine,
      now: this.#now,
      log: this.#log.component(`${this.name}.pool`),
      metrics: metrics.of(this.name),
      stemCells: stemCells(this.#parts.runtimes),
      codeMemory: codeMemory(),
      waits: this.#waits,
      late: lateCheck({
        read: (namespace, activationId) => this.#earlier.record(namespace, activationId),
        waits: this.#waits,
        now: this.#now,
        log: this.#log.component(`${this.name}.pool`),
      }),
      ...objects.parts,
      responseLimits: ({ message: { user } }) => ({
        maxResponseBytes: maxPayloadBytes(limits, user.limits),
        truncationBytes: truncationBytes(limits, user.limits),
      }),
      config: {
        userMemoryMB: config.userMemoryMB,
        pauseGraceMs: config.pauseGraceMs,
        idleContainerMs: config.idleContainerMs,
        predictsIdle: config.predictsIdle,
        maxColors: config.maxColors,
        maxConcurrency,
        environment: { __OW_API_HOST: config.apiHost, ...config.extraEnvironment },
        sharedFolder: objects.sharedFolder,
        namePrefix: `wsk${config.instance.instance}_${this.#now().toString(36)}`,
        invokerName: this.name,
      },
    });
    return pool;
  }
}

interface Running {
  readonly producer: Producer;
  readonly pool: ContainerPool;
  readonly pings: HealthPings;
  readonly consumer: Consumer;
}

/**
 * The most activations of an invoker at a time: those that its containers run, as many that wait, and twice as many
 * that are being recorded, since recording may take longer than running.
 */
export function maxInFlight(config: InvokerConfig): number {
  return 4 * maxRunning(config);
}

/** The number of activations that its containers run at a time. */
function maxRunning({ userMemoryMB, limits, concurrentPeekFactor }: InvokerConfig): number {
  const containers = Math.floor(userMemoryMB / limits.memory.min);
  return Math.max(1, containers, Math.floor(containers * limits.concurrency.max * concurrentPeekFactor));
}

/** The stem cells of the manifest. */
export function stemCells(runtimes: Runtimes): StemCell[] {
  return [...runtimes.kinds.values()].flatMap((runtime) =>
    runtime.stemCells.map((cell) => ({
      ...cell,
      kind: runtime.kind,
      image: { kind: runtime.kind, reference: runtime.reference, pull: false },
    })),
  );
}
