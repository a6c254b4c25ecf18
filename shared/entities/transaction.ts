import { randomBytes } from 'node:crypto';
import * as z from 'zod';

/**
 * The id that ties together everything that one request causes, in logs, messages and error bodies.
 * On the wire: `[id, startMs]`, with a third element `true` (extra logging) or the parent's transaction id.
 */
export interface TransactionId {
  readonly id: string;
  /** When the transaction began, in ms since the epoch. */
  readonly start: number;
  readonly extraLogging?: boolean;
  readonly parent?: TransactionId;
}

export type WireTransactionId = [string, number] | [string, number, boolean | WireTransactionId];

const wireSchema: z.ZodType<WireTransactionId> = z.lazy(() =>
  z.union([z.tuple([z.string(), z.number()]), z.tuple([z.string(), z.number(), z.union([z.boolean(), wireSchema])])]),
);

/** Parses the wire form into a `TransactionId`. */
export const transactionIdSchema = wireSchema.transform(fromWire);

function fromWire(wire: WireTransactionId): TransactionId {
  const [id, start, extra] = wire;
  if (extra === undefined) return { id, start };
  return typeof extra === 'boolean' ? { id, start, extraLogging: extra } : { id, start, parent: fromWire(extra) };
}

/** The wire form of a transaction id. */
export function toWireTransactionId(transid: TransactionId): WireTransactionId {
  if (transid.parent) return [transid.id, transid.start, toWireTransactionId(transid.parent)];
  return transid.extraLogging ? [transid.id, transid.start, true] : [transid.id, transid.start];
}

/** A new transaction id of 32 letters and digits. */
export function newTransactionId(now: number = Date.now(), id?: string): TransactionId {
  return { id: id ?? randomAlphanumeric(32), start: now };
}

/** A transaction inside another one (a component of a sequence). */
export function childTransactionId(parent: TransactionId, now: number = Date.now()): TransactionId {
  return { id: randomAlphanumeric(32), start: now, parent };
}

/** Transactions that the system begins by itself. */
export const systemTransaction = (
  name: 'invoker' | 'controller' | 'invokerHealth' | 'loadbalancer' | 'unknown',
): TransactionId => ({
  id: `sid_${name}`,
  start: Date.now(),
});

const ALPHANUMERIC = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function randomAlphanumeric(length: number): string {
  const bytes = randomBytes(length);
  let out = '';
  // The bias of the remainder is harmless: the id has to be unlikely to repeat, not secret.
  for (let i = 0; i < length; i++) out += ALPHANUMERIC[(bytes[i] as number) % 62];
  return out;
}
