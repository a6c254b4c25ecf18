import * as z from 'zod';
import { activationRecordSchema, StatusCode, type ActivationRecord } from '../entities/activation.js';
import { toWireTransactionId, transactionIdSchema, type TransactionId } from '../entities/transaction.js';
import { invokerInstanceSchema, type InvokerInstance } from './instances.js';

/**
 * An invoker's message to the controller about an activation (topic `completedN`): the result (`response`), the free
 * slot (`instance`), or both. `response` is only the activation id if the record is too large for the bus.
 */
export interface ResultMessage {
  kind: 'result';
  transid: TransactionId;
  response: ActivationRecord | string;
}
export interface CompletionMessage {
  kind: 'completion';
  transid: TransactionId;
  activationId: string;
  isSystemError?: boolean | undefined;
  instance: InvokerInstance;
}
export interface CombinedMessage {
  kind: 'combined';
  transid: TransactionId;
  response: ActivationRecord | string;
  isSystemError?: boolean | undefined;
  instance: InvokerInstance;
}
export type Acknowledgement = ResultMessage | CompletionMessage | CombinedMessage;

const response = z.union([z.string(), activationRecordSchema]);
const schema = z.object({
  transid: transactionIdSchema,
  activationId: z.string().optional(),
  response: response.optional(),
  isSystemError: z.boolean().nullish(),
  instance: invokerInstanceSchema.optional(),
});

/** The activation id of an acknowledgement. */
export function acknowledgedActivation(ack: Acknowledgement): string {
  if (ack.kind === 'completion') return ack.activationId;
  return typeof ack.response === 'string' ? ack.response : ack.response.activationId;
}

export function resultMessage(transid: TransactionId, record: ActivationRecord): ResultMessage {
  return { kind: 'result', transid, response: withoutLogs(record) };
}

export function completionMessage(
  transid: TransactionId,
  record: ActivationRecord,
  instance: InvokerInstance,
): CompletionMessage {
  const isSystemError = record.response.statusCode === StatusCode.whiskError;
  return { kind: 'completion', transid, activationId: record.activationId, isSystemError, instance };
}

export function combinedMessage(
  transid: TransactionId,
  record: ActivationRecord,
  instance: InvokerInstance,
): CombinedMessage {
  const isSystemError = record.response.statusCode === StatusCode.whiskError;
  return { kind: 'combined', transid, response: withoutLogs(record), isSystemError, instance };
}

/** The acknowledgement with the activation id instead of the record, if the record is too large for the bus. */
export function shrink(ack: Acknowledgement): Acknowledgement {
  return ack.kind === 'completion' ? ack : { ...ack, response: acknowledgedActivation(ack) };
}

export function encodeAcknowledgement(ack: Acknowledgement): string {
  const { kind: _, ...fields } = ack;
  return JSON.stringify({ ...fields, transid: toWireTransactionId(ack.transid) });
}

/** @throws SyntaxError, ZodError or TypeError for an invalid message. */
export function decodeAcknowledgement(text: string): Acknowledgement {
  const { transid, activationId, response, isSystemError, instance } = schema.parse(JSON.parse(text));
  const error = isSystemError === null || isSystemError === undefined ? {} : { isSystemError };
  if (response !== undefined) {
    return instance
      ? { kind: 'combined', transid, response, instance, ...error }
      : { kind: 'result', transid, response };
  }
  if (instance && activationId !== undefined) return { kind: 'completion', transid, activationId, instance, ...error };
  throw new TypeError('an acknowledgement has a response, an instance, or both');
}

function withoutLogs(record: ActivationRecord): ActivationRecord {
  return record.logs.length === 0 ? record : { ...record, logs: [] };
}
