import * as z from 'zod';
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
}

const schema = z.object({
  name: invokerInstanceSchema,
  isEnabled: z.boolean().optional(),
  // An invalid value must not invalidate the ping.
  unavailableKinds: z.record(z.string(), z.string()).optional().catch(undefined),
});

export const encodePing = (ping: PingMessage): string => JSON.stringify(ping);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodePing = (text: string): PingMessage => schema.parse(JSON.parse(text));
