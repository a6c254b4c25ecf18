import { decodeAcknowledgement, encodeAcknowledgement, type Acknowledgement } from '../messages/acknowledgement.js';
import { decodeAcceptedMessage, encodeAcceptedMessage, type AcceptedMessage } from '../messages/accepted.js';
import { decodeActivationMessage, encodeActivationMessage, type ActivationMessage } from '../messages/activation.js';
import {
  decodeCacheInvalidation,
  encodeCacheInvalidation,
  type CacheInvalidationMessage,
} from '../messages/cacheInvalidation.js';
import { colorMessageKey, decodeColorMessage, encodeColorMessage, type ColorMessage } from '../messages/color.js';
import { decodeEvent, encodeEvent, type EventMessage } from '../messages/event.js';
import { decodeHeartbeat, encodeHeartbeat, type Heartbeat } from '../messages/heartbeat.js';
import { decodePing, encodePing, type PingMessage } from '../messages/ping.js';
import type { Topic } from './Messaging.js';

export interface TopicOptions {
  /** The prefix of the name of `events`, from `CONFIG_whisk_kafka_topics_userEvent_prefix`. */
  readonly eventsPrefix?: string | undefined;
  /** The largest payload and result of an activation, in bytes. */
  readonly maxPayloadBytes?: number | undefined;
  /** Missing: `TOPIC_LIMITS`. */
  readonly limits?: Readonly<Record<TopicName, TopicLimits>> | undefined;
}

/** The settings of a new topic. An existing topic keeps its settings. */
export interface TopicLimits {
  readonly segmentBytes: number;
  /** -1: no limit. */
  readonly retentionBytes: number;
  /** -1: no limit. */
  readonly retentionMs: number;
  /** Missing: the brokers' default. */
  readonly maxMessageBytes?: number | undefined;
}

/** The most overhead of a message on `invokerN` and `completedN` in addition to its payload. */
const OVERHEAD_BYTES = 6068;
/** The most bytes of a record in addition to its result, mainly the ids of a sequence's components. */
const RECORD_BYTES = 64 * 1024;

const MB = 1024 * 1024;
const HOUR_MS = 3_600_000;

const kept = (retentionMs: number): TopicLimits => ({
  segmentBytes: 512 * MB,
  retentionBytes: 1024 * MB,
  retentionMs,
});

/** OpenWhisk's settings (`test/contract/kafka-messages.json`). */
export const TOPIC_LIMITS = {
  invoker: kept(48 * HOUR_MS),
  completed: kept(HOUR_MS),
  health: kept(HOUR_MS),
  cacheInvalidation: kept(HOUR_MS / 12),
  events: kept(HOUR_MS),
};
export type TopicName = keyof typeof TOPIC_LIMITS;

/** The settings with Kafka's names. */
const settings = ({ segmentBytes, retentionBytes, retentionMs, maxMessageBytes }: TopicLimits) => ({
  'segment.bytes': String(segmentBytes),
  'retention.bytes': String(retentionBytes),
  'retention.ms': String(retentionMs),
  ...(maxMessageBytes === undefined ? {} : { 'max.message.bytes': String(maxMessageBytes) }),
});

const COLORS_SETTINGS = {
  'cleanup.policy': 'compact,delete',
  'retention.ms': String(7 * 24 * HOUR_MS),
  'segment.ms': String(HOUR_MS),
  'segment.bytes': String(64 * MB),
  'min.cleanable.dirty.ratio': '0.1',
};

const CONTROLLERS_SETTINGS = {
  'retention.ms': '300000',
  'segment.ms': '300000',
  'segment.bytes': String(16 * MB),
};

/** Longer than an outage of a controller and all controllers that could stand in for it. */
const ACCEPTED_LIMITS: TopicLimits = { ...kept(48 * HOUR_MS), segmentBytes: 64 * MB };

/**
 * All topics: those of OpenWhisk, and our own `acceptedN`, `colors` and `controllers`; `prefix` as
 * `CONFIG_whisk_kafka_topics_prefix`.
 */
export function topics(prefix = '', options: TopicOptions = {}) {
  const { eventsPrefix = '', maxPayloadBytes = MB, limits = TOPIC_LIMITS } = options;
  const maxMessageBytes = maxPayloadBytes + OVERHEAD_BYTES;
  const invoker = (instance: number): Topic<ActivationMessage> => ({
    name: `${prefix}invoker${instance}`,
    encode: encodeActivationMessage,
    decode: decodeActivationMessage,
    settings: settings({ ...limits.invoker, maxMessageBytes }),
  });
  /** Each invocation asks for one of these. */
  const invokers: Topic<ActivationMessage>[] = [];
  return {
    invoker: (instance: number): Topic<ActivationMessage> => (invokers[instance] ??= invoker(instance)),
    completed: (controller: string): Topic<Acknowledgement> => ({
      name: `${prefix}completed${controller}`,
      encode: encodeAcknowledgement,
      decode: decodeAcknowledgement,
      settings: settings({ ...limits.completed, maxMessageBytes }),
    }),
    /** One topic for each controller: its accepted sequences, compositions and fired triggers. */
    accepted: (controller: string): Topic<AcceptedMessage> => ({
      name: `${prefix}accepted${controller}`,
      encode: encodeAcceptedMessage,
      decode: decodeAcceptedMessage,
      settings: settings({ ...ACCEPTED_LIMITS, maxMessageBytes: maxMessageBytes + RECORD_BYTES }),
    }),
    health: {
      name: `${prefix}health`,
      encode: encodePing,
      decode: decodePing,
      settings: settings(limits.health),
    } satisfies Topic<PingMessage>,
    cacheInvalidation: {
      name: `${prefix}cacheInvalidation`,
      encode: encodeCacheInvalidation,
      decode: decodeCacheInvalidation,
      settings: settings(limits.cacheInvalidation),
    } satisfies Topic<CacheInvalidationMessage>,
    events: {
      name: `${eventsPrefix}events`,
      encode: encodeEvent,
      decode: decodeEvent,
      settings: settings(limits.events),
    } satisfies Topic<EventMessage>,
    /** The homes of colors, compacted. Messages are dropped after a week without an update. */
    colors: {
      name: `${prefix}colors`,
      encode: encodeColorMessage,
      decode: decodeColorMessage,
      key: colorMessageKey,
      settings: COLORS_SETTINGS,
    } satisfies Topic<ColorMessage>,
    /** Heartbeats of controllers. Only the newest ones matter, so the retention is short. */
    controllers: {
      name: `${prefix}controllers`,
      encode: encodeHeartbeat,
      decode: decodeHeartbeat,
      settings: CONTROLLERS_SETTINGS,
    } satisfies Topic<Heartbeat>,
  };
}
export type Topics = ReturnType<typeof topics>;
