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
  /** How long a message may be on its way to Kafka, from when it was handed over, before its sender is told. */
  deliveryTimeoutMs?: number | undefined;
  /**
   * Which replicas have a message before it counts as sent: all that are in sync, by idempotent producers (default), or
   * the leader alone.
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
export const DEFAULT_FETCH_WAIT_MS = 500;
/** With what comes before it, whoever asked is told within 30 s. */
export const DEFAULT_DELIVERY_TIMEOUT_MS = 29_000;

/** A broker that does not answer a request for so long is taken for dead; asking again may find another one. */
export const REQUEST_TIMEOUT_MS = 10_000;

/** What a topic takes where it does not say: Kafka's default of `max.message.bytes`. */
export const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;

/** What a record and the batch around it take on top of key and value, at most. */
export const RECORD_OVERHEAD_BYTES = 96;

/** What a fetch asks for at most: two of the largest messages, and thousands of small ones. */
export const FETCH_BYTES = 2 * 1024 * 1024;
