import * as z from 'zod';

/**
 * What controllers tell each other of colors (topic `colors`, ours). A policy that keeps a table says what has to be the same
 * everywhere as updates with a key: each home that `least-assigned` gives, and the whole table of `bucket-hashing`.
 *
 * The rule if two controllers say different things of one key: the topic's order decides, and the later message holds. Each
 * controller applies every message in that order, its own too, so that all end with the same table; the one that lost moves the
 * color once. Compaction keeps the later message of a key, so that a controller that replays the topic at its start ends with the
 * same table.
 */
export type ColorMessage =
  | {
      readonly kind: 'update';
      /** The invokers that it is about, such as `managed`. */
      readonly pool: string;
      readonly policy: string;
      /** What it is about, in the policy's own terms. */
      readonly key: string;
      readonly value: string | number;
    }
  /** Tells the sender, when it comes back, that it has replayed everything before it. */
  | { readonly kind: 'mark'; readonly controller: string; readonly nonce: string };

const schema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('update'),
    pool: z.string(),
    policy: z.string(),
    key: z.string().max(100),
    value: z.union([z.string(), z.number()]),
  }),
  z.object({ kind: z.literal('mark'), controller: z.string(), nonce: z.string() }),
]);

export const encodeColorMessage = (message: ColorMessage): string => JSON.stringify(message);

/** @throws SyntaxError or ZodError on a text that is not a message of colors. */
export const decodeColorMessage = (text: string): ColorMessage => schema.parse(JSON.parse(text));

/** By which the topic is compacted: the last message of each key and controller stays. */
export function colorMessageKey(message: ColorMessage): string {
  return message.kind === 'mark' ? `mark/${message.controller}` : `${message.pool}/${message.policy}/${message.key}`;
}
