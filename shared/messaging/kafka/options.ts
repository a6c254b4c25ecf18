import type { ConnectionOptions } from 'node:tls';
import type { Logger } from '../../logging/Logger.js';

/** How to reach Kafka and how to behave there. Every duration in ms. */
export interface KafkaOptions {
  /** `host:port`, one or more. */
  brokers: readonly string[];
  /** How this process is named in the brokers' logs. */
  clientId: string;
  /**
   * A name that this process has again after a crash and no other has: a client library that knows static membership
   * takes its predecessor's place at once.
   */
  memberName?: string | undefined;
  tls?: ConnectionOptions | undefined;
  sasl?: KafkaSasl | undefined;
  /** Of topics made here. */
  replicationFactor?: number | undefined;
  /**
   * A consumer that was killed holds its group's place for so long: its successor waits. Brokers refuse less than
   * 6 s unless told otherwise (`group.min.session.timeout.ms`).
   */
  sessionTimeoutMs?: number | undefined;
  /** How long a fetch waits at the broker for the first message. It does not delay messages, only closing. */
  fetchWaitMs?: number | undefined;
  /** How long a send is tried again while Kafka is away before it fails. */
  deliveryTimeoutMs?: number | undefined;
  log?: Logger | undefined;
}

export interface KafkaSasl {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  username: string;
  password: string;
}

export const DEFAULT_SESSION_TIMEOUT_MS = 6000;
export const DEFAULT_FETCH_WAIT_MS = 500;
export const DEFAULT_DELIVERY_TIMEOUT_MS = 30_000;

/** What a topic takes where it does not say: Kafka's default of `max.message.bytes`. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** What a record and the batch around it take on top of key and value, at most. */
export const RECORD_OVERHEAD_BYTES = 96;
