import { setTimeout as sleep } from 'node:timers/promises';
import { CompressionTypes, Partitioners, type Kafka, type Producer as Client } from 'kafkajs';
import { MessageTooLargeError, type Producer, type Topic } from '../Messaging.js';
import { Outbox, type Outgoing } from './Outbox.js';
import type { BusHealth } from './BusHealth.js';
import { isTooLarge, isTransient } from './errors.js';
import {
  DEFAULT_DELIVERY_TIMEOUT_MS,
  DEFAULT_MAX_MESSAGE_BYTES,
  RECORD_OVERHEAD_BYTES,
  type KafkaOptions,
} from './options.js';

/** Sends each message at once, acknowledged by the partition's leader; while Kafka is away it tries for a while. */
export class KafkaProducer implements Producer {
  readonly #client: Client;
  readonly #health: BusHealth;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #deliveryTimeoutMs: number;
  #outstandingBytes = 0;
  #closed = false;

  constructor(kafka: Kafka, options: KafkaOptions, health: BusHealth) {
    this.#health = health;
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? DEFAULT_DELIVERY_TIMEOUT_MS;
    this.#client = kafka.producer({
      createPartitioner: Partitioners.DefaultPartitioner,
      allowAutoTopicCreation: false,
      metadataMaxAge: 60_000,
      // Trying again is done here: kafkajs takes a refused connection for final after a few rounds of its own.
      retry: { initialRetryTime: 50, maxRetryTime: 200, retries: 2 },
    });
  }

  connect(): Promise<void> {
    return this.#client.connect();
  }

  async send<T>(topic: Topic<T>, message: T): Promise<void> {
    if (this.#closed) throw new Error('the producer is closed');
    const value = Buffer.from(topic.encode(message));
    const limit = Number(topic.settings['max.message.bytes'] ?? DEFAULT_MAX_MESSAGE_BYTES);
    if (value.length + RECORD_OVERHEAD_BYTES > limit) throw new MessageTooLargeError(topic.name, value.length, limit);
    if (this.#outstandingBytes > MAX_OUTSTANDING_BYTES) throw new Error('Kafka is away and too much waits to be sent');
    this.#outstandingBytes += value.length;
    try {
      await this.#outbox(topic.name, limit).add({ key: topic.key?.(message) ?? null, value });
    } catch (error) {
      if (isTooLarge(error)) throw new MessageTooLargeError(topic.name, value.length, limit);
      this.#health.failed();
      throw error;
    } finally {
      this.#outstandingBytes -= value.length;
    }
  }

  #outbox(topic: string, maxBytes: number): Outbox {
    let outbox = this.#outboxes.get(topic);
    if (!outbox) {
      outbox = new Outbox(maxBytes, (messages) => this.#transmit(topic, messages));
      this.#outboxes.set(topic, outbox);
    }
    return outbox;
  }

  async #transmit(topic: string, messages: Outgoing[]): Promise<void> {
    const began = Date.now();
    for (;;) {
      try {
        await this.#client.send({ topic, acks: 1, compression: CompressionTypes.None, messages });
        this.#health.answered();
        return;
      } catch (error) {
        if (!isTransient(error) || Date.now() - began > this.#deliveryTimeoutMs || this.#closed) throw error;
        this.#health.failed();
        await sleep(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#client.disconnect();
  }
}

const RETRY_MS = 100;

/** What may wait for an answer of Kafka at a time, so that memory stays bounded while it is away. */
const MAX_OUTSTANDING_BYTES = 128 * 1024 * 1024;
