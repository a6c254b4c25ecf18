import { randomUUID } from 'node:crypto';
import * as z from 'zod';

/**
 * The id that ties together everything that one request causes, in logs, messages and error bodies.
 * On the wire: `[id, startMs]`, then `true` where there is extra logging, then the parent's transaction id where there is one.
 */
export interface TransactionId {
  readonly id: string;
  /** When the transaction began, in ms since the epoch. */
  readonly start: number;
  readonly extraLogging?: boolean;
  readonly parent?: TransactionId;
}

export type WireTransactionId =
  [string, number] | [string, number, boolean | WireTransactionId] | [string, number, boolean, WireTransactionId];

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

/** A new transaction id of 32 letters and digits. */
export function newTransactionId(now: number = Date.now(), id?: string): TransactionId {
  return { id: id ?? randomId(), start: now };
}

/** A transaction inside another one (a component of a sequence), logged as its parent is. */
export function childTransactionId(parent: TransactionId, now: number = Date.now()): TransactionId {
  const id = randomId();
  return parent.extraLogging ? { id, start: now, extraLogging: true, parent } : { id, start: now, parent };
}

const randomId = (): string => randomUUID().replaceAll('-', '');
