/** The errors of the library form trees: one that wraps several, or one with a cause. */
function some(
  error: unknown,
  test: (error: Error & { code?: unknown; apiId?: unknown; canRetry?: unknown }) => boolean,
): boolean {
  if (!(error instanceof Error)) return false;
  if (test(error) || some(error.cause, test)) return true;
  return error instanceof AggregateError && error.errors.some((inner) => some(inner, test));
}

/** Whether an error may go away by itself: Kafka is not reachable or not ready yet. */
export const isTransient = (error: unknown): boolean =>
  some(
    error,
    ({ code, apiId, canRetry }) => TRANSIENT.has(String(code)) || TRANSIENT.has(String(apiId)) || canRetry === true,
  );

export const isTooLarge = (error: unknown): boolean =>
  some(error, ({ apiId }) => apiId === 'MESSAGE_TOO_LARGE' || apiId === 'RECORD_LIST_TOO_LARGE');

export const isTopicThere = (error: unknown): boolean => some(error, ({ apiId }) => apiId === 'TOPIC_ALREADY_EXISTS');

const TRANSIENT = new Set([
  'PLT_KFK_NETWORK',
  'PLT_KFK_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'NOT_CONTROLLER',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'REQUEST_TIMED_OUT',
]);
