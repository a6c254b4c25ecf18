import * as z from 'zod';

/** The URL of an object memory or of a controller: scheme, host and port. */
export const objectsUrlSchema = z.url({ protocol: /^https?$/ }).max(512);

/** A home of a color. */
export interface MessageHome {
  readonly instance: number;
  readonly url: string;
}

/** The part of an activation message about objects: an extension that Apache OpenWhisk ignores. */
export interface MessageObjects {
  /** The URL of the controller, which names the homes of other colors. */
  readonly controller: string;
  /** The first homes of the message's color, the nearest first. Missing: the message has no color. */
  readonly homes?: readonly MessageHome[] | undefined;
}

export const messageObjectsSchema = z.object({
  controller: objectsUrlSchema,
  homes: z
    .array(z.object({ instance: z.int().min(0), url: objectsUrlSchema }))
    .max(16)
    .optional(),
});
