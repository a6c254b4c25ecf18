import * as z from 'zod';

/** A controller tells the others that an entity changed (topic `cacheInvalidation`); `mainId` is its document id. */
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

/** @throws SyntaxError or ZodError on a message that is none. */
export const decodeCacheInvalidation = (text: string): CacheInvalidationMessage => schema.parse(JSON.parse(text));
