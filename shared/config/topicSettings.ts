import { TOPIC_LIMITS, type TopicLimits, type TopicName } from '../messaging/topics.js';
import type { Environment } from './environment.js';
import { optional, readSettings, standard } from './Setting.js';
import { bytes, duration, orUnlimited } from './values.js';

const variable = (topic: TopicName, what: keyof TopicLimits): string => `CONFIG_whisk_kafka_topics_${topic}_${what}`;

/** How much a topic keeps, and for how long. */
const keeps = (topic: TopicName) => ({
  segmentBytes: standard(
    variable(topic, 'segmentBytes'),
    bytes,
    String(TOPIC_LIMITS[topic].segmentBytes),
    `Size of a segment of the log of \`${topic}\`.`,
  ),
  retentionBytes: standard(
    variable(topic, 'retentionBytes'),
    orUnlimited(bytes),
    String(TOPIC_LIMITS[topic].retentionBytes),
    'How much of it is kept (-1: everything) …',
  ),
  retentionMs: standard(
    variable(topic, 'retentionMs'),
    orUnlimited(duration),
    String(TOPIC_LIMITS[topic].retentionMs),
    '… and for how long (-1: for ever).',
  ),
});

const takes = (topic: TopicName) => ({
  maxMessageBytes: optional(
    variable(topic, 'maxMessageBytes'),
    bytes,
    "The largest message that it takes (default: the brokers').",
  ),
});

/**
 * With what topics are made, by the names that OpenWhisk's deployments use. Those of `invoker` and `completed` take messages
 * as large as activations may be, whatever is set.
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
