import * as z from 'zod';

/** A controller's message to the others: an entity changed (topic `cacheInvalidation`). `mainId`: its document id. */
export interface CacheInvalidationMessage {
  /** `controller` and the controller's id. */
  instanceId: string;
  key: { mainId: string; secondaryId?: string | undefined };
}

const schema = z.object({
  instanceId: z.string(),
  key: z.object({ mainId: z.string(), secondaryId: z.string().optional() }),
});

export const encodeCacheInvalidation = (message: CacheInvalidationMessage): string => JSON.stringify(message);

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodeCacheInvalidation = (text: string): CacheInvalidationMessage => schema.parse(JSON.parse(text));
