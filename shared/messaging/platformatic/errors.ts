import { chain } from '../kafka/causes.js';
import { classifier } from '../kafka/classify.js';

/** The kind of an error of the library. Its errors form trees: one may wrap several, or have a cause. */
export const classify = classifier({
  of: ({ apiId, code }) => [apiId, code],
  isRetriable: ({ canRetry }) => canRetry === true,
  refused: ['PLT_KFK_AUTHENTICATION'],
  transient: [
    'PLT_KFK_NETWORK',
    'PLT_KFK_TIMEOUT',
    'ECONNREFUSED',
    'ECONNRESET',
    'NOT_LEADER_OR_FOLLOWER',
    'NOT_COORDINATOR',
  ],
});

export const isTopicThere = (error: unknown): boolean =>
  chain(error).some(({ apiId }) => apiId === 'TOPIC_ALREADY_EXISTS');

export const isTopicMissing = (error: unknown): boolean =>
  chain(error).some(({ apiId }) => apiId === 'UNKNOWN_TOPIC_OR_PARTITION');
