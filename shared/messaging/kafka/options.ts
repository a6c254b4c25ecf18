import type { ConnectionOptions } from 'node:tls';
import type { Logger } from '../../logging/Logger.js';

/** The options of the Kafka clients. All durations in ms. */
export interface KafkaOptions {
  /** `host:port`, one or more. */
  brokers: readonly string[];
  /** The name of this process in the brokers' logs. */
  clientId: string;
  /**
   * A unique name of this process that stays the same after a crash. A client library with static membership takes over
   * its former membership at once.
   */
  memberName?: string | undefined;
  tls?: ConnectionOptions | undefined;
  sasl?: KafkaSasl | undefined;
  /** The number of replicas of new topics. */
  replicationFactor?: number | undefined;
  /**
   * The time after which brokers remove a killed consumer from its group. Its successor waits for that. By default
   * brokers refuse less than 6 s (`group.min.session.timeout.ms`).
   */
  sessionTimeoutMs?: number | undefined;
  /** The longest wait of a fetch for the first message at the broker. It delays only the close, not messages. */
  fetchWaitMs?: number | undefined;
  /** The time after which a send fails. */
  deliveryTimeoutMs?: number | undefined;
  /**
   * The replicas that must have a message before it counts as sent: all in-sync replicas, with idempotent producers
   * (default), or only the leader.
   */
  acks?: 'all' | '1' | undefined;
  log?: Logger | undefined;
}

export interface KafkaSasl {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  username: string;
  password: string;
}

export const DEFAULT_SESSION_TIMEOUT_MS = 6000;
/** The time for the members of a group to join again. */
export const rebalanceTimeoutMs = (sessionTimeoutMs: number): number => Math.max(sessionTimeoutMs, 10_000);
export const DEFAULT_FETCH_WAIT_MS = 500;
/** With the steps before it, a request gets its response within 30 s. */
export const DEFAULT_DELIVERY_TIMEOUT_MS = 29_000;
/** What is left of it in any case for a message whose sender has used it up, such as for a slow upload. */
export const LEAST_DELIVERY_MS = 5000;

/** The time after which a broker without a response counts as dead. A retry may find another one. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** The default limit of a topic: Kafka's default of `max.message.bytes`. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** The most overhead of a record and its batch in addition to key and value. */
export const RECORD_OVERHEAD_BYTES = 96;

/** The most bytes of a fetch: two of the largest messages, or thousands of small ones. */
export const FETCH_BYTES = 2 * 1024 * 1024;

/** Under load, a pause as long as the last request follows each request: docs/decisions/0005. */
export const PACING = { factor: 2, maxMs: 10 };
