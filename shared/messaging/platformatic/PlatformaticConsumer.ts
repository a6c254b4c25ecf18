import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseOptions, Consumer as Client, MessagesStream } from '@platformatic/kafka';
import type { Logger } from '../../logging/Logger.js';
import type { BusHealth } from '../kafka/BusHealth.js';
import { Handover, type PartitionOffset, type Place } from '../kafka/Handover.js';
import { DEFAULT_FETCH_WAIT_MS, DEFAULT_SESSION_TIMEOUT_MS, type KafkaOptions } from '../kafka/options.js';
import type { Consumer, ConsumerOptions } from '../Messaging.js';
import type { Library } from './PlatformaticMessaging.js';

export interface ConsumerParts<T> {
  readonly library: Library;
  readonly client: BaseOptions;
  readonly kafka: KafkaOptions;
  readonly options: ConsumerOptions<T>;
  readonly health: BusHealth;
  readonly log: Logger;
}

/** A member of a group that reads one topic: a stream that is read as fast as the handler has room. */
export class PlatformaticConsumer<T> implements Consumer {
  readonly #parts: ConsumerParts<T>;
  readonly #handover: Handover<T>;
  #client: Client | undefined;
  #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined;
  #reading: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: ConsumerParts<T>) {
    this.#parts = parts;
    this.#handover = new Handover(parts.options, parts.log, (offsets) => this.#commit(offsets));
  }

  /** Joins the group; resolves once this consumer's place in the topic is settled. */
  async start(): Promise<void> {
    const { options, health, log } = this.#parts;
    for (let tries = 0; !this.#closing; tries++) {
      try {
        await this.#join();
        health.answered();
        return;
      } catch (error) {
        await this.#discard();
        health.failed();
        if (tries % 10 === 2) log.warn(`cannot join group ${options.group} yet; trying again`, { error });
        await sleep(Math.min(1000, 100 * 2 ** tries));
      }
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #join(): Promise<void> {
    const { library, client: base, kafka, options } = this.#parts;
    const { topic, group, from } = options;
    const sessionTimeout = kafka.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS;
    const client = new library.Consumer({
      ...base,
      groupId: group,
      // A static member that comes back after a crash takes its place at once, without waiting for the old session's end.
      ...(kafka.memberName === undefined ? {} : { groupInstanceId: `${kafka.memberName}-${group}` }),
      sessionTimeout,
      heartbeatInterval: Math.floor(sessionTimeout / 4),
      rebalanceTimeout: Math.max(sessionTimeout, 10_000),
      autocommit: false,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      maxWaitTime: kafka.fetchWaitMs ?? DEFAULT_FETCH_WAIT_MS,
    });
    this.#client = client;
    const places = await this.#places(client);
    this.#handover.learn(places);
    const fresh = from === 'latest' && places.every(({ committed }) => committed === undefined);
    const stream = await client.consume({
      topics: [topic.name],
      ...(fresh
        ? {
            mode: 'manual',
            offsets: places.map(({ partition, end }) => ({ topic: topic.name, partition, offset: BigInt(end) })),
          }
        : { mode: 'committed', fallbackMode: 'earliest' }),
    });
    this.#stream = stream;
    client.on('consumer:heartbeat:end', () => this.#parts.health.answered());
    this.#reading = this.#read(client, stream);
  }

  async #places(client: Client): Promise<Place[]> {
    const { topic } = this.#parts.options;
    const ends = (await client.listOffsets({ topics: [topic.name] })).get(topic.name) ?? [];
    const partitions = ends.map((_, partition) => partition);
    const committed = await client.listCommittedOffsets({ topics: [{ topic: topic.name, partitions }] });
    const places = committed.get(topic.name) ?? [];
    return ends.map((end, partition) => {
      const offset = Number(places[partition] ?? -1n);
      return { partition, committed: offset < 0 ? undefined : offset, end: Number(end) };
    });
  }

  async #read(
    client: Client,
    stream: AsyncIterable<{ partition: number; offset: bigint; value: Buffer; timestamp: bigint }>,
  ): Promise<void> {
    const { slots } = this.#handover;
    let failure: unknown = new Error('the stream ended');
    try {
      for await (const { partition, offset, value, timestamp } of stream) {
        while (!slots.free && !this.#closing) await slots.wait(WAIT_MS);
        if (this.#closing) return;
        this.#handover.hand({ partition, offset: Number(offset), value, timestamp: Number(timestamp) });
      }
    } catch (error) {
      failure = error;
    }
    if (this.#closing || client !== this.#client) return;
    const { options, health, log } = this.#parts;
    log.warn(`the consumer of ${options.topic.name} stopped; starting it again`, { error: failure });
    health.failed();
    await this.#discard();
    void this.start();
  }

  async #commit(offsets: readonly PartitionOffset[]): Promise<void> {
    if (!this.#client) throw new Error('not joined');
    const topic = this.#parts.options.topic.name;
    await this.#client.commit({
      offsets: offsets.map(({ partition, offset }) => ({ topic, partition, offset: BigInt(offset), leaderEpoch: -1 })),
    });
  }

  async #discard(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#stream = undefined;
    if (client) await new Promise<void>((resolve) => client.close(true, () => resolve()));
  }

  async #close(): Promise<void> {
    await this.#handover.finish();
    await this.#stream?.close().catch(() => undefined);
    await this.#reading;
    await this.#discard();
  }
}

const WAIT_MS = 1000;

/** Two of the largest messages, and thousands of small ones. */
const FETCH_BYTES = 2 * 1024 * 1024;
