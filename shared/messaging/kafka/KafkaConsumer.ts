import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Consumer as Client, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { Logger } from '../../logging/Logger.js';
import type { Consumer, ConsumerOptions } from '../Messaging.js';
import type { BusHealth } from './BusHealth.js';
import { OffsetTracker } from './OffsetTracker.js';
import { DEFAULT_FETCH_WAIT_MS, DEFAULT_SESSION_TIMEOUT_MS, type KafkaOptions } from './options.js';
import { Slots } from './Slots.js';

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
  readonly #slots: Slots;
  readonly #partitions = new Map<number, Partition>();
  #client: Client | undefined;
  #commitTimer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
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
    this.#slots = new Slots(options.maxInFlight);
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
        if (tries % 10 === 0) {
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
        maxRetryTime: 1000,
        multiplier: 2,
        retries: 20,
        // Restarting is done here, where the places of the group are known.
        restartOnFailure: () => Promise.resolve(false),
      },
    });
    this.#client = client;
    client.on('consumer.fetch', () => this.#health.answered());
    client.on('consumer.heartbeat', () => this.#health.answered());
    const joined = new Promise<void>((resolve, reject) => {
      client.on('consumer.group_join', () => resolve());
      client.on('consumer.crash', ({ payload: { error } }) => {
        reject(error);
        this.#crashed(client, error);
      });
    });
    // It is awaited below; until then a crash must not count as unhandled.
    joined.catch(() => undefined);
    await client.connect();
    await client.subscribe({ topic: topic.name, fromBeginning: from !== 'latest' });
    await client.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (batch) => this.#take(batch) });
    await joined;
    for (const [partition, { committed, end }] of places) {
      // Kafka would look up the end only with the first fetch: what is sent until then would be missed.
      if (from === 'latest' && committed === undefined) {
        client.seek({ topic: topic.name, partition, offset: String(end) });
      }
    }
  }

  /** Learns for each partition where the group stopped and where the topic ends. */
  async #places(): Promise<Map<number, { committed: number | undefined; end: number }>> {
    const { topic, group } = this.#options;
    const ends = await this.#admin.fetchTopicOffsets(topic.name);
    const [offsets] = await this.#admin.fetchOffsets({ groupId: group, topics: [topic.name] });
    const committed = new Map(offsets?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    return new Map(
      ends.map(({ partition, high }) => {
        const end = Number(high);
        const offset = committed.get(partition);
        const place = offset === undefined || offset < 0 ? undefined : offset;
        const known = this.#partitions.get(partition);
        if (known) known.tracker.endsAt(end);
        else
          this.#partitions.set(partition, { tracker: new OffsetTracker(), backlogEnd: place === undefined ? 0 : end });
        return [partition, { committed: place, end }];
      }),
    );
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const partition = this.#partition(batch.partition);
    for (const message of batch.messages) {
      // Heartbeats keep the group's place while the handler is full.
      while (!this.#slots.free && !this.#closing && payload.isRunning()) {
        if (!(await this.#slots.wait(HEARTBEAT_MS))) await payload.heartbeat();
      }
      if (this.#closing || !payload.isRunning() || payload.isStale()) return;
      this.#hand(partition, message);
    }
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
  }

  #hand({ tracker, backlogEnd }: Partition, message: KafkaMessage): void {
    const offset = Number(message.offset);
    const handed = tracker.hand(offset);
    if (!handed) return;
    this.#scheduleCommit();
    let handled: Promise<void> | void;
    try {
      const content = this.#options.topic.decode(message.value?.toString() ?? '');
      const delivery = { sentAt: Number(message.timestamp), redelivered: offset < backlogEnd };
      handled = this.#options.handle(content, delivery);
    } catch (error) {
      handled = undefined;
      this.#failed(offset, error);
    }
    if (!(handled instanceof Promise)) {
      handed.handled = true;
      return;
    }
    this.#slots.take();
    const settle = (): void => {
      handed.handled = true;
      this.#slots.release();
      this.#scheduleCommit();
    };
    handled.then(settle, (error: unknown) => {
      this.#failed(offset, error);
      settle();
    });
  }

  #failed(offset: number, error: unknown): void {
    this.#log.error(`message ${offset} of topic ${this.#options.topic.name} could not be handled`, { error });
  }

  #partition(number: number): Partition {
    let partition = this.#partitions.get(number);
    if (!partition) {
      partition = { tracker: new OffsetTracker(), backlogEnd: 0 };
      this.#partitions.set(number, partition);
    }
    return partition;
  }

  #scheduleCommit(): void {
    this.#commitTimer ??= setTimeout(() => {
      this.#commitTimer = undefined;
      void this.#commit();
    }, COMMIT_MS);
  }

  /** Commits what is handled. A failure is tried again with the next commit. */
  #commit(): Promise<void> {
    this.#committing ??= this.#commitNow().finally(() => (this.#committing = undefined));
    return this.#committing;
  }

  async #commitNow(): Promise<void> {
    const topic = this.#options.topic.name;
    const offsets = [...this.#partitions].flatMap(([partition, { tracker }]) => {
      const offset = tracker.committable();
      return offset === undefined ? [] : [{ topic, partition, offset: String(offset) }];
    });
    if (offsets.length === 0 || !this.#client) return;
    try {
      await this.#client.commitOffsets(offsets);
      for (const { partition, offset } of offsets) this.#partition(partition).tracker.committed(Number(offset));
    } catch (error) {
      if (!this.#closing) this.#scheduleCommit();
      this.#log.debug(`cannot commit group ${this.#options.group}`, { error });
    }
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
    await client?.disconnect().catch(() => undefined);
  }

  async #close(): Promise<void> {
    const client = this.#client;
    try {
      client?.pause([{ topic: this.#options.topic.name }]);
    } catch {
      // It has not joined yet.
    }
    await this.#slots.idle();
    clearTimeout(this.#commitTimer);
    await this.#committing;
    await Promise.race([this.#commit(), sleep(CLOSE_COMMIT_MS, undefined, { ref: false })]);
    clearTimeout(this.#commitTimer);
    await this.#discard();
  }
}

interface Partition {
  readonly tracker: OffsetTracker;
  /** Below it, messages may have been with an earlier process of the group. */
  readonly backlogEnd: number;
}

const COMMIT_MS = 200;
const CLOSE_COMMIT_MS = 5000;
const HEARTBEAT_MS = 1000;

/** Two of the largest messages, and thousands of small ones. */
const FETCH_BYTES = 2 * 1024 * 1024;
