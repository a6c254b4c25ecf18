import { TOPIC_LIMITS, type TopicLimits, type TopicName } from '../messaging/topics.js';
import type { Environment } from './environment.js';
import { optional, readSettings, standard } from './Setting.js';
import { bytes, duration, orUnlimited } from './values.js';

const variable = (topic: TopicName, what: keyof TopicLimits): string => `CONFIG_whisk_kafka_topics_${topic}_${what}`;

/** The retention settings of a topic. */
const keeps = (topic: TopicName) => ({
  segmentBytes: standard(
    variable(topic, 'segmentBytes'),
    bytes,
    String(TOPIC_LIMITS[topic].segmentBytes),
    `The size of a segment of the topic \`${topic}\`, in bytes if it has no unit.`,
  ),
  retentionBytes: standard(
    variable(topic, 'retentionBytes'),
    orUnlimited(bytes),
    String(TOPIC_LIMITS[topic].retentionBytes),
    `The most bytes that a partition of \`${topic}\` keeps. Kafka deletes the oldest messages first. -1: no limit.`,
  ),
  retentionMs: standard(
    variable(topic, 'retentionMs'),
    orUnlimited(duration),
    String(TOPIC_LIMITS[topic].retentionMs),
    `The time for which \`${topic}\` keeps messages, in ms if it has no unit. -1: no limit.`,
  ),
});

const takes = (topic: TopicName) => ({
  maxMessageBytes: optional(
    variable(topic, 'maxMessageBytes'),
    bytes,
    `The largest message in \`${topic}\`. Default: the brokers' setting.`,
  ),
});

/**
 * The settings of new topics, with the names of OpenWhisk's deployments. The size limits of `invoker` and `completed`
 * follow from the limits of activations and cannot be set.
 */
export const TOPIC_SETTINGS = {
  invoker: keeps('invoker'),
  completed: keeps('completed'),
  health: { ...keeps('health'), ...takes('health') },
  cacheInvalidation: { ...keeps('cacheInvalidation'), ...takes('cacheInvalidation') },
  events: { ...keeps('events'), ...takes('events') },
};

/** @throws ConfigurationError */
export const topicLimits = (environment: Environment): Readonly<Record<TopicName, TopicLimits>> => ({
  invoker: readSettings(TOPIC_SETTINGS.invoker, environment),
  completed: readSettings(TOPIC_SETTINGS.completed, environment),
  health: readSettings(TOPIC_SETTINGS.health, environment),
  cacheInvalidation: readSettings(TOPIC_SETTINGS.cacheInvalidation, environment),
  events: readSettings(TOPIC_SETTINGS.events, environment),
});
