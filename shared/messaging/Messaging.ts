/**
 * The bus between controllers and invokers. Two implementations pass the same behavioural suite: queues inside the
 * process (no serialization: a message arrives as the same object) and Kafka.
 *
 * A topic is one ordered log. Consumers of different groups each see every message; within one group a message goes to
 * one consumer. A consumer that joins a group for the first time reads from the topic's beginning (`earliest`) unless
 * it asks for `latest`.
 */
export interface Messaging {
  /** Creates the topic where it is missing. Waits, and says so, while the bus does not answer. */
  ensureTopic<T>(topic: Topic<T>): Promise<void>;
  producer(): Promise<Producer>;
  /** Resolves once the consumer's place in the topic is settled: it sees every message sent from then on. */
  consume<T>(options: ConsumerOptions<T>): Promise<Consumer>;
  /** Whether the bus answered lately. */
  isHealthy(): boolean;
  /** More of the same, for metrics and for those who judge by silence. */
  health(): BusState;
  /** Closes every producer and consumer made here. */
  close(): Promise<void>;
}

export interface BusState {
  readonly up: boolean;
  /** Since when it is so, in ms since the epoch. */
  readonly since: number;
  /** When the bus answered last, in ms since the epoch; undefined before the first answer. */
  readonly answeredAt: number | undefined;
}

/** A topic's name, its message codec and its settings at creation. */
export interface Topic<in out T> {
  readonly name: string;
  encode(message: T): string;
  /** @throws on a text that is not a message of this topic: it is logged and skipped. */
  decode(text: string): T;
  /** Raw broker settings, such as `retention.ms`. */
  readonly settings: Readonly<Record<string, string>>;
  /** For a compacted topic: the key of a message. */
  key?(message: T): string;
}

export interface Producer {
  /**
   * Resolves once the bus has the message (Kafka: all replicas in sync, unless set otherwise).
   * @throws BusUnavailableError where the bus has not taken it in time, counted from this call, or too much waits already.
   * @throws MessageTooLargeError where the encoded message is over the topic's `max.message.bytes` (queues inside the
   * process encode nothing and take every size).
   */
  send<T>(topic: Topic<T>, message: T, options?: SendOptions): Promise<void>;
  /**
   * Resolves once a message that was sent as `volatile` outlives the process, or was handled. Missing: all messages do.
   * @throws BusUnavailableError
   */
  keep?<T>(topic: Topic<T>, message: T): Promise<void>;
  /** Ends the producer; messages sent before are still delivered. */
  close(): Promise<void>;
}

export interface SendOptions {
  /**
   * Nobody was told of the message yet: a bus inside the process need not keep it beyond the process until `keep` is called.
   */
  readonly volatile?: boolean | undefined;
  /**
   * The message may wait for so long, in ms, to go in one request with a later one of its topic: fewer requests for a bus
   * that counts them. It never waits where the bus does not count. Default 0.
   */
  readonly patienceMs?: number;
  /**
   * The message waits as long as an outage lasts, and fails only where too much waits already or the producer closes.
   * For messages that their receiver cannot do without, such as acknowledgements.
   */
  readonly lasting?: boolean;
}

export interface ConsumerOptions<T> {
  topic: Topic<T>;
  group: string;
  from?: 'earliest' | 'latest';
  /**
   * At most this many messages are with `handle` at a time (a message counts until its promise settles); no more are
   * fetched while it is reached.
   */
  maxInFlight: number;
  /**
   * No more messages are fetched while those in flight have this many bytes together, as they are encoded, except for the
   * first `minInFlight`. Missing: no bound. A bus inside the process encodes nothing, and does not look at it.
   */
  maxBytes?: number | undefined;
  /** So many messages may be in flight whatever their size. */
  minInFlight?: number | undefined;
  /**
   * No more messages are fetched while this many lie behind the oldest that is not handled: a successor gets all of them
   * again. Missing: no bound. A bus that keeps each message until it is handled does not look at it.
   */
  maxUncommitted?: number | undefined;
  /**
   * Called once per message, in order, never from inside `send`. A message is handled once the promise settles (a
   * rejection is logged), unless it settles to `left`; what was not handled when the process ended is delivered again to
   * its successor.
   */
  handle(message: T, delivery: Delivery): Promise<Handled> | Handled;
}

/** What became of a message. `left`: nothing, since the process ends; its successor shall have it. */
export type Handled = void | 'left';

/** What the bus knows of a message besides its content. */
export interface Delivery {
  /** When it was sent, in ms since the epoch, by the clock of its sender. */
  readonly sentAt: number;
  /**
   * Whether an earlier consumer of the group may have been given it already and died before it was handled. False is
   * certain, true is not: every message that waited in the topic when this consumer resumed the group's place.
   */
  readonly redelivered: boolean;
}

export interface Consumer {
  /** Stops fetching; messages in flight are finished. */
  close(): Promise<void>;
}

/** The encoded message exceeds what the topic takes. */
export class MessageTooLargeError extends Error {
  override readonly name = 'MessageTooLargeError';
  readonly bytes: number;
  readonly limit: number;
  constructor(topic: string, bytes: number, limit: number) {
    super(`a message of ${bytes} bytes is over the ${limit} bytes that topic ${topic} takes`);
    this.bytes = bytes;
    this.limit = limit;
  }
}

/** The bus is away. The message may have reached it nevertheless. */
export class BusUnavailableError extends Error {
  override readonly name: string = 'BusUnavailableError';
}

/** Too much waits for the bus already. The message did not reach it; a small one may still be taken. */
export class BusFullError extends BusUnavailableError {
  override readonly name: string = 'BusFullError';
}

/** The bus answers, and lets us not do this: wrong credentials, rights or certificates. Waiting does not mend it. */
export class BusRefusedError extends Error {
  override readonly name = 'BusRefusedError';
}
