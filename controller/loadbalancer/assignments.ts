import * as z from 'zod';
import { BUCKETS } from '../../shared/colors/buckets.js';
import type { ColorKey } from '../../shared/colors/colorKey.js';
import type { Topic } from '../../shared/messaging/Messaging.js';

/*
 * What controllers tell each other of colors. Two policies keep a table, and the table has to be the same everywhere: each
 * home that `least-assigned` gives, and the whole table of `bucket-hashing`, goes to a compacted topic of one partition.
 *
 * The rule when two controllers assign one color at once: the topic's order decides, and the later message holds. Each
 * controller applies every message in that order, its own too, so that all end with the same home; the one that lost
 * moves the color once. Compaction keeps the later message of a key, so that a controller that replays the topic at its
 * start ends with the same table.
 */

/** Which invokers: those for actions of the manifest, or those for users' own images. */
export type PoolName = 'managed' | 'blackbox';

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

const WEEK_MS = 7 * 24 * 3_600_000;

/**
 * The topic of assignments. It is compacted, and forgets a color that nobody assigned anew for a week: without an end,
 * every color ever seen would be read again at each start.
 */
export function assignments(prefix = ''): Topic<Assignment> & { key(message: Assignment): string } {
  return {
    name: `${prefix}colors`,
    encode: (message) => JSON.stringify(message),
    decode: (text) => schema.parse(JSON.parse(text)),
    settings: {
      'cleanup.policy': 'compact,delete',
      'retention.ms': String(WEEK_MS),
      'segment.ms': '3600000',
      'segment.bytes': String(64 * 1024 * 1024),
      'min.cleanable.dirty.ratio': '0.1',
    },
    key: (message) => {
      if (message.kind === 'color') return `${message.pool}/${message.color.toString(36)}`;
      return message.kind === 'buckets' ? `${message.pool}/buckets` : `mark/${message.controller}`;
    },
  };
}

export function encodeOwners(owners: Uint16Array): string {
  const bytes = Buffer.alloc(owners.length * 2);
  owners.forEach((owner, bucket) => bytes.writeUInt16LE(owner, bucket * 2));
  return bytes.toString('base64');
}

/** Undefined where the text is no table. */
export function decodeOwners(text: string): Uint16Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== BUCKETS * 2) return undefined;
  return Uint16Array.from({ length: BUCKETS }, (_, bucket) => bytes.readUInt16LE(bucket * 2));
}
