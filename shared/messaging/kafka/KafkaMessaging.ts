import { randomUUID } from 'node:crypto';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import { backOff, retry } from '../../process/retry.js';
import { within } from '../../process/within.js';
import {
  BusRefusedError,
  type BusState,
  type Consumer,
  type ConsumerOptions,
  type Messaging,
  type Producer,
  type Topic,
} from '../Messaging.js';
import { BusHealth } from './BusHealth.js';
import { causeAndRights, causeOf } from './causes.js';
import { isShortOfBrokers } from './classify.js';
import { consumerTimes } from './consumerTimes.js';
import { GroupConsumer } from './GroupConsumer.js';
import { KafkaProducer } from './KafkaProducer.js';
import type { Admin, KafkaLibrary } from './library.js';
import { DEFAULT_SESSION_TIMEOUT_MS, REQUEST_TIMEOUT_MS, type KafkaOptions } from './options.js';
import { replicationAdvice } from './replication.js';
import { Transports } from './Transports.js';

/** The bus on Kafka, with any client library. */
export class KafkaMessaging implements Messaging {
  readonly #library: KafkaLibrary;
  readonly #options: KafkaOptions;
  readonly #log: Logger;
  readonly #health: BusHealth;
  readonly #stop = new AbortController();
  readonly #producers = new Set<Producer>();
  readonly #consumers = new Set<Consumer & { readonly isUnreadable: boolean }>();
  readonly #ensured = new Map<string, Promise<void>>();
  readonly #watch: NodeJS.Timeout;
  #admin: Promise<Admin> | undefined;
  #advised = false;
  #saidShort = false;

  constructor(library: KafkaLibrary, options: KafkaOptions) {
    this.#library = library;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#health = new BusHealth(this.#log, options.brokers.join(','));
    this.#watch = setInterval(() => this.#health.check(), WATCH_MS);
    this.#watch.unref();
  }

