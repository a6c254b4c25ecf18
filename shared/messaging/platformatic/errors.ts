import { chain, isCertificateError } from '../kafka/causes.js';
import type { Failure } from '../kafka/library.js';

/** The kind of an error of the library. Its errors form trees: one may wrap several, or have a cause. */
export function classify(error: unknown): Failure {
  const errors = chain(error);
  const some = (names: ReadonlySet<string>): boolean =>
    errors.some(({ apiId, code }) => names.has(String(apiId)) || names.has(String(code)));
  if (some(TOO_LARGE)) return 'tooLarge';
  if (some(REFUSED) || isCertificateError(error)) return 'refused';
  if (some(SEQUENCE)) return 'sequence';
  if (some(TRANSIENT) || errors.some(({ canRetry }) => canRetry === true)) return 'transient';
  return 'other';
}

export const isTopicThere = (error: unknown): boolean =>
  chain(error).some(({ apiId }) => apiId === 'TOPIC_ALREADY_EXISTS');

export const isTopicMissing = (error: unknown): boolean =>
  chain(error).some(({ apiId }) => apiId === 'UNKNOWN_TOPIC_OR_PARTITION');

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

const REFUSED = new Set([
  'PLT_KFK_AUTHENTICATION',
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'SECURITY_DISABLED',
  'POLICY_VIOLATION',
]);

const SEQUENCE = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

const TRANSIENT = new Set([
  'PLT_KFK_NETWORK',
  'PLT_KFK_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'NOT_CONTROLLER',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'KAFKA_STORAGE_ERROR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'NOT_COORDINATOR',
  'REQUEST_TIMED_OUT',
]);
