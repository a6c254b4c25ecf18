import { decodeAcknowledgement, encodeAcknowledgement, type Acknowledgement } from '../messages/acknowledgement.js';
import { decodeActivationMessage, encodeActivationMessage, type ActivationMessage } from '../messages/activation.js';
import {
  decodeCacheInvalidation,
  encodeCacheInvalidation,
  type CacheInvalidationMessage,
} from '../messages/cacheInvalidation.js';
import { decodeEvent, encodeEvent, type EventMessage } from '../messages/event.js';
import { decodePing, encodePing, type PingMessage } from '../messages/ping.js';
import type { Topic } from './Messaging.js';

export interface TopicOptions {
  /** What the name of `events` begins with, as `CONFIG_whisk_kafka_topics_userEvent_prefix`. */
  readonly eventsPrefix?: string | undefined;
  /** The largest payload and result of an activation, in bytes. */
  readonly maxPayloadBytes?: number | undefined;
}

/** What a message on `invokerN` and `completedN` may take besides its payload. */
const OVERHEAD_BYTES = 6068;

const HOUR_MS = 3_600_000;

const settings = (retentionMs: number, maxMessageBytes?: number): Record<string, string> => ({
  'segment.bytes': String(512 * 1024 * 1024),
  'retention.bytes': String(1024 * 1024 * 1024),
  'retention.ms': String(retentionMs),
  ...(maxMessageBytes === undefined ? {} : { 'max.message.bytes': String(maxMessageBytes) }),
});

/** The topics of OpenWhisk with its settings (`test/contract/kafka-messages.json`); `prefix` as `CONFIG_whisk_kafka_topics_prefix`. */
export function topics(prefix = '', options: TopicOptions = {}) {
  const { eventsPrefix = '', maxPayloadBytes = 1024 * 1024 } = options;
  const maxMessageBytes = maxPayloadBytes + OVERHEAD_BYTES;
  return {
    prefix,
    invoker: (instance: number): Topic<ActivationMessage> => ({
      name: `${prefix}invoker${instance}`,
      encode: encodeActivationMessage,
      decode: decodeActivationMessage,
      settings: settings(48 * HOUR_MS, maxMessageBytes),
    }),
    completed: (controller: string): Topic<Acknowledgement> => ({
      name: `${prefix}completed${controller}`,
      encode: encodeAcknowledgement,
      decode: decodeAcknowledgement,
      settings: settings(HOUR_MS, maxMessageBytes),
    }),
    health: {
      name: `${prefix}health`,
      encode: encodePing,
      decode: decodePing,
      settings: settings(HOUR_MS),
    } satisfies Topic<PingMessage>,
    cacheInvalidation: {
      name: `${prefix}cacheInvalidation`,
      encode: encodeCacheInvalidation,
      decode: decodeCacheInvalidation,
      settings: settings(HOUR_MS / 12),
    } satisfies Topic<CacheInvalidationMessage>,
    events: {
      name: `${eventsPrefix}events`,
      encode: encodeEvent,
      decode: decodeEvent,
      settings: settings(HOUR_MS),
    } satisfies Topic<EventMessage>,
  };
}
export type Topics = ReturnType<typeof topics>;