  ensureTopic<T>(topic: Topic<T>): Promise<void> {
    let ensured = this.#ensured.get(topic.name);
    if (!ensured) {
      const { name } = topic;
      const rights = `CREATE on the topic ${name}, or create it and grant DESCRIBE, READ and WRITE on it`;
      ensured = this.#untilAnswered(`topic ${name}`, rights, () => this.#makeTopic(topic));
      this.#ensured.set(topic.name, ensured);
      ensured.catch(() => this.#ensured.delete(topic.name));
    }
    return ensured;
  }

  async producer(): Promise<Producer> {
    const rights = 'WRITE on the topics, or IDEMPOTENT_WRITE on the cluster';
    const transport = await this.#untilAnswered('a producer', rights, () => this.#library.transport());
    const producer = new KafkaProducer({
      transports: new Transports(transport, () => this.#library.transport()),
      classify: (error) => this.#library.classify(error),
      health: this.#health,
      deliveryTimeoutMs: this.#options.deliveryTimeoutMs,
      maxMessageBytes: async (topic) =>
        (await this.#administer((admin) => admin.describeTopic(topic)))?.maxMessageBytes,
    });
    this.#producers.add(producer);
    if (this.#stop.signal.aborted) await producer.close();
    return producer;
  }

  async consume<T>(options: ConsumerOptions<T>): Promise<Consumer> {
    await this.ensureTopic(options.topic);
    this.#stop.signal.throwIfAborted();
    const { topic, group, from = 'earliest' } = options;
    const member = memberName(this.#options.memberName ?? this.#options.clientId);
    const consumer = new GroupConsumer<T>({
      options,
      fetcher: (sink) => this.#library.fetcher({ topic: topic.name, group, member, from }, sink),
      places: () => this.#administer((admin) => admin.places(topic.name, group)),
      classify: (error) => this.#library.classify(error),
      health: this.#health,
      log: this.#log,
      brokers: this.#options.brokers.join(','),
      times: consumerTimes(this.#options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS),
    });
    this.#consumers.add(consumer);
    try {
      await consumer.start();
    } catch (error) {
      this.#consumers.delete(consumer);
      throw error;
    }
    return consumer;
  }

  isHealthy(): boolean {
    return !this.#stop.signal.aborted && this.#health.isUp();
  }

  health(): BusState {
    const unreadable = [...this.#consumers].filter((consumer) => consumer.isUnreadable).length;
    return { up: this.isHealthy(), since: this.#health.since, answeredAt: this.#health.answeredAt, unreadable };
  }

  async close(): Promise<void> {
    this.#stop.abort(new Error('messaging is closed'));
    clearInterval(this.#watch);
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await Promise.all([...this.#producers].map((producer) => producer.close()));
    const admin = this.#admin;
    this.#admin = undefined;
    if (admin) await within(this.#closeAdmin(admin), REQUEST_TIMEOUT_MS, () => undefined);
  }

  async #closeAdmin(admin: Promise<Admin>): Promise<void> {
    try {
      await (await admin).close();
    } catch (error) {
      this.#log.debug('could not close the admin connection', { error });
    }
  }

  async #makeTopic<T>({ name, settings }: Topic<T>): Promise<void> {
    const { replicationFactor = 1, acks = 'all' } = this.#options;
    const durable = replicationFactor >= 3 ? { 'min.insync.replicas': '2', ...settings } : settings;
    try {
      if (await this.#administer((admin) => admin.createTopic(name, durable, replicationFactor))) {
        this.#log.info(`created topic ${name}`);
      }
    } catch (error) {
      if (isShortOfBrokers(error) && !this.#saidShort) {
        this.#saidShort = true;
        this.#log.warn(
          `topic ${name} cannot have ${replicationFactor} replicas (CONFIG_whisk_kafka_replicationFactor): ` +
            'Kafka has fewer brokers up, waiting for more',
        );
      }
      // Without the right to create topics, existing topics are still usable.
      if (this.#library.classify(error) !== 'refused' || !(await this.#exists(name))) throw error;
    }
    if (this.#advised) return;
    try {
      const facts = await this.#administer((admin) => admin.describeTopic(name));
      const advice = facts && replicationAdvice(name, facts, acks);
      if (advice === undefined || this.#advised) return;
      this.#advised = true;
      this.#log.warn(advice);
    } catch (error) {
      this.#log.debug(`could not read the settings of topic ${name}`, { error });
    }
  }

  async #exists(topic: string): Promise<boolean> {
    try {
      return (await this.#administer((admin) => admin.describeTopic(topic))) !== undefined;
    } catch (error) {
      this.#log.debug(`could not look for topic ${topic}`, { error });
      return false;
    }
  }

  /** Runs a request on the admin connection, which is kept while it works. */
  async #administer<R>(work: (admin: Admin) => Promise<R>): Promise<R> {
    this.#stop.signal.throwIfAborted();
    const connecting = (this.#admin ??= this.#library.admin());
    let connected = false;
    try {
      const admin = await connecting;
      connected = true;
      const result = await work(admin);
      this.#health.answered();
      return result;
    } catch (error) {
      // Do not keep a client that could not connect, lost its connection, or has a fault of its own. Only a refusal shows that it works.
      if (this.#admin === connecting && (!connected || this.#library.classify(error) !== 'refused')) {
        this.#admin = undefined;
        if (connected) void this.#closeAdmin(connecting);
      }
      throw error;
    }
  }

  /**
   * Retries until Kafka answers.
   * @throws BusRefusedError if Kafka refuses. @throws Error with the cause for another failure that a retry cannot resolve.
   */
  async #untilAnswered<R>(what: string, rights: string, attempt: () => Promise<R>): Promise<R> {
    const isTransient = (error: unknown): boolean => this.#library.classify(error) === 'transient';
    try {
      return await retry(attempt, {
        delayMs: backOff(100, 1000),
        isFinal: (error) => !isTransient(error),
        signal: this.#stop.signal,
        onFailure: (error) => {
          this.#health.failed(error);
          this.#log.debug(`waiting for Kafka (${what})`, { error });
        },
      });
    } catch (error) {
      if (this.#stop.signal.aborted) throw error;
      if (this.#library.classify(error) !== 'refused') {
        throw new Error(`Kafka failed at ${what}: ${causeOf(error)}`, { cause: error });
      }
      throw new BusRefusedError(`Kafka refuses ${what}: ${causeAndRights(error, rights)}`, { cause: error });
    }
  }
}

/**
 * The name of one consumer, as Kafka allows it. No other consumer has it, also of a later process: that one must not take over
 * the place of a consumer which still finishes its messages.
 */
const memberName = (process: string): string =>
  `${process.replaceAll(/[^a-zA-Z0-9._-]/g, '_').slice(0, 200)}-${randomUUID()}`;

const WATCH_MS = 1000;
