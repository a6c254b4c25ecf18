import * as z from 'zod';
import { invokerInstanceSchema, type InvokerInstance } from './instances.js';

/** An invoker's sign of life, each second (topic `health`). */
export interface PingMessage {
  name: InvokerInstance;
  isEnabled?: boolean | undefined;
}

const schema = z.object({ name: invokerInstanceSchema, isEnabled: z.boolean().optional() });

export const encodePing = (ping: PingMessage): string => JSON.stringify(ping);

/** @throws SyntaxError or ZodError on a message that is none. */
export const decodePing = (text: string): PingMessage => schema.parse(JSON.parse(text));
