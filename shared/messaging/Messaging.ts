/**
 * The bus between controllers and invokers. Two implementations pass the same behavioural suite: queues inside the
 * process, without serialization, and Kafka.
 *
 * A topic is an ordered log. Each group gets every message; within a group each message goes to one consumer. A new
 * group reads from the beginning of the topic (`earliest`) unless it asks for `latest`.
 */
export interface Messaging {
  /** Creates a missing topic. Waits while the bus does not answer, and logs that. */
  ensureTopic<T>(topic: Topic<T>): Promise<void>;
  producer(): Promise<Producer>;
  /** Starts a consumer. Resolves once its position is settled: it gets every message that is sent from then on. */
  consume<T>(options: ConsumerOptions<T>): Promise<Consumer>;
  /** Whether the bus answers. */
  isHealthy(): boolean;
  /** The details of the bus's health, for metrics and for decisions based on missing messages. */
  health(): BusState;
  /** Closes all producers and consumers. */
  close(): Promise<void>;
}

export interface BusState {
  readonly up: boolean;
  /** The start of this state, in ms since the epoch. */
  readonly since: number;
  /** The time of the bus's last response, in ms since the epoch; undefined before the first one. */
  readonly answeredAt: number | undefined;
  /** The number of consumers that cannot read their next message, since it is damaged. Missing: the bus cannot tell. */
  readonly unreadable?: number | undefined;
}

/** A topic's name, its message codec and its settings at creation. */
export interface Topic<in out T> {
  readonly name: string;
  encode(message: T): string;
  /** @throws if the text is not a message of this topic. The consumer logs and skips it then. */
  decode(text: string): T;
  /** Broker settings such as `retention.ms`. */
  readonly settings: Readonly<Record<string, string>>;
  /** For a compacted topic: the key of a message. */
  key?(message: T): string;
}

export interface Producer {
  /**
   * Sends a message. Resolves once the bus has it (Kafka: by default all in-sync replicas).
   * @throws BusUnavailableError if the bus does not accept it in time, or if too many messages wait.
   * @throws MessageTooLargeError if the encoded message exceeds the topic's `max.message.bytes` (the embedded bus has
   * no limit).
   */
  send<T>(topic: Topic<T>, message: T, options?: SendOptions): Promise<void>;
  /**
   * Makes a `volatile` message durable. Resolves once it is durable or handled. Missing: all messages are durable.
   * @throws BusUnavailableError
   */
  keep?<T>(topic: Topic<T>, message: T): Promise<void>;
  /** Closes the producer. Earlier messages are still delivered. */
  close(): Promise<void>;
}

export interface SendOptions {
  /**
   * Whether the embedded bus may lose the message at the end of the process, until `keep` is called. For messages whose
   * id no client has got yet.
   */
  readonly volatile?: boolean | undefined;
  /**
   * The longest time in ms that the message may wait to share a request with later ones of its topic. The embedded bus
   * never waits. Default: 0.
   */
  readonly patienceMs?: number;
  /**
   * How long ago the request came that this message is for, in ms: this part of the time limit is used up. A message that comes
   * late still has `LEAST_DELIVERY_MS`. Default: 0.
   */
  readonly usedMs?: number;
  /**
   * Whether the message waits for the end of an outage. It fails only if too many messages wait or the producer closes.
   * For messages that the receiver needs in any case, such as acknowledgements.
   */
  readonly lasting?: boolean;
}

export interface ConsumerOptions<T> {
  topic: Topic<T>;
  group: string;
  from?: 'earliest' | 'latest';
  /**
   * The most messages in flight: a message counts until the promise of `handle` settles. At the limit the consumer
   * stops fetching.
   */
  maxInFlight: number;
  /**
   * The most bytes of encoded messages in flight, except for the first `minInFlight` messages. Beyond that the consumer
   * stops fetching. Missing: no bound. The embedded bus ignores it, since it does not encode messages.
   */
  maxBytes?: number | undefined;
  /** The number of messages that may be in flight regardless of their size. */
  minInFlight?: number | undefined;
  /**
   * The most messages from the oldest unhandled one on, since a successor gets all of them again. Beyond that the
   * consumer stops fetching. Missing: no bound. A bus that keeps each message until it is handled ignores it.
   */
  maxUncommitted?: number | undefined;
  /**
   * Called once per message, in order, never from inside `send`. A message is handled once the promise settles (a
   * rejection is logged), unless it settles to `left`; what was not handled when the process ended is delivered again
   * to its successor.
   */
  handle(message: T, delivery: Delivery): Promise<Handled> | Handled;
}

/** The outcome of a message. `left`: not handled, since the process ends; its successor gets the message. */
export type Handled = void | 'left';

/** The metadata of a message. */
export interface Delivery {
  /** The time of sending in ms since the epoch, by the sender's clock. */
  readonly sentAt: number;
  /**
   * Whether an earlier consumer of the group may have got it and died before it was handled. True for every message
   * that was in the topic when this consumer resumed the group's position; false is certain.
   */
  readonly redelivered: boolean;
}

export interface Consumer {
  /** Stops fetching, and waits for the messages in flight. */
  close(): Promise<void>;
}

/** The encoded message exceeds the topic's limit. */
export class MessageTooLargeError extends Error {
  override readonly name = 'MessageTooLargeError';
  readonly bytes: number;
  readonly limit: number;
  constructor(topic: string, bytes: number, limit: number) {
    super(`a message of ${bytes} bytes exceeds the limit of topic ${topic}, ${limit} bytes`);
    this.bytes = bytes;
    this.limit = limit;
  }
}

/** The bus is unavailable. It may have got the message nevertheless. */
export class BusUnavailableError extends Error {
  override readonly name: string = 'BusUnavailableError';
}

/** Too many messages wait for the bus. It did not get this message; a small message may still be accepted. */
export class BusFullError extends BusUnavailableError {
  override readonly name: string = 'BusFullError';
}

/** The bus refuses the request because of credentials, rights or certificates. A retry does not help. */
export class BusRefusedError extends Error {
  override readonly name = 'BusRefusedError';
}
