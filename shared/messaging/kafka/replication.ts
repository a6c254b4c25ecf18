import type { TopicFacts } from './library.js';

/**
 * A warning if a topic can lose accepted messages with one broker, with advice; undefined if it cannot.
 */
export function replicationAdvice(
  topic: string,
  { replicas, minInsyncReplicas = 1 }: TopicFacts,
  acks: 'all' | '1',
): string | undefined {
  if (replicas === 1) {
    return (
      `topic ${topic} has one replica: accepted messages are lost with the disk of its broker. ` +
      'For production use three brokers, CONFIG_whisk_kafka_replicationFactor=3 and min.insync.replicas=2'
    );
  }
  if (acks === '1') {
    return (
      'CONFIG_whisk_kafka_producer_acks=1: accepted messages are lost when the leader of a topic dies before they are ' +
      'copied. Set it to all'
    );
  }
  if (minInsyncReplicas < 2) {
    return (
      `topic ${topic} has min.insync.replicas=${minInsyncReplicas}: while other replicas are behind, messages that were ` +
      'accepted are lost with one broker. Set it to 2'
    );
  }
  if (minInsyncReplicas >= replicas) {
    return (
      `topic ${topic} has min.insync.replicas=${minInsyncReplicas} and ${replicas} replicas: while any broker is away ` +
      `nothing is accepted. Set it to ${replicas - 1}, or use more replicas`
    );
  }
  return undefined;
}
