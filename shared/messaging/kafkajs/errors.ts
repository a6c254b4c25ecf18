import { classifier } from '../kafka/classify.js';

/** The kind of an error of kafkajs. It has older names for some of Kafka's errors. */
export const classify = classifier({
  of: ({ name, type }) => [name, type],
  isRetriable: ({ retriable, type }) => type !== undefined && retriable === true,
  refused: ['KafkaJSSASLAuthenticationError'],
  transient: [
    'KafkaJSConnectionError',
    'KafkaJSConnectionClosedError',
    'KafkaJSRequestTimeoutError',
    'KafkaJSNumberOfRetriesExceeded',
    'KafkaJSBrokerNotFound',
    'KafkaJSNoBrokerAvailableError',
    'KafkaJSGroupCoordinatorNotFound',
    'KafkaJSMetadataNotLoaded',
    'NOT_LEADER_FOR_PARTITION',
    'GROUP_COORDINATOR_NOT_AVAILABLE',
    'NOT_COORDINATOR_FOR_GROUP',
  ],
});
