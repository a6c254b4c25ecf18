import * as z from 'zod';
import { identitySchema, type Identity } from '../entities/identity.js';
import { jsonSchema, type Json } from '../entities/keyvalue.js';
import { fullyQualifiedNameSchema, type FullyQualifiedName } from '../entities/names.js';
import { toWireTransactionId, transactionIdSchema, type TransactionId } from '../entities/transaction.js';
import { messageObjectsSchema, type MessageObjects } from '../objects/messageObjects.js';
import { messageReferencesSchema, type MessageReferences } from './references.js';
import { controllerInstanceSchema, type ControllerInstance } from './instances.js';

/** The color of an invocation: an extension that Apache OpenWhisk ignores. */
export interface MessageColor {
  readonly value: string;
  /** Whether the balancer sent it to the color's home. */
  readonly hit: boolean;
  /** The longest wait on the invoker for the container of its color, in ms; missing: no wait. */
  readonly patience?: number | undefined;
}

/** A controller's message to an invoker: run this activation (topic `invokerN`). */
export interface ActivationMessage {
  transid: TransactionId;
  action: FullyQualifiedName;
  /** The document revision of the action; null for health tests. */
  revision: string | null;
  user: Identity;
  activationId: string;
  rootControllerIndex: ControllerInstance;
  blocking: boolean;
  /** The merged parameters: an object, an array, or missing. */
  content?: Json | undefined;
  /** The names of the parameters that become environment variables at `/init`. */
  initArgs: string[];
  /** The ciphers of encrypted parameters by name. */
  lockedArgs: Record<string, string>;
  cause?: string | undefined;
  traceContext?: Record<string, string> | undefined;
  color?: MessageColor | undefined;
  /**
   * The most containers of the action on this invoker: its part of the action's limit `instances`. An extension that
   * Apache OpenWhisk ignores. Missing: no limit.
   */
  instances?: number | undefined;
  /** See `MessageReferences`. Missing: parameters and results are values. */
  references?: MessageReferences | undefined;
  /** The homes of objects. An extension that Apache OpenWhisk ignores. Missing: objects are not shared. */
  objects?: MessageObjects | undefined;
  /**
   * Do not run this activation: only make sure that the action has so many containers on this invoker. An extension that
   * Apache OpenWhisk does not know, so it is sent only to invokers whose pings have `prepares`.
   */
  prepare?: number | undefined;
}

const schema = z.object({
  transid: transactionIdSchema,
  action: fullyQualifiedNameSchema,
  revision: z
    .string()
    .nullish()
    .transform((r) => r ?? null),
  user: identitySchema,
  activationId: z.string(),
  rootControllerIndex: controllerInstanceSchema,
  blocking: z.boolean(),
  content: jsonSchema.optional(),
  initArgs: z.array(z.string()).default([]),
  lockedArgs: z.record(z.string(), z.string()).default({}),
  cause: z.string().optional(),
  traceContext: z.record(z.string(), z.string()).optional(),
  color: z.object({ value: z.string(), hit: z.boolean(), patience: z.number().optional() }).optional(),
  instances: z.number().optional(),
  // An invalid extension must not invalidate the message.
  references: messageReferencesSchema.optional().catch(undefined),
  // An invalid value must not invalidate the message.
  objects: messageObjectsSchema.optional().catch(undefined),
  prepare: z.number().optional(),
});

export function encodeActivationMessage(message: ActivationMessage): string {
  return JSON.stringify({ ...message, transid: toWireTransactionId(message.transid) });
}

/** @throws SyntaxError or ZodError for an invalid message. */
export function decodeActivationMessage(text: string): ActivationMessage {
  return schema.parse(JSON.parse(text));
}
