import * as z from 'zod';
import { objectsUrlSchema } from '../objects/messageObjects.js';
import { invokerInstanceSchema, type InvokerInstance } from './instances.js';

/** An invoker's ping, each second (topic `health`). */
export interface PingMessage {
  name: InvokerInstance;
  isEnabled?: boolean | undefined;
  /**
   * The kinds that the invoker cannot run, with the reasons; not in every ping. An extension that Apache OpenWhisk
   * ignores and does not send.
   */
  unavailableKinds?: Readonly<Record<string, string>> | undefined;
  /**
   * The URL of the invoker's object memory for other invokers and for controllers, without a path. An extension that
   * Apache OpenWhisk ignores. Missing: the invoker shares no objects.
   */
  objects?: string | undefined;
  /** Whether the invoker prepares containers on request: see `ActivationMessage.prepare`. An extension, too. */
  prepares?: boolean | undefined;
  /**
   * With `isEnabled: false`: whether the invoker goes on to run what it gets, so that its colors may leave bit by bit. An
   * extension, too.
   */
  drains?: boolean | undefined;
}

const schema = z.object({
  name: invokerInstanceSchema,
  isEnabled: z.boolean().optional(),
  // An invalid value must not invalidate the ping.
  unavailableKinds: z.record(z.string(), z.string()).optional().catch(undefined),
  objects: objectsUrlSchema.optional().catch(undefined),
  prepares: z.boolean().optional().catch(undefined),
  drains: z.boolean().optional().catch(undefined),
});

export const encodePing = (ping: PingMessage): string => JSON.stringify(ping);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodePing = (text: string): PingMessage => schema.parse(JSON.parse(text));
