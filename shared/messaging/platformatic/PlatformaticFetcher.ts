import type { BaseOptions, Consumer as Client, MessagesStream } from '@platformatic/kafka';
import type { Fetcher, PartitionOffset, Place, Sink, Subscription } from '../kafka/library.js';
import {
  DEFAULT_FETCH_WAIT_MS,
  DEFAULT_SESSION_TIMEOUT_MS,
  FETCH_BYTES,
  rebalanceTimeoutMs,
  type KafkaOptions,
} from '../kafka/options.js';
import { refuseDamaged } from './damagedBatches.js';
import { closeNow, expectTopics, withMissingBrokers, type Library } from './library.js';

/** A membership of the library: a stream that is read while the handler has room. */
export class PlatformaticFetcher implements Fetcher {
  readonly keepsPlace = false;
  readonly #client: Client;
  readonly #subscription: Subscription;
  readonly #sink: Sink;
  #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
  #closed: Promise<void> | undefined;

  constructor(library: Library, base: BaseOptions, options: KafkaOptions, subscription: Subscription, sink: Sink) {
    const { group } = subscription;
    const sessionTimeout = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    this.#subscription = subscription;
    this.#sink = sink;
    const client = new library.Consumer({
      ...base,
      groupId: group,
      // A static member takes over its former membership after a crash, without a wait for the end of the old session.
      ...(options.memberName === undefined ? {} : { groupInstanceId: `${options.memberName}-${group}` }),
      sessionTimeout,
      heartbeatInterval: Math.floor(sessionTimeout / 4),
      rebalanceTimeout: rebalanceTimeoutMs(sessionTimeout),
      autocommit: false,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      maxWaitTime: options.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS,
    });
    expectTopics(library, client);
    refuseDamaged(client);
    this.#client = withMissingBrokers(library, client);
  }

  async join(places: readonly Place[]): Promise<void> {
    const { topic, from } = this.#subscription;
    const client = this.#client;
    const sink = this.#sink;
    const fresh = from === 'latest' && places.every(({ committed }) => committed === undefined);
    client.on('consumer:heartbeat:end', () => sink.alive());
    client.on('consumer:group:join', ({ assignments = [] }) => {
      sink.assigned(assignments.filter((one) => one.topic === topic).flatMap(({ partitions }) => partitions));
    });
    // The library could not join the group again. Without a listener, this event would end the process.
    client.on('error', (error) => sink.lost(error));
    const stream = await client.consume({
      topics: [topic],
      ...(fresh
        ? {
            mode: 'manual',
            offsets: places.map(({ partition, end }) => ({ topic, partition, offset: BigInt(end) })),
          }
        : { mode: 'committed', fallbackMode: 'earliest' }),
    });
    if (this.#closed) {
      await closeNow(client);
      throw new Error('the membership was closed during its start');
    }
    this.#stream = stream;
    void this.#read(stream);
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const { topic } = this.#subscription;
    await this.#client.commit({
      offsets: offsets.map(({ partition, offset }) => ({ topic, partition, offset: BigInt(offset), leaderEpoch: -1 })),
    });
  }

  /** No effect: without room the stream is not read, and it buffers a bounded number of messages. */
  pause(): void {
    this.#stream?.pause();
  }

  close(): Promise<void> {
    this.#closed ??= closeNow(this.#client);
    return this.#closed;
  }

  async #read(stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>): Promise<void> {
    const sink = this.#sink;
    try {
      for await (const { partition, offset, value, timestamp } of stream) {
        const room = sink.room();
        if (!(room === true || (await room))) return;
        sink.hand({ partition, offset: Number(offset), value, timestamp: Number(timestamp) });
      }
      sink.lost(new Error('the stream ended'));
    } catch (error) {
      sink.lost(error);
    }
  }
}
