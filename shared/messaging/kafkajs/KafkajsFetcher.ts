import {
  PartitionAssigners,
  type Consumer as Client,
  type EachBatchPayload,
  type Kafka,
  type PartitionAssigner,
} from 'kafkajs';
import { within } from '../../process/within.js';
import type { Fetcher, PartitionOffset, Place, Sink, Subscription } from '../kafka/library.js';
import {
  DEFAULT_FETCH_WAIT_MS,
  DEFAULT_SESSION_TIMEOUT_MS,
  FETCH_BYTES,
  rebalanceTimeoutMs,
  type KafkaOptions,
} from '../kafka/options.js';
import { coordinatorOf, type Coordinator } from './Coordinator.js';

/** A membership of kafkajs, which calls back with each fetched batch. */
export class KafkajsFetcher implements Fetcher {
  readonly #client: Client;
  readonly #subscription: Subscription;
  readonly #sink: Sink;
  /**
   * The next offset of each partition without a committed offset, if the group begins with the latest messages. kafkajs would
   * begin at the end after each join, and miss earlier messages. From the first join on, these are partitions of this member:
   * another member may commit a later offset than is known here.
   */
  readonly #uncommitted = new Map<number, number>();
  /** The last offset of each partition that the coordinator has accepted. */
  readonly #accepted = new Map<number, number>();
  /** Undefined with another version of kafkajs. */
  #coordinator: Coordinator | undefined;
  #closed: Promise<void> | undefined;
  #keepsPlace = false;

