import * as z from 'zod';
import { activationRecordSchema, type ActivationRecord } from '../entities/activation.js';

/** What a controller keeps on the bus for whoever comes after it (topics `acceptedN`, ours). */
export type AcceptedMessage =
  | {
      readonly kind: 'run';
      /** Of the process that accepted it: a controller that starts again has another one. */
      readonly life: string;
      /** What is stored if that process ends first. */
      readonly record: ActivationRecord;
      /** Whether that is how it ended, and not how it was interrupted. */
      readonly ended: boolean;
    }
  /** Tells its sender, when it comes back, that everything before it was read. */
  | { readonly kind: 'mark'; readonly nonce: string };

const schema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('run'), life: z.string(), record: activationRecordSchema, ended: z.boolean() }),
  z.object({ kind: z.literal('mark'), nonce: z.string() }),
]);

export const encodeAcceptedMessage = (message: AcceptedMessage): string => JSON.stringify(message);

/** @throws SyntaxError or ZodError on a text that is not such a message. */
export const decodeAcceptedMessage = (text: string): AcceptedMessage => schema.parse(JSON.parse(text));
