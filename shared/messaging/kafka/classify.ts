import { chain, isCertificateError, type DetailedError } from './causes.js';
import type { Failure } from './library.js';

/** How a client library names its errors. */
export interface ErrorNames {
  /** The names of one error: Kafka's and the library's own. */
  readonly of: (error: DetailedError) => readonly unknown[];
  /** Whether the library says that a retry may help. */
  readonly isRetriable: (error: DetailedError) => boolean;
  /** The library's own names of refusals and of errors that may go by. */
  readonly refused: readonly string[];
  readonly transient: readonly string[];
}

/** Tells the kind of an error: the kind of any error in its chain, the most specific kind first. */
export function classifier(names: ErrorNames): (error: unknown) => Failure {
  const refused = new Set([...REFUSED, ...names.refused]);
  const transient = new Set([...TRANSIENT, ...names.transient]);
  return (error) => {
    const errors = chain(error);
    const some = (set: ReadonlySet<string>): boolean =>
      errors.some((one) => names.of(one).some((name) => set.has(String(name))));
    if (some(TOO_LARGE)) return 'tooLarge';
    if (some(refused) || isCertificateError(error)) return 'refused';
    if (some(SEQUENCE)) return 'sequence';
    return some(transient) || errors.some(names.isRetriable) ? 'transient' : 'other';
  };
}

/** The result of a request, or undefined if the broker refuses the request. */
export async function unlessRefused<R>(
  request: Promise<R>,
  classify: (error: unknown) => Failure,
): Promise<R | undefined> {
  try {
    return await request;
  } catch (error) {
    if (classify(error) === 'refused') return undefined;
    throw error;
  }
}

/** Whether fewer brokers are up than a new topic would have replicas. */
export const isShortOfBrokers = (error: unknown): boolean =>
  chain(error).some(({ type, apiId }) => type === TOO_FEW_BROKERS || apiId === TOO_FEW_BROKERS);

const named = (error: unknown, names: ReadonlySet<unknown>): boolean =>
  chain(error).some(({ type, apiId }) => names.has(type) || names.has(apiId));

/** Whether the coordinator of a group says that it does not know the member or its generation. */
export const isUnknownMember = (error: unknown): boolean => named(error, UNKNOWN_MEMBER);

/** Whether the broker says that a message is damaged. */
export const isDamaged = (error: unknown): boolean => named(error, DAMAGED);

/** Whether the end of a membership may be due to a message that cannot be read, rather than to brokers or rights. */
export const isUnreadable = (error: unknown, failure: Failure): boolean => failure === 'other' || isDamaged(error);

/* Kafka's own names of errors. */

const UNKNOWN_MEMBER = new Set<unknown>(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);

const DAMAGED = new Set<unknown>(['CORRUPT_MESSAGE']);

const TOO_FEW_BROKERS = 'INVALID_REPLICATION_FACTOR';

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

const REFUSED = [
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'SECURITY_DISABLED',
  'POLICY_VIOLATION',
];

const SEQUENCE = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'DUPLICATE_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

const TRANSIENT = [
  'LEADER_NOT_AVAILABLE',
  'NOT_CONTROLLER',
  'REQUEST_TIMED_OUT',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  // Brokers that start, or that the controller of Kafka misses for a moment, do not count.
  TOO_FEW_BROKERS,
  'KAFKA_STORAGE_ERROR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
];