  constructor(kafka: Kafka, options: KafkaOptions, subscription: Subscription, sink: Sink) {
    this.#subscription = subscription;
    this.#sink = sink;
    const sessionTimeout = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    const heartbeatInterval = Math.floor(sessionTimeout / 4);
    // kafkajs gives its cluster to the assigner only.
    const assigner: PartitionAssigner = (config) => {
      const { group, member: instance } = subscription;
      const patienceMs = Math.floor((sessionTimeout * 2) / 3);
      this.#coordinator = coordinatorOf({
        cluster: config.cluster,
        group,
        instance,
        heartbeatMs: heartbeatInterval,
        patienceMs,
        onAlive: () => sink.alive(),
        onRejoined: (ms, cause) => sink.rejoined(ms, cause),
      });
      return PartitionAssigners.roundRobin(config);
    };
    this.#client = kafka.consumer({
      groupId: subscription.group,
      partitionAssigners: [assigner],
      sessionTimeout,
      heartbeatInterval,
      rebalanceTimeout: rebalanceTimeoutMs(sessionTimeout),
      maxWaitTimeInMs: options.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS,
      minBytes: 1,
      maxBytesPerPartition: FETCH_BYTES,
      maxBytes: FETCH_BYTES,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      // Let kafkajs retry for minutes: a membership that survives a broker's restart need not wait for the end of its
      // own session. Only `GroupConsumer` starts again, since it knows the group's positions.
      retry: {
        initialRetryTime: 50,
        maxRetryTime: 500,
        multiplier: 2,
        retries: 240,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
  }

  get keepsPlace(): boolean {
    return this.#keepsPlace;
  }

  async join(places: readonly Place[]): Promise<void> {
    const { topic, from } = this.#subscription;
    const client = this.#client;
    const sink = this.#sink;
    for (const { partition, committed, end } of places) {
      if (from === 'latest' && committed === undefined) this.#uncommitted.set(partition, end);
    }
    // kafkajs also tells a fetch that it did not send, or whose connection was closed.
    client.on('consumer.network.request', ({ payload: { apiName } }) => {
      sink.responded();
      if (apiName === 'Fetch') sink.fetched();
    });
    client.on('consumer.commit_offsets', ({ payload: { topics } }) => {
      for (const { partition, offset } of topics.flatMap(({ partitions }) => partitions)) {
        this.#accepted.set(partition, Number(offset));
        this.#uncommitted.delete(partition);
      }
    });
    // The coordinator itself tells its heartbeats: those of kafkajs are then no requests.
    if (!this.#coordinator) client.on('consumer.heartbeat', () => sink.alive());
    const joined = new Promise<void>((resolve, reject) => {
      const fail = (error: unknown): void => {
        sink.lost(error);
        reject(error);
      };
      client.on('consumer.group_join', ({ payload: { memberAssignment } }) => {
        const assigned = memberAssignment[topic] ?? [];
        sink.assigned(assigned);
        try {
          this.#seek(assigned);
        } catch (error) {
          // A closed consumer of kafkajs may still complete its join, but has no positions any more.
          if (!this.#closed) return fail(error);
        }
        sink.fetched();
        sink.alive();
        resolve();
      });
      client.on('consumer.crash', ({ payload: { error } }) => fail(error));
    });
    // The promise is awaited below. Until then a rejection must not count as unhandled.
    joined.catch(() => undefined);
    await client.connect();
    await this.#endIfClosed();
    await client.subscribe({ topic, fromBeginning: from !== 'latest' });
    await client.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (batch) => this.#take(batch) });
    await this.#endIfClosed();
    await joined;
    await this.#endIfClosed();
  }

  /** kafkajs forgets its positions at each join, and tells the join before the next fetch. */
  #seek(assigned: readonly number[]): void {
    const { topic } = this.#subscription;
    for (const [partition, offset] of this.#uncommitted) {
      if (assigned.includes(partition)) this.#client.seek({ topic, partition, offset: String(offset) });
      else this.#uncommitted.delete(partition);
    }
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { topic } = this.#subscription;
    await this.#client.commitOffsets(
      offsets.map(({ partition, offset }) => ({ topic, partition, offset: String(offset) })),
    );
    // Once its runner has stopped, kafkajs does nothing and reports no error. It stops some time before it tells its crash.
    if (offsets.every(({ partition, offset }) => this.#accepted.get(partition) === offset)) return;
    throw new Error('kafkajs did not send the commit, since it had stopped');
  }

  pause(): void {
    try {
      this.#client.pause([{ topic: this.#subscription.topic }]);
    } catch {
      // It has not joined yet.
    }
  }

  close(rejoins = false): Promise<void> {
    if (this.#closed && this.#keepsPlace && !rejoins) {
      this.#keepsPlace = false;
      this.#closed = this.#leave();
    }
    this.#closed ??= rejoins && this.#coordinator?.isStatic === true ? this.#giveUp() : this.#leave();
    return this.#closed;
  }

  /** Does not leave: the next membership takes this one's place in the group at once, without a rebalance. */
  #giveUp(): Promise<void> {
    this.#keepsPlace = true;
    this.#coordinator?.giveUp();
    void this.#disconnect();
    return Promise.resolve();
  }

  async #leave(): Promise<void> {
    const coordinator = this.#coordinator;
    if (coordinator) await within(coordinator.endJoins(), JOINED_MS, () => undefined);
    await this.#disconnect();
    if (!coordinator?.isMember) return coordinator?.giveUp();
    // kafkajs leaves only while it runs. For this request it connects again.
    const left = coordinator.leave().then(() => this.#disconnect());
    await within(left, JOINED_MS, () => undefined);
  }

  /** Disconnects again if closed: kafkajs may complete a pending join after `disconnect` and keep the membership. */
  async #endIfClosed(): Promise<void> {
    if (!this.#closed) return;
    await this.#disconnect();
    throw new Error('the membership was closed during its start');
  }

  /**
   * Disconnects with a time limit, since kafkajs retries during an outage. Its resources are released after its
   * retries.
   */
  async #disconnect(): Promise<void> {
    const disconnected = this.#client.disconnect().catch(() => undefined);
    await within(disconnected, DISCONNECT_MS, () => undefined);
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const sink = this.#sink;
    // Send heartbeats to keep the membership while the handler has no room.
    const keepAlive = (): Promise<void> => payload.heartbeat();
    for (const { offset, value, timestamp } of batch.messages) {
      const room = sink.room(keepAlive);
      if (!(room === true || (await room)) || !payload.isRunning() || payload.isStale()) return;
      const next = Number(offset) + 1;
      if (this.#uncommitted.has(batch.partition)) this.#uncommitted.set(batch.partition, next);
      sink.hand({ partition: batch.partition, offset: next - 1, value, timestamp: Number(timestamp) });
    }
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
  }
}

const DISCONNECT_MS = 5000;

/** The limit for the answer to a last join, and to a last leave. */
const JOINED_MS = 4000;
