/*
 * What the bus needs of a client library for Kafka. Everything here is one attempt, without a retry of its own that takes
 * long: when to try again, and for how long, is decided once for all libraries (`KafkaMessaging`, `KafkaProducer`,
 * `GroupConsumer`).
 */

export interface KafkaLibrary {
  /** Connects for administration. */
  admin(): Promise<Admin>;
  /** Connects a producer. */
  transport(): Promise<Transport>;
  /** Makes a member of a group that has not joined yet. */
  fetcher(subscription: Subscription, sink: Sink): Fetcher;
  classify(error: unknown): Failure;
}

/**
 * What a failure means.
 * - `transient`: the broker is away or busy; it may go by itself.
 * - `refused`: credentials, rights or certificates are wrong; a person has to act.
 * - `tooLarge`: the broker judged the request, and wrote none of it.
 * - `sequence`: the broker does not know this idempotent producer any more; a new one has to send.
 * - `other`: a fault in the request or in the program.
 */
export type Failure = 'transient' | 'refused' | 'tooLarge' | 'sequence' | 'other';

export interface Admin {
  /** Makes a topic of one partition. Resolves to false where it exists. */
  createTopic(name: string, settings: Readonly<Record<string, string>>, replicas: number): Promise<boolean>;
  /** Undefined where there is no such topic. */
  describeTopic(name: string): Promise<TopicFacts | undefined>;
  /** Where the group stands in each partition of the topic. */
  places(topic: string, group: string): Promise<Place[]>;
  close(): Promise<void>;
}

export interface TopicFacts {
  /** The least number of replicas that a partition of it has. */
  readonly replicas: number;
  /** Undefined where we may not ask for it. */
  readonly minInsyncReplicas: number | undefined;
  readonly maxMessageBytes: number | undefined;
}

/** A connected producer; unless it waits for the leader alone, a request that it sends twice is written once. */
export interface Transport {
  /** Resolves once the broker acknowledged all messages; they are written all or none. One call at a time for a topic. */
  send(topic: string, messages: readonly Outgoing[]): Promise<void>;
  close(): Promise<void>;
}

/** Where a group stopped in a partition, and where the partition ends. */
export interface Place {
  readonly partition: number;
  /** The offset of the first message that is not handled; undefined where the group never committed. */
  readonly committed: number | undefined;
  /** The offset that the next message will have. */
  readonly end: number;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

export interface Fetched extends PartitionOffset {
  readonly value: Buffer | null;
  /** When it was sent, in ms since the epoch. */
  readonly timestamp: number;
}

export interface Subscription {
  readonly topic: string;
  readonly group: string;
  /** Where a group begins that never committed. */
  readonly from: 'earliest' | 'latest';
}

/** One membership in a group. After a failure it is closed and another one is made. */
export interface Fetcher {
  /** Joins the group and begins to fetch; resolves once this member's place in the topic is settled. */
  join(places: readonly Place[]): Promise<void>;
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  /** Asks for no more messages; the membership is kept. */
  pause(): void;
  /** Leaves the group. Works at any time, also while `join` is under way; never rejects. */
  close(): Promise<void>;
}

/** Where a fetcher puts what it fetched, in order. */
export interface Sink {
  /**
   * Whether the next message may be handed over: true at once where there is room, and else a promise. False: the
   * consumer closes or this membership is over; the rest is left alone.
   * @param keepAlive called about each second while there is no room.
   */
  room(keepAlive?: () => Promise<void>): boolean | Promise<boolean>;
  hand(message: Fetched): void;
  /** The coordinator of the group knows this member. */
  alive(): void;
  /** The broker answered. */
  answered(): void;
  /** The library gave this membership up. */
  lost(error: unknown): void;
} /** A message as it goes to Kafka. */
export interface Outgoing {
  readonly key: string | null;
  readonly value: Buffer;
}
