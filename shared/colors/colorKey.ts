/**
 * A color as policies know it: an integer of 53 bits, made of the namespace and the color's text. Two colors with the same
 * number share a home, which a hint may; with a million colors the chance that there is such a pair is 1 in 18,000.
 */
export type ColorKey = number;

/** The key of a color in its namespace: the same in every process. */
export function colorKey(namespace: string, color: string): ColorKey {
  let low = 0x9747b28c;
  let high = 0x1b873593;
  for (let i = 0; i < namespace.length; i++) {
    const unit = namespace.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  // A unit that no text has keeps "ab" + "c" from being "a" + "bc".
  low = Math.imul(low ^ 0x10000, 0x01000193);
  high = Math.imul(high ^ 0x10000, 0x85ebca6b);
  for (let i = 0; i < color.length; i++) {
    const unit = color.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x01000193);
    high = Math.imul(high ^ unit, 0x85ebca6b);
  }
  // Each half depends on both lanes, or the first one's collisions would be those of 32 bits.
  const mixedLow = mix(low ^ rotate(high));
  const mixedHigh = mix(high ^ mixedLow);
  return (mixedHigh & 0x1fffff) * 0x100000000 + mixedLow;
}

const rotate = (value: number): number => (value << 15) | (value >>> 17);

/** Spreads the bits of an integer over 32 unsigned ones; one to one (the finalizer of MurmurHash3). */
export function mix(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Where a color falls on a circle of 2^32 points, for a seed. */
export function pointOf(color: ColorKey, seed: number): number {
  return mix((color >>> 0) ^ mix(Math.floor(color / 0x100000000) ^ seed));
}
