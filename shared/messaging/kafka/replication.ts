import type { TopicFacts } from './library.js';

/**
 * Why a topic cannot keep the promise that what was accepted is not lost with a broker, and what to do; undefined where
 * it keeps it.
 */
export function replicationAdvice(
  topic: string,
  { replicas, minInsyncReplicas = 1 }: TopicFacts,
  acks: 'all' | '1',
): string | undefined {
  if (replicas === 1) {
    return (
      `topic ${topic} has one replica: messages that were accepted are lost with the disk of its broker. ` +
      'For production use three brokers, CONFIG_whisk_kafka_replicationFactor=3 and min.insync.replicas=2'
    );
  }
  if (acks === '1') {
    return (
      'CONFIG_whisk_kafka_producer_acks=1: messages that were accepted are lost when the leader of a topic dies before ' +
      'it is copied. Set it to all'
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
