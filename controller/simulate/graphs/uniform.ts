const MASK = (1n << 64n) - 1n;

/** The key of Task Bench: the bytes 1 to 15 and a 0. */
const KEY_LOW = 0x0807060504030201n;
const KEY_HIGH = 0x000f0e0d0c0b0a09n;

/**
 * Task Bench's uniform number from 0 up to 1 for a list of 64-bit integers: their SipHash-2-4 (Aumasson and Bernstein)
 * with Task Bench's key, over 2^64.
 */
export function uniform(values: readonly number[]): number {
  let v0 = KEY_LOW ^ 0x736f6d6570736575n;
  let v1 = KEY_HIGH ^ 0x646f72616e646f6dn;
  let v2 = KEY_LOW ^ 0x6c7967656e657261n;
  let v3 = KEY_HIGH ^ 0x7465646279746573n;
  const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & MASK;
  const rounds = (count: number): void => {
    for (let i = 0; i < count; i++) {
      v0 = (v0 + v1) & MASK;
      v1 = rotate(v1, 13n) ^ v0;
      v0 = rotate(v0, 32n);
      v2 = (v2 + v3) & MASK;
      v3 = rotate(v3, 16n) ^ v2;
      v0 = (v0 + v3) & MASK;
      v3 = rotate(v3, 21n) ^ v0;
      v2 = (v2 + v1) & MASK;
      v1 = rotate(v1, 17n) ^ v2;
      v2 = rotate(v2, 32n);
    }
  };
  const absorb = (word: bigint): void => {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  };
  for (const value of values) absorb(BigInt.asUintN(64, BigInt(value)));
  // The last word has only the length in bytes, since all values are whole words.
  absorb(BigInt((8 * values.length) & 0xff) << 56n);
  v2 ^= 0xffn;
  rounds(4);
  return Number(v0 ^ v1 ^ v2 ^ v3) / 2 ** 64;
}
