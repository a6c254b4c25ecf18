import * as z from 'zod';
import { objectsUrlSchema } from './messageObjects.js';

/** The path of a controller where an invoker asks for all invokers that share objects. */
export const INVOKERS_PATH = '/palette/homes/invokers';

/** The most invokers that a controller names. */
export const MAX_INVOKERS = 1000;
/**
 * An invoker with copies of objects is waited for so long if it does not answer, in ms. It may be cut off, and have the only copies. It may
 * also have gone for ever, without a trace. After that, its copies count as lost.
 */
export const LOST_AFTER_MS = 600_000;

const peerSchema = z.object({ instance: z.int().min(0), url: objectsUrlSchema });

/** The response: `objectInvokers` of a controller. */
export const invokersReplySchema = z.object({
  up: z.array(peerSchema).max(MAX_INVOKERS),
  /** Those that are down or drain, and for how long the controller has not heard of them, in ms. */
  away: z.array(peerSchema.extend({ silentMs: z.number().min(0) })).max(MAX_INVOKERS),
});
export type InvokersReply = z.infer<typeof invokersReplySchema>;
