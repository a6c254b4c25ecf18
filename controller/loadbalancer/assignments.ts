import { BUCKETS } from '../../shared/colors/buckets.js';

/*
 * What controllers tell each other of colors. Two policies keep a table, and the table has to be the same everywhere: each
 * home that `least-assigned` gives, and the whole table of `bucket-hashing`, goes to the compacted topic `colors` of one partition.
 *
 * The rule when two controllers assign one color at once: the topic's order decides, and the later message holds. Each
 * controller applies every message in that order, its own too, so that all end with the same home; the one that lost
 * moves the color once. Compaction keeps the later message of a key, so that a controller that replays the topic at its
 * start ends with the same table.
 */

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
