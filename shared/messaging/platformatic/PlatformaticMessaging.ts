import { isIP } from 'node:net';
import type { Admin, BaseOptions } from '@platformatic/kafka';
import type * as library from '@platformatic/kafka';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import { BusHealth } from '../kafka/BusHealth.js';
import { KafkaProducer } from '../kafka/KafkaProducer.js';
import type { KafkaOptions } from '../kafka/options.js';
import { untilAnswered } from '../kafka/untilAnswered.js';
import type { Consumer, ConsumerOptions, Messaging, Producer, Topic } from '../Messaging.js';
import { isTopicThere, isTransient } from './errors.js';
import { PlatformaticConsumer } from './PlatformaticConsumer.js';
import { platformaticTransport } from './transport.js';

export type Library = typeof library;

/** The bus on Kafka, through the client of `@platformatic/kafka`, which has to be installed beside us. */
export class PlatformaticMessaging implements Messaging {
  readonly #library: Library;
  readonly #options: KafkaOptions;
  readonly #log: Logger;
  readonly #health = new BusHealth();
  readonly #producers = new Set<KafkaProducer>();
  readonly #consumers = new Set<{ close(): Promise<void> }>();
  readonly #ensured = new Map<string, Promise<void>>();
  #admin: Admin | undefined;
  #closed = false;

  private constructor(loaded: Library, options: KafkaOptions) {
    this.#library = loaded;
    this.#options = options;
    this.#log = options.log ?? silentLogger;
  }

  /** @throws Error where the package is not installed. */
  static async create(options: KafkaOptions): Promise<PlatformaticMessaging> {
    const loaded = await import('@platformatic/kafka').catch((error: unknown) => {
      throw new Error('the package @platformatic/kafka is not installed', { cause: error });
    });
    return new PlatformaticMessaging(loaded, options);
  }

  ensureTopic<T>(topic: Topic<T>): Promise<void> {
    let ensured = this.#ensured.get(topic.name);
    if (!ensured) {
      ensured = this.#untilAnswered(`topic ${topic.name}`, () => this.#createTopic(topic));
      this.#ensured.set(topic.name, ensured);
      ensured.catch(() => this.#ensured.delete(topic.name));
    }
    return ensured;
  }

  async producer(): Promise<Producer> {
    const options = clientOptions(this.#options);
    const transport = await this.#untilAnswered('a producer', () => platformaticTransport(this.#library, options));
    const producer = new KafkaProducer(transport, this.#options, this.#health);
    this.#producers.add(producer);
    return producer;
  }

  async consume<T>(options: ConsumerOptions<T>): Promise<Consumer> {
    await this.ensureTopic(options.topic);
    const consumer = new PlatformaticConsumer<T>({
      library: this.#library,
      client: clientOptions(this.#options),
      kafka: this.#options,
      options,
      health: this.#health,
      log: this.#log,
    });
    this.#consumers.add(consumer);
    await consumer.start();
    return consumer;
  }

  isHealthy(): boolean {
    return !this.#closed && this.#health.isHealthy(Date.now());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#consumers].map((consumer) => consumer.close()));
    await Promise.all([...this.#producers].map((producer) => producer.close()));
    await this.#admin?.close();
    this.#admin = undefined;
  }

  async #createTopic<T>(topic: Topic<T>): Promise<void> {
    this.#admin ??= new this.#library.Admin(clientOptions(this.#options));
    try {
      await this.#admin.createTopics({
        topics: [topic.name],
        partitions: 1,
        replicas: this.#options.replicationFactor ?? 1,
        configs: Object.entries(topic.settings).map(([name, value]) => ({ name, value })),
      });
      this.#log.info(`made topic ${topic.name}`);
    } catch (error) {
      if (!isTopicThere(error)) throw error;
    }
    this.#health.answered();
  }

  #untilAnswered<R>(what: string, attempt: () => Promise<R>): Promise<R> {
    return untilAnswered(
      { what, log: this.#log, isTransient, isClosed: () => this.#closed, failed: () => this.#health.failed() },
      attempt,
    );
  }
}

function clientOptions({ brokers, clientId, tls, sasl }: KafkaOptions): BaseOptions {
  return {
    clientId,
    bootstrapBrokers: [...brokers],
    retries: 1,
    retryDelay: 100,
    timeout: 30_000,
    metadataMaxAge: 60_000,
    // An address is no server name.
    ...(tls ? { tls, tlsServerName: !brokers.some((broker) => isIP(broker.replace(/:\d+$/, ''))) } : {}),
    ...(sasl
      ? {
          sasl: {
            mechanism: sasl.mechanism.toUpperCase() as 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
            username: sasl.username,
            password: sasl.password,
          },
        }
      : {}),
  };
}
