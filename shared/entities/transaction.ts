import * as z from 'zod';
import { randomHex } from './randomHex.js';

/**
 * The transaction of a request: its id connects logs, messages and error bodies. The wire form is `[id, startMs]`,
 * followed by `true` for extra logging and by the wire form of the parent, if any.
 */
export interface TransactionId {
  readonly id: string;
  /** The start of the transaction, in ms since the epoch. */
  readonly start: number;
  readonly extraLogging?: boolean;
  readonly parent?: TransactionId;
}

/** The prefix of the system's own transaction ids. No caller may use it. */
export const SYSTEM_PREFIX = 'sid_';

export type WireTransactionId =
  | [string, number]
  | [string, number, boolean | WireTransactionId]
  | [string, number, boolean, WireTransactionId];

const wireSchema: z.ZodType<WireTransactionId> = z.lazy(() =>
  z.union([
    z.tuple([z.string(), z.number()]),
    z.tuple([z.string(), z.number(), z.union([z.boolean(), wireSchema])]),
    z.tuple([z.string(), z.number(), z.boolean(), wireSchema]),
  ]),
);

/** Parses the wire form into a `TransactionId`. */
export const transactionIdSchema = wireSchema.transform(fromWire);

function fromWire(wire: WireTransactionId): TransactionId {
  const [id, start, third, fourth] = wire;
  const parent = fourth ?? (Array.isArray(third) ? third : undefined);
  return {
    id,
    start,
    ...(third === true ? { extraLogging: true } : {}),
    ...(parent ? { parent: fromWire(parent) } : {}),
  };
}

/** The wire form of a transaction id. */
export function toWireTransactionId({ id, start, extraLogging, parent }: TransactionId): WireTransactionId {
  if (parent) {
    const above = toWireTransactionId(parent);
    return extraLogging ? [id, start, true, above] : [id, start, above];
  }
  return extraLogging ? [id, start, true] : [id, start];
}

/** Makes a new transaction with an id of 32 letters and digits. */
export function newTransactionId(now: number = Date.now(), id?: string): TransactionId {
  return { id: id ?? randomHex(), start: now };
}

/** Makes a child transaction (for a component of a sequence), with the logging of its parent. */
export function childTransactionId(parent: TransactionId, now: number = Date.now()): TransactionId {
  const id = randomHex();
  return parent.extraLogging ? { id, start: now, extraLogging: true, parent } : { id, start: now, parent };
}
