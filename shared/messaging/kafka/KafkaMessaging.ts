import { connect as connectTcp, isIP } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Kafka, logLevel, type Admin, type ISocketFactory, type KafkaConfig, type SASLOptions } from 'kafkajs';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import type { Consumer, ConsumerOptions, Messaging, Producer, Topic } from '../Messaging.js';
import { BusHealth } from './BusHealth.js';
import { KafkaConsumer } from './KafkaConsumer.js';
import { KafkaProducer } from './KafkaProducer.js';
import { isTransient } from './errors.js';
import { kafkajsTransport } from './kafkajsTransport.js';
import { calmRequestQueue } from './requestQueue.js';
import { untilAnswered } from './untilAnswered.js';
import { DEFAULT_FETCH_WAIT_MS, type KafkaOptions } from './options.js';

calmRequestQueue();

/** The bus on Kafka, through kafkajs. */
export class KafkaMessaging implements Messaging {
  readonly #kafka: Kafka;
  readonly #consuming: Kafka;
  readonly #options: KafkaOptions;
  readonly #log: Logger;
  readonly #health = new BusHealth();
  readonly #producers = new Set<KafkaProducer>();
  readonly #consumers = new Set<KafkaConsumer<never>>();
  readonly #ensured = new Map<string, Promise<void>>();
  #admin: Promise<Admin> | undefined;
  #closed = false;

  constructor(options: KafkaOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLogger;
    this.#kafka = new Kafka(clientConfig(options, this.#log, 3));
    this.#consuming = new Kafka(clientConfig(options, this.#log, CONSUMER_RETRIES));
  }

  ensureTopic<T>(topic: Topic<T>): Promise<void> {
    let ensured = this.#ensured.get(topic.name);
    if (!ensured) {
      ensured = this.#createTopic(topic);
      this.#ensured.set(topic.name, ensured);
      ensured.catch(() => this.#ensured.delete(topic.name));
    }
    return ensured;
  }

  async producer(): Promise<Producer> {
    const transport = await this.#untilAnswered('a producer', () => kafkajsTransport(this.#kafka));
    const producer = new KafkaProducer(transport, this.#options, this.#health);
    this.#producers.add(producer);
    return producer;
  }

  async consume<T>(options: ConsumerOptions<T>): Promise<Consumer> {
    await this.ensureTopic(options.topic);
    const admin = await this.#connectedAdmin();
    const consumer = new KafkaConsumer<T>(this.#consuming, admin, this.#options, options, this.#health, this.#log);
    this.#consumers.add(consumer as unknown as KafkaConsumer<never>);
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
    const admin = await this.#admin?.catch(() => undefined);
    this.#admin = undefined;
    await admin?.disconnect();
  }

  async #createTopic<T>(topic: Topic<T>): Promise<void> {
    const created = await this.#untilAnswered(`topic ${topic.name}`, async () => {
      const admin = await this.#connectedAdmin();
      return admin.createTopics({
        waitForLeaders: true,
        topics: [
          {
            topic: topic.name,
            numPartitions: 1,
            replicationFactor: this.#options.replicationFactor ?? 1,
            configEntries: Object.entries(topic.settings).map(([name, value]) => ({ name, value })),
          },
        ],
      });
    });
    if (created) this.#log.info(`made topic ${topic.name}`);
  }

  /** One connection for administration, kept; consumers ask it for offsets. */
  #connectedAdmin(): Promise<Admin> {
    this.#admin ??= (async () => {
      const admin = this.#kafka.admin();
      await this.#untilAnswered('administration', () => admin.connect());
      this.#health.answered();
      return admin;
    })();
    return this.#admin;
  }

  #untilAnswered<R>(what: string, attempt: () => Promise<R>): Promise<R> {
    return untilAnswered(
      { what, log: this.#log, isTransient, isClosed: () => this.#closed, failed: () => this.#health.failed() },
      attempt,
    );
  }
}

/**
 * How often a consumer looks for its brokers before it gives up and begins anew, some two minutes. A consumer that
 * outlasts a broker's restart is still the member that it was; one that begins anew has to wait for the end of its own
 * former session.
 */
const CONSUMER_RETRIES = 240;

function clientConfig(options: KafkaOptions, log: Logger, retries: number): KafkaConfig {
  return {
    clientId: options.clientId,
    brokers: [...options.brokers],
    ...(options.tls ? { ssl: options.tls } : {}),
    ...(options.sasl ? { sasl: options.sasl as SASLOptions } : {}),
    connectionTimeout: 5000,
    authenticationTimeout: 10_000,
    requestTimeout: 30_000 + (options.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS),
    retry: { initialRetryTime: 50, maxRetryTime: 500, multiplier: 2, retries },
    socketFactory: promptSockets,
    // What kafkajs calls an error is, most of the time, an attempt that it repeats: we say ourselves what matters.
    logLevel: log.debugEnabled ? logLevel.INFO : logLevel.NOTHING,
    logCreator: () => (entry) => {
      const { message, timestamp: _timestamp, logger: _logger, ...fields } = entry.log;
      log.debug(`kafkajs: ${message}`, fields);
    },
  };
}

/** Sockets that send each request at once: kafkajs leaves Nagle's algorithm on. */
const promptSockets: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
    : connectTcp({ host, port }, onConnect);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  return socket;
};
