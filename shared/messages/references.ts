import * as z from 'zod';
import { PERSISTENCES } from '../objects/ObjectRequest.js';

/** As `over`: no result is kept as an object, since none may be so large. */
export const KEEP_NONE = 64 * 1024 * 1024;

/**
 * The part of an activation message that asks for results by reference: an extension that Apache OpenWhisk ignores. The
 * invoker resolves references in the parameters, and keeps a large result as an object.
 */
export const messageReferencesSchema = z.object({
  /** A result of more bytes is kept as an object. From `KEEP_NONE` on, none is. */
  over: z.int().min(0),
  persistence: z.enum(PERSISTENCES),
  /** The time until the object is removed, in ms. */
  ttlMs: z.number().positive(),
  /** The color policy that says where the objects are; missing: the namespace's or the installation's. */
  policy: z.string().optional(),
  /**
   * If the parameters themselves are a reference: those beside it that the fields of the object override. All others
   * override them.
   */
  preset: z.array(z.string()).optional(),
});
export type MessageReferences = z.infer<typeof messageReferencesSchema>;
