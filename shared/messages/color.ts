import * as z from 'zod';

/**
 * A controller's message to the others about colors (topic `colors`, an extension). A policy with a table shares it as
 * updates with keys: `least-assigned` shares each new home, `bucket-hashing` the whole table.
 *
 * If two controllers send different updates for one key, the later message in the topic's order holds. Each controller
 * applies all messages in that order, including its own, so that all have the same table in the end; the controller
 * with the earlier message moves the color once. Compaction keeps the last message of a key, so a controller that
 * replays the topic at its start gets the same table.
 */
export type ColorMessage =
  | {
      readonly kind: 'update';
      /** The pool of invokers, such as `managed`. */
      readonly pool: string;
      readonly policy: string;
      /** The key, which the policy defines. */
      readonly key: string;
      readonly value: string | number;
    }
  /** When the sender consumes its own mark, it has replayed all earlier messages. */
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

/** @throws SyntaxError or ZodError for an invalid message. */
export const decodeColorMessage = (text: string): ColorMessage => schema.parse(JSON.parse(text));

/** The key for the topic's compaction, which keeps the last message of each key and controller. */
export function colorMessageKey(message: ColorMessage): string {
  return message.kind === 'mark' ? `mark/${message.controller}` : `${message.pool}/${message.policy}/${message.key}`;
}
