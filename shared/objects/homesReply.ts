import * as z from 'zod';
import { objectsUrlSchema } from './messageObjects.js';

/** The path of a controller where invokers ask for the homes of a color, and its query. */
export const HOMES_PATH = '/palette/homes';

export const homesQuery = (namespace: string, color: string, policy: string | undefined): string =>
  new URLSearchParams({ namespace, color, ...(policy === undefined ? {} : { policy }) }).toString();

const peersSchema = z.array(z.object({ instance: z.int().min(0), url: objectsUrlSchema })).max(16);

/** The response: `ObjectHomes` of a controller. */
export const homesReplySchema = z.object({
  policy: z.string(),
  homes: peersSchema,
  away: peersSchema,
  /**
   * How long the home may rely on it if no controller answers, in ms. It ends before a controller that gets no pings
   * of the home names another one.
   */
  validMs: z.number().positive(),
  /**
   * The namespace's own limit on the memory of its objects in one invoker, in bytes, as it is now; null: none. Missing from
   * controllers of earlier versions.
   */
  limitBytes: z.number().nonnegative().nullable().optional(),
});
export type HomesReply = z.infer<typeof homesReplySchema>;
