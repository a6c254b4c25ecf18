import * as z from 'zod';
import { PERSISTENCES } from '../objects/ObjectRequest.js';

/**
 * The part of an activation message that asks for results by reference: an extension that Apache OpenWhisk ignores. The
 * invoker resolves references in the parameters, and keeps a large result as an object.
 */
export const messageReferencesSchema = z.object({
  /** A result of more bytes is kept as an object. */
  over: z.int().min(0),
  persistence: z.enum(PERSISTENCES),
  /** The time until the object is removed, in ms. */
  ttlMs: z.number().positive(),
  /** The color policy that says where the objects are; missing: the namespace's or the installation's. */
  policy: z.string().optional(),
});
export type MessageReferences = z.infer<typeof messageReferencesSchema>;
