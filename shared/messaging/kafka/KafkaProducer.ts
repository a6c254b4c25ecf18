import { setTimeout as sleep } from 'node:timers/promises';
import {
  BusUnavailableError,
  MessageTooLargeError,
  type Producer,
  type SendOptions,
  type Topic,
} from '../Messaging.js';
import { Pace } from '../../process/Pace.js';
import type { BusHealth } from './BusHealth.js';
import { Outbox, type Outgoing } from './Outbox.js';
import {
  DEFAULT_DELIVERY_TIMEOUT_MS,
  DEFAULT_MAX_MESSAGE_BYTES,
  RECORD_OVERHEAD_BYTES,
  type KafkaOptions,
} from './options.js';

/** What a client library does for a producer: one attempt at a time, acknowledged by the partition's leader. */
export interface Transport {
  send(topic: string, messages: Outgoing[]): Promise<void>;
  isTransient(error: unknown): boolean;
  isTooLarge(error: unknown): boolean;
  close(): Promise<void>;
}

/** Sends each message at once, unless it has patience or comes in a rush; while Kafka is away it tries for a while. */
export class KafkaProducer implements Producer {
  readonly #transport: Transport;
  readonly #health: BusHealth;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #deliveryTimeoutMs: number;
  #outstandingBytes = 0;
  #closed = false;

  constructor(transport: Transport, options: KafkaOptions, health: BusHealth) {
    this.#transport = transport;
    this.#health = health;
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? DEFAULT_DELIVERY_TIMEOUT_MS;
  }

  async send<T>(topic: Topic<T>, message: T, { patienceMs = 0 }: SendOptions = {}): Promise<void> {
    if (this.#closed) throw new Error('the producer is closed');
    const value = Buffer.from(topic.encode(message));
    const limit = Number(topic.settings['max.message.bytes'] ?? DEFAULT_MAX_MESSAGE_BYTES);
    if (value.length + RECORD_OVERHEAD_BYTES > limit) throw new MessageTooLargeError(topic.name, value.length, limit);
    if (this.#outstandingBytes > MAX_OUTSTANDING_BYTES) {
      throw new BusUnavailableError('Kafka is away and too much waits to be sent');
    }
    this.#outstandingBytes += value.length;
    try {
      await this.#outbox(topic.name, limit).add({ key: topic.key?.(message) ?? null, value }, patienceMs);
    } catch (error) {
      if (this.#transport.isTooLarge(error)) throw new MessageTooLargeError(topic.name, value.length, limit);
      throw error;
    } finally {
      this.#outstandingBytes -= value.length;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.idle()));
    await this.#transport.close();
  }

  #outbox(topic: string, maxBytes: number): Outbox {
    let outbox = this.#outboxes.get(topic);
    if (!outbox) {
      outbox = new Outbox(maxBytes, (messages) => this.#transmit(topic, messages), new Pace(PACE));
      this.#outboxes.set(topic, outbox);
    }
    return outbox;
  }

  async #transmit(topic: string, messages: Outgoing[]): Promise<void> {
    const began = Date.now();
    for (;;) {
      try {
        await this.#transport.send(topic, messages);
        this.#health.answered();
        return;
      } catch (error) {
        const transient = this.#transport.isTransient(error);
        if (transient) this.#health.failed();
        if (!transient) throw error;
        if (this.#closed || Date.now() - began > this.#deliveryTimeoutMs) {
          throw new BusUnavailableError(`Kafka did not take messages for ${topic}`, { cause: error });
        }
        await sleep(RETRY_MS);
      }
    }
  }
}

const RETRY_MS = 100;

/** In a rush a topic's requests take turns with pauses as long as they: docs/decisions/0005. */
const PACE = { factor: 2, maxMs: 10 };

/** What may wait for an answer of Kafka at a time, so that memory stays bounded while it is away. */
const MAX_OUTSTANDING_BYTES = 128 * 1024 * 1024;
