import { StatusCode, type ActivationRecord, type ActivationResponse } from '../../shared/entities/activation.js';
import { valueOf, type Json } from '../../shared/entities/keyvalue.js';

/** The state of one run of a sequence, as immutable data: each step returns a new state. */
export interface SequenceAccounting {
  /** The number of actions so far, without sequences, including those of the enclosing sequences. */
  readonly actionCount: number;
  /** The last response: the payload of the next component, and at the end the response of the sequence. */
  readonly response: ActivationResponse;
  /** The components' activation ids in the order of their runs. Inner sequences have their own lists. */
  readonly components: readonly string[];
  /** The sum of the components' durations in ms. */
  readonly duration: number;
  /** The largest memory limit of a component in MB; undefined before the first one. */
  readonly memory?: number | undefined;
  /** Whether the sequence has ended. */
  readonly stopped: boolean;
}

export const SEQUENCE_TOO_LONG = 'Too many actions in the sequence.';

/**
 * The state at the start of a sequence. The status is "application error" because a payload with an `error` would be
 * the result if no component ran.
 */
export function beginSequence(actionCount: number, payload: Json | undefined): SequenceAccounting {
  return {
    actionCount,
    response: { statusCode: StatusCode.applicationError, result: payload },
    components: [],
    duration: 0,
    stopped: false,
  };
}

/**
 * The state after a component. A component that fails, or whose result has an `error`, ends the sequence with its own
 * response; it still counts.
 * @param actionCount the new total.
 */
export function addComponent(
  books: SequenceAccounting,
  record: ActivationRecord,
  actionCount: number,
  limit: number,
): SequenceAccounting {
  const tooLong = actionCount > limit;
  return {
    actionCount,
    response: tooLong ? failure(StatusCode.applicationError, SEQUENCE_TOO_LONG) : record.response,
    components: [...books.components, record.activationId],
    duration: books.duration + (record.duration ?? 0),
    memory: largest(books.memory, memoryOf(record)),
    stopped: tooLong || record.response.statusCode !== StatusCode.success || hasError(record.response.result),
  };
}

/** The state after a component without a record, which ends the sequence. */
export function stopSequence(
  books: SequenceAccounting,
  response: ActivationResponse,
  activationId?: string,
): SequenceAccounting {
  const components = activationId === undefined ? books.components : [...books.components, activationId];
  return { ...books, components, response, stopped: true };
}

/** The payload of the next component: the last result if it is an object or an array, otherwise undefined. */
export function nextPayload(books: SequenceAccounting): Json | undefined {
  const { result } = books.response;
  return result !== null && typeof result === 'object' ? result : undefined;
}

export function failure(statusCode: StatusCode, message: string): ActivationResponse {
  return { statusCode, result: { error: message } };
}

/** The memory limit in a record's annotation `limits`, in MB. */
export function memoryOf(record: ActivationRecord): number | undefined {
  const limits = valueOf(record.annotations, 'limits');
  if (limits === null || typeof limits !== 'object' || Array.isArray(limits)) return undefined;
  return typeof limits['memory'] === 'number' ? limits['memory'] : undefined;
}

export function largest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.max(a, b);
}

function hasError(result: Json | undefined): boolean {
  return result !== null && typeof result === 'object' && !Array.isArray(result) && Object.hasOwn(result, 'error');
}
