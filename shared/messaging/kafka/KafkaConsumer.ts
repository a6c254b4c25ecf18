import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Consumer as Client, EachBatchPayload, Kafka } from 'kafkajs';
import type { Logger } from '../../logging/Logger.js';
import type { Consumer, ConsumerOptions } from '../Messaging.js';
import type { BusHealth } from './BusHealth.js';
import { Handover, type PartitionOffset, type Place } from './Handover.js';
import { DEFAULT_FETCH_WAIT_MS, DEFAULT_SESSION_TIMEOUT_MS, type KafkaOptions } from './options.js';

/**
 * A member of a group that reads one topic.
 *
 * Back-pressure: a batch is handed over message by message as the handler has room, and nothing is fetched before the
 * whole batch is. The group's place is committed past messages that are handled, several times a second and on closing:
 * what a killed process had not handled goes to its successor.
 */
export class KafkaConsumer<T> implements Consumer {
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #kafkaOptions: KafkaOptions;
  readonly #options: ConsumerOptions<T>;
  readonly #health: BusHealth;
  readonly #log: Logger;
  readonly #handover: Handover<T>;
  #client: Client | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    kafka: Kafka,
    admin: Admin,
    kafkaOptions: KafkaOptions,
    options: ConsumerOptions<T>,
    health: BusHealth,
    log: Logger,
  ) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.#kafkaOptions = kafkaOptions;
    this.#options = options;
    this.#health = health;
    this.#log = log;
    this.#handover = new Handover(options, log, (offsets) => this.#commit(offsets));
  }

  /** Joins the group; resolves once this consumer's place in the topic is settled. */
  async start(): Promise<void> {
    for (let tries = 0; !this.#closing; tries++) {
      try {
        await this.#join();
        return;
      } catch (error) {
        await this.#discard();
        this.#health.failed();
        if (tries % 10 === 2) {
          this.#log.warn(`cannot join group ${this.#options.group} yet; trying again`, { error });
        }
        await sleep(Math.min(1000, 100 * 2 ** tries));
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #join(): Promise<void> {
    const { topic, group, from } = this.#options;
    const places = await this.#places();
    this.#handover.learn(places);
    const sessionTimeout = this.#kafkaOptions.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    const client = this.#kafka.consumer({
      groupId: group,
      sessionTimeout,
      heartbeatInterval: Math.floor(sessionTimeout / 4),
      rebalanceTimeout: Math.max(sessionTimeout, 10_000),
      maxWaitTimeInMs: this.#kafkaOptions.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS,
      minBytes: 1,
      maxBytesPerPartition: FETCH_BYTES,
      maxBytes: FETCH_BYTES,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      retry: {
        initialRetryTime: 50,
        maxRetryTime: 500,
        multiplier: 2,
        retries: 240,
        // Restarting is done here, where the places of the group are known.
        restartOnFailure: () => Promise.resolve(false),
      },
    });
    this.#client = client;
    client.on('consumer.fetch', () => this.#health.answered());
    client.on('consumer.heartbeat', () => this.#health.answered());
    let isMember = false;
    let crash: Error | undefined;
    const joined = new Promise<void>((resolve, reject) => {
      client.on('consumer.group_join', () => resolve());
      client.on('consumer.crash', ({ payload: { error } }) => {
        // Who is still joining tries again by itself: beginning anew here too would make two members of this one.
        if (isMember) this.#crashed(client, error);
        crash = error;
        reject(error);
      });
    });
    // It is awaited below; until then a crash must not count as unhandled.
    joined.catch(() => undefined);
    await client.connect();
    await client.subscribe({ topic: topic.name, fromBeginning: from !== 'latest' });
    await client.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (batch) => this.#take(batch) });
    await joined;
    for (const { partition, committed, end } of places) {
      // Kafka would look up the end only with the first fetch: what is sent until then would be missed.
      if (from === 'latest' && committed === undefined) {
        client.seek({ topic: topic.name, partition, offset: String(end) });
      }
    }
    if (crash) throw crash;
    isMember = true;
  }

  async #places(): Promise<Place[]> {
    const { topic, group } = this.#options;
    const ends = await this.#admin.fetchTopicOffsets(topic.name);
    const [offsets] = await this.#admin.fetchOffsets({ groupId: group, topics: [topic.name] });
    const committed = new Map(offsets?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    return ends.map(({ partition, high }) => {
      const offset = committed.get(partition) ?? -1;
      return { partition, committed: offset < 0 ? undefined : offset, end: Number(high) };
    });
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const { slots } = this.#handover;
    for (const { offset, value, timestamp } of batch.messages) {
      // Heartbeats keep the group's place while the handler is full.
      while (!slots.free && !this.#closing && payload.isRunning()) {
        if (!(await slots.wait(HEARTBEAT_MS))) await payload.heartbeat();
      }
      if (this.#closing || !payload.isRunning() || payload.isStale()) return;
      const { partition } = batch;
      this.#handover.hand({ partition, offset: Number(offset), value, timestamp: Number(timestamp) });
    }
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    if (!this.#client) throw new Error('not joined');
    const topic = this.#options.topic.name;
    await this.#client.commitOffsets(
      offsets.map(({ partition, offset }) => ({ topic, partition, offset: String(offset) })),
    );
  }

  /** kafkajs gave up (Kafka was away for long, or something that it cannot mend): begin anew. */
  #crashed(client: Client, error: Error): void {
    if (this.#closing || client !== this.#client) return;
    this.#log.warn(`the consumer of ${this.#options.topic.name} stopped; starting it again`, { error });
    this.#health.failed();
    void this.#discard().then(() => this.start());
  }

  async #discard(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    const disconnected = client.disconnect().catch(() => undefined);
    // While Kafka is away kafkajs does not stop looking for it.
    await Promise.race([disconnected, sleep(DISCONNECT_MS, undefined, { ref: false })]);
  }

  async #close(): Promise<void> {
    const client = this.#client;
    try {
      client?.pause([{ topic: this.#options.topic.name }]);
    } catch {
      // It has not joined yet.
    }
    await this.#handover.finish();
    await this.#discard();
  }
}

const HEARTBEAT_MS = 1000;
const DISCONNECT_MS = 5000;

/** Two of the largest messages, and thousands of small ones. */
const FETCH_BYTES = 2 * 1024 * 1024;
