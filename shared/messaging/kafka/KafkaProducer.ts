import {
  BusFullError,
  BusUnavailableError,
  MessageTooLargeError,
  type Producer,
  type SendOptions,
  type Topic,
} from '../Messaging.js';
import { Pacer } from '../../process/Pacer.js';
import { within } from '../../process/within.js';
import type { BusHealth } from './BusHealth.js';
import { causeAndRights } from './causes.js';
import type { Failure } from './library.js';
import { Outbox } from './Outbox.js';
import {
  DEFAULT_DELIVERY_TIMEOUT_MS,
  DEFAULT_MAX_MESSAGE_BYTES,
  LEAST_DELIVERY_MS,
  PACING,
  RECORD_OVERHEAD_BYTES,
} from './options.js';
import { TopicSender, type Transports } from './Transports.js';

export interface KafkaProducerParts {
  readonly transports: Transports;
  readonly classify: (error: unknown) => Failure;
  readonly health: BusHealth;
  readonly deliveryTimeoutMs?: number | undefined;
  /** What a message has of it at least, in ms. Missing: `LEAST_DELIVERY_MS`. */
  readonly leastDeliveryMs?: number | undefined;
  /** The topic's limit on messages in bytes, from the brokers; undefined if it is unknown. */
  readonly maxMessageBytes: (topic: string) => Promise<number | undefined>;
}

/**
 * Sends each message at once, unless it has patience or the load is high. Retries for a while during outages of Kafka.
 */
export class KafkaProducer implements Producer {
  readonly #parts: KafkaProducerParts;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #deliveryTimeoutMs: number;
  #outstandingBytes = 0;
  #closed = false;

  constructor(parts: KafkaProducerParts) {
    this.#parts = parts;
    this.#deliveryTimeoutMs = parts.deliveryTimeoutMs ?? DEFAULT_DELIVERY_TIMEOUT_MS;
  }

  async send<T>(topic: Topic<T>, message: T, options: SendOptions = {}): Promise<void> {
    const { patienceMs, lasting = false, usedMs = 0 } = options;
    if (this.#closed) throw new Error('the producer is closed');
    const value = Buffer.from(topic.encode(message));
    const limit = Number(topic.settings['max.message.bytes'] ?? DEFAULT_MAX_MESSAGE_BYTES);
    if (value.length + RECORD_OVERHEAD_BYTES > limit) throw new MessageTooLargeError(topic.name, value.length, limit);
    const room = MAX_OUTSTANDING_BYTES + (value.length <= SMALL_BYTES ? RESERVED_BYTES : 0);
    if (this.#outstandingBytes + value.length > room) {
      throw new BusFullError(`${Math.round(this.#outstandingBytes / 1024 / 1024)} MB already wait for Kafka`);
    }
    this.#outstandingBytes += value.length;
    const outbox = this.#outbox(topic.name, limit);
    try {
      const limitMs = lasting ? Number.POSITIVE_INFINITY : this.#limitAfter(usedMs);
      await outbox.add({ key: topic.key?.(message) ?? null, value }, { patienceMs, limitMs });
    } catch (error) {
      throw await this.#explained(error, topic.name, value.length, limit, outbox);
    } finally {
      this.#outstandingBytes -= value.length;
    }
  }

  /** What is left of the time limit, in ms. */
  #limitAfter(usedMs: number): number {
    const limitMs = this.#deliveryTimeoutMs;
    // A clock that was set back makes it negative.
    return Math.min(limitMs, Math.max(limitMs - usedMs, this.#parts.leastDeliveryMs ?? LEAST_DELIVERY_MS));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.idle(LAST_SENDS_MS)));
    // A library waits for the answers to its requests.
    await within(this.#parts.transports.close(), CLOSE_MS, () => undefined);
  }

  #outbox(topic: string, maxBytes: number): Outbox {
    let outbox = this.#outboxes.get(topic);
    if (!outbox) {
      const { transports, classify, health } = this.#parts;
      const sender = new TopicSender(topic, transports, classify);
      outbox = new Outbox({
        maxBytes,
        classify,
        transmit: async (messages) => {
          const send = health.sending();
          try {
            await sender.send(messages);
            health.sent(send);
          } finally {
            health.unsent(send);
          }
        },
        onFailure: (error) => health.failed(error),
        pacer: new Pacer(PACING),
      });
      this.#outboxes.set(topic, outbox);
    }
    return outbox;
  }

  /** Converts an error to an error of the bus. */
  async #explained(error: unknown, topic: string, bytes: number, limit: number, outbox: Outbox): Promise<Error> {
    if (error instanceof BusUnavailableError) return error;
    const failure = this.#parts.classify(error);
    if (failure === 'tooLarge') {
      // The topic may have been created elsewhere with another limit.
      const actual = (await this.#limitOf(topic)) ?? limit;
      outbox.shrink(actual);
      return new MessageTooLargeError(topic, bytes, actual);
    }
    const what = failure === 'refused' ? 'refuses' : 'did not take';
    const cause = causeAndRights(error, `WRITE on the topic ${topic}`);
    return new BusUnavailableError(`Kafka ${what} a message for ${topic}: ${cause}`, { cause: error });
  }

  async #limitOf(topic: string): Promise<number | undefined> {
    try {
      return await this.#parts.maxMessageBytes(topic);
    } catch {
      return undefined; // Without the right to read it, the refusal alone counts.
    }
  }
}

const MB = 1024 * 1024;

/** The most bytes of unacknowledged messages, so that memory stays bounded during an outage. */
export const MAX_OUTSTANDING_BYTES = 128 * MB;

/** Beyond the bound, messages up to this size are still accepted, such as an acknowledgement without its result. */
export const SMALL_BYTES = 4096;
const RESERVED_BYTES = 16 * MB;

/** The longest wait for the last messages at the close, in ms. */
const LAST_SENDS_MS = 5000;
/** The longest wait for its connections then, in ms. */
const CLOSE_MS = 5000;
