import * as z from 'zod';

/**
 * A controller's message to the others (topic `cacheInvalidation`): an entity changed. `mainId` is its document id. The
 * optional fields are ours; Apache OpenWhisk's controllers ignore them. A message with `mainId: ''` names no entity.
 */
export interface CacheInvalidationMessage {
  /** `controller` and the controller's id. */
  instanceId: string;
  key: { mainId: string; secondaryId?: string | undefined };
  /** The number of the change. It grows with each change of this controller, also over restarts. */
  change?: number | undefined;
  /** The latest change of each other controller that this one has taken over. Empty: it asks the others for theirs. */
  seen?: Readonly<Record<string, number>> | undefined;
  /** Whether the controller ends. */
  leaves?: boolean | undefined;
}

const schema = z.object({
  instanceId: z.string(),
  key: z.object({ mainId: z.string(), secondaryId: z.string().optional() }),
  change: z.number().optional(),
  seen: z.record(z.string(), z.number()).optional(),
  leaves: z.boolean().optional(),
});

export const encodeCacheInvalidation = (message: CacheInvalidationMessage): string => JSON.stringify(message);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodeCacheInvalidation = (text: string): CacheInvalidationMessage => schema.parse(JSON.parse(text));
