/*
 * The interface of a client library for Kafka. Each call is one attempt without long retries of its own.
 * `KafkaMessaging`, `KafkaProducer` and `GroupConsumer` decide on retries, for all libraries.
 */

export interface KafkaLibrary {
  /** Connects an admin client. */
  admin(): Promise<Admin>;
  /** Connects a producer. */
  transport(): Promise<Transport>;
  /** Creates a member of a group. It has not joined yet. */
  fetcher(subscription: Subscription, sink: Sink): Fetcher;
  classify(error: unknown): Failure;
}

/**
 * The kind of a failure.
 * - `transient`: the broker is unavailable or busy; a retry may help.
 * - `refused`: credentials, rights or certificates are wrong; a person must act.
 * - `tooLarge`: the broker refused the whole request because of its size.
 * - `sequence`: the broker no longer knows this idempotent producer; a new one must send.
 * - `other`: a fault in the request or in the program.
 */
export type Failure = 'transient' | 'refused' | 'tooLarge' | 'sequence' | 'other';

export interface Admin {
  /** Creates a topic with one partition. Resolves to false if it exists. */
  createTopic(name: string, settings: Readonly<Record<string, string>>, replicas: number): Promise<boolean>;
  /** Undefined if the topic does not exist. */
  describeTopic(name: string): Promise<TopicFacts | undefined>;
  /** The group's position in each partition of the topic. */
  places(topic: string, group: string): Promise<Place[]>;
  close(): Promise<void>;
}

export interface TopicFacts {
  /** The smallest number of replicas of its partitions. */
  readonly replicas: number;
  /** Undefined without the right to read it. */
  readonly minInsyncReplicas: number | undefined;
  readonly maxMessageBytes: number | undefined;
}

/** A connected producer. With `acks=all`, a repeated request is written once. */
export interface Transport {
  /** Resolves once the broker acknowledged all messages. Writes all or none. At most one call at a time for a topic. */
  send(topic: string, messages: readonly Outgoing[]): Promise<void>;
  close(): Promise<void>;
}

/** The position of a group in a partition, and the end of the partition. */
export interface Place {
  readonly partition: number;
  /** The offset of the first unhandled message; undefined if the group never committed. */
  readonly committed: number | undefined;
  /** The offset of the next message. */
  readonly end: number;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

export interface Fetched extends PartitionOffset {
  readonly value: Buffer | null;
  /** The time of sending in ms since the epoch. */
  readonly timestamp: number;
}

export interface Subscription {
  readonly topic: string;
  readonly group: string;
  /** A unique name of the consumer, the same for all of its memberships. Letters, digits, `.`, `_` and `-`. */
  readonly member: string;
  /** The start position of a group that never committed. */
  readonly from: 'earliest' | 'latest';
}

/** A membership in a group. After a failure it is closed, and a new one is created. */
export interface Fetcher {
  /** Joins the group and starts to fetch. Resolves once this member's position is settled. */
  join(places: readonly Place[]): Promise<void>;
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  /** Stops fetching and keeps the membership. */
  pause(): void;
  /**
   * Leaves the group, also during `join`. Never rejects.
   * @param rejoins whether another membership of the same consumer follows at once, which may take over the place in the group.
   * If none has followed, it is called again, without it.
   */
  close(rejoins?: boolean): Promise<void>;
  /** Whether it was closed without leaving, so that the group may still have it. */
  readonly keepsPlace: boolean;
}

/** Receives the fetched messages, in order. */
export interface Sink {
  /**
   * Waits for room for the next message. Returns true at once if there is room, otherwise a promise. False: the
   * consumer closes or the membership has ended; the fetcher must drop the rest.
   * @param keepAlive called about each second while there is no room.
   */
  room(keepAlive?: () => Promise<void>): boolean | Promise<boolean>;
  hand(message: Fetched): void;
  /** To be called when the coordinator of the group responds to this member. */
  alive(): void;
  /**
   * To be called when the library has joined the group again by itself.
   * @param ms since the coordinator did not accept the member any more.
   * @param cause the answer that said so.
   */
  rejoined(ms: number, cause: Error): void;
  /** To be called at each join, before the first fetch, with the partitions that the group assigns to this member. */
  assigned(partitions: readonly number[]): void;
  /**
   * To be called at each response to a fetch, also without messages. A library that once calls it has to go on while it has
   * partitions: the consumer takes a pause of half a minute for a fault.
   */
  fetched(): void;
  /** To be called at each response to this member, also one that says that the broker cannot do its work now. */
  responded(): void;
  /** To be called when the library gives up this membership. */
  lost(error: unknown): void;
}

/** A message as it goes to Kafka. */
export interface Outgoing {
  readonly key: string | null;
  readonly value: Buffer;
}
