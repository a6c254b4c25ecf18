import * as z from 'zod';
import type { ColorKey } from '../colors/colorKey.js';

/** Which invokers: those for actions of the manifest, or those for users' own images. */
export type PoolName = 'managed' | 'blackbox';

/** What controllers tell each other of the homes of colors (topic `colors`, ours). */
export type Assignment =
  | { readonly kind: 'color'; readonly pool: PoolName; readonly color: ColorKey; readonly invoker: number }
  /** `owners`: 16,384 numbers of two bytes, little-endian, in base64. */
  | { readonly kind: 'buckets'; readonly pool: PoolName; readonly owners: string }
  /** Tells the sender, when it comes back, that it has replayed everything before it. */
  | { readonly kind: 'mark'; readonly controller: string; readonly nonce: string };

const pool = z.enum(['managed', 'blackbox']);
const schema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('color'),
    pool,
    color: z.int().nonnegative(),
    invoker: z.int().min(0).max(65_534),
  }),
  z.object({ kind: z.literal('buckets'), pool, owners: z.string() }),
  z.object({ kind: z.literal('mark'), controller: z.string(), nonce: z.string() }),
]);

export const encodeAssignment = (assignment: Assignment): string => JSON.stringify(assignment);

/** @throws SyntaxError or ZodError on a text that is not an assignment. */
export const decodeAssignment = (text: string): Assignment => schema.parse(JSON.parse(text));

/** By which the topic is compacted: the last message of each color, table and controller stays. */
export function assignmentKey(assignment: Assignment): string {
  if (assignment.kind === 'color') return `${assignment.pool}/${assignment.color.toString(36)}`;
  return assignment.kind === 'buckets' ? `${assignment.pool}/buckets` : `mark/${assignment.controller}`;
}
