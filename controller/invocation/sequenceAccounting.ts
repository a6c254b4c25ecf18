import { StatusCode, type ActivationRecord, type ActivationResponse } from '../../shared/entities/activation.js';
import { valueOf, type Json } from '../../shared/entities/keyvalue.js';

/** The state of one run of a sequence. Plain data: each step makes a new state from the last. */
export interface SequenceAccounting {
  /** Actions run so far, sequences not counted, those of the enclosing sequences included. */
  readonly actionCount: number;
  /** The payload of the next component; at the end, the response of the sequence. Only the last response is kept. */
  readonly response: ActivationResponse;
  /** The components' activation ids, in the order in which they ran; inner sequences have their own list. */
  readonly components: readonly string[];
  /** The sum of the components' durations, ms. */
  readonly duration: number;
  /** The largest memory limit of a component, MB; undefined before one has run. */
  readonly memory?: number | undefined;
  /** Nothing more is run. */
  readonly stopped: boolean;
}

export const SEQUENCE_TOO_LONG = 'Too many actions in the sequence.';

/**
 * The books of a sequence that begins with this payload. Its status is "application error" because an input with an
 * `error` in it would be the result if nothing ran.
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
 * After a component has run: `actionCount` is the new total. A component whose result has an `error`, or that did not
 * succeed, ends the sequence with its own response; it still counts.
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

/** After a component without a record: it ends the sequence. */
export function stopSequence(
  books: SequenceAccounting,
  response: ActivationResponse,
  activationId?: string,
): SequenceAccounting {
  const components = activationId === undefined ? books.components : [...books.components, activationId];
  return { ...books, components, response, stopped: true };
}

/** The payload of the next component: a result that is an object or an array; anything else counts as no payload. */
export function nextPayload(books: SequenceAccounting): Json | undefined {
  const { result } = books.response;
  return result !== null && typeof result === 'object' ? result : undefined;
}

export function failure(statusCode: StatusCode, message: string): ActivationResponse {
  return { statusCode, result: { error: message } };
}

/** The memory limit that a record's annotation `limits` names, MB. */
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
