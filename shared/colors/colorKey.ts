/**
 * A color for policies: a 53-bit hash of the namespace and the color's text. Two colors with the same hash share a
 * home, which is harmless. With a million colors the probability of such a pair is 1 in 18,000.
 */
export type ColorKey = number;

/** The key of a color in its namespace. It is the same in every process. */
export function colorKey(namespace: string, color: string): ColorKey {
  let low = 0x9747b28c;
  let high = 0x1b873593;
  for (let i = 0; i < namespace.length; i++) {
    const unit = namespace.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  // Separate the two with a unit that no text contains, so that "ab" + "c" differs from "a" + "bc".
  low = Math.imul(low ^ 0x10000, 0x01000193);
  high = Math.imul(high ^ 0x10000, 0x85ebca6b);
  for (let i = 0; i < color.length; i++) {
    const unit = color.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  // Each half must depend on both lanes: otherwise collisions would be as likely as with 32 bits.
  const mixedLow = mix(low ^ rotate(high));
  const mixedHigh = mix(high ^ mixedLow);
  return (mixedHigh & 0x1fffff) * 0x100000000 + mixedLow;
}

const rotate = (value: number): number => (value << 15) | (value >>> 17);

/** Mixes the bits of a 32-bit integer, one to one (the finalizer of MurmurHash3). */
export function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** The point of a color on a ring of 2^32 points, for a seed. */
export function pointOf(color: ColorKey, seed: number): number {
  return mix((color >>> 0) ^ mix(Math.floor(color / 0x100000000) ^ seed));
}
