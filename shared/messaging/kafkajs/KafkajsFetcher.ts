import type { Consumer as Client, EachBatchPayload, Kafka } from 'kafkajs';
import { within } from '../../process/within.js';
import type { Fetcher, PartitionOffset, Place, Sink, Subscription } from '../kafka/library.js';
import { DEFAULT_FETCH_WAIT_MS, DEFAULT_SESSION_TIMEOUT_MS, FETCH_BYTES, type KafkaOptions } from '../kafka/options.js';

/** One membership through kafkajs, which calls us with each batch that it has fetched. */
export class KafkajsFetcher implements Fetcher {
  readonly #client: Client;
  readonly #subscription: Subscription;
  readonly #sink: Sink;
  #closed: Promise<void> | undefined;

  constructor(kafka: Kafka, options: KafkaOptions, subscription: Subscription, sink: Sink) {
    this.#subscription = subscription;
    this.#sink = sink;
    const sessionTimeout = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    this.#client = kafka.consumer({
      groupId: subscription.group,
      sessionTimeout,
      heartbeatInterval: Math.floor(sessionTimeout / 4),
      rebalanceTimeout: Math.max(sessionTimeout, 10_000),
      maxWaitTimeInMs: options.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS,
      minBytes: 1,
      maxBytesPerPartition: FETCH_BYTES,
      maxBytes: FETCH_BYTES,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      // kafkajs looks for its brokers for minutes: a membership that outlasts a broker's restart need not wait for the end
      // of its own session. Beginning anew is `GroupConsumer`'s, which knows the places of the group.
      retry: {
        initialRetryTime: 50,
        maxRetryTime: 500,
        multiplier: 2,
        retries: 240,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
  }

  async join(places: readonly Place[]): Promise<void> {
    const { topic, from } = this.#subscription;
    const client = this.#client;
    const sink = this.#sink;
    client.on('consumer.fetch', () => sink.answered());
    client.on('consumer.heartbeat', () => sink.alive());
    const joined = new Promise<void>((resolve, reject) => {
      client.on('consumer.group_join', () => {
        sink.alive();
        resolve();
      });
      client.on('consumer.crash', ({ payload: { error } }) => {
        sink.lost(error);
        reject(error);
      });
    });
    // It is awaited below; until then a crash must not count as unhandled.
    joined.catch(() => undefined);
    await client.connect();
    await this.#endIfClosed();
    await client.subscribe({ topic, fromBeginning: from !== 'latest' });
    await client.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch: (batch) => this.#take(batch) });
    await this.#endIfClosed();
    await joined;
    await this.#endIfClosed();
    for (const { partition, committed, end } of places) {
      // Kafka would look up the end only with the first fetch: what is sent until then would be missed.
      if (from === 'latest' && committed === undefined) client.seek({ topic, partition, offset: String(end) });
    }
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { topic } = this.#subscription;
    await this.#client.commitOffsets(
      offsets.map(({ partition, offset }) => ({ topic, partition, offset: String(offset) })),
    );
  }

  pause(): void {
    try {
      this.#client.pause([{ topic: this.#subscription.topic }]);
    } catch {
      // It has not joined yet.
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#disconnect();
    return this.#closed;
  }

  /** kafkajs goes on with what it began before `disconnect`: it could join after that, and hold the group's place. */
  async #endIfClosed(): Promise<void> {
    if (!this.#closed) return;
    await this.#disconnect();
    throw new Error('the membership was closed while it began');
  }

  /** While Kafka is away kafkajs does not stop looking for it; what it holds then ends with its tries. */
  async #disconnect(): Promise<void> {
    const disconnected = this.#client.disconnect().catch(() => undefined);
    await within(disconnected, DISCONNECT_MS, () => undefined);
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const sink = this.#sink;
    // Heartbeats keep the membership while the handler is full.
    const keepAlive = (): Promise<void> => payload.heartbeat();
    for (const { offset, value, timestamp } of batch.messages) {
      const room = sink.room(keepAlive);
      if (!(room === true || (await room)) || !payload.isRunning() || payload.isStale()) return;
      sink.hand({ partition: batch.partition, offset: Number(offset), value, timestamp: Number(timestamp) });
    }
    payload.resolveOffset(batch.lastOffset());
    await payload.heartbeat();
  }
}

const DISCONNECT_MS = 5000;
