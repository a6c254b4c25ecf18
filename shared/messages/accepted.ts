import * as z from 'zod';
import { activationRecordSchema, type ActivationRecord } from '../entities/activation.js';

/** A controller's message to its successor about accepted work (topics `acceptedN`, an extension). */
export type AcceptedMessage =
  | {
      readonly kind: 'run';
      /** The id of the accepting process. It changes with each start of a controller. */
      readonly life: string;
      /** The record to store if that process ends first. */
      readonly record: ActivationRecord;
      /** Whether it is the final record, not that of an interruption. */
      readonly ended: boolean;
    }
  /** When the sender consumes its own mark, it has read all earlier messages. */
  | { readonly kind: 'mark'; readonly nonce: string };

const schema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), life: z.string(), record: activationRecordSchema, ended: z.boolean() }),
  z.object({ kind: z.literal('mark'), nonce: z.string() }),
]);

export const encodeAcceptedMessage = (message: AcceptedMessage): string => JSON.stringify(message);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodeAcceptedMessage = (text: string): AcceptedMessage => schema.parse(JSON.parse(text));
