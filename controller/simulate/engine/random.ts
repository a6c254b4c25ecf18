/** Numbers from 0 up to 1; the same for the same seed (mulberry32, a public-domain generator by T. Ettinger). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 0x100000000;
  };
}

/** Draws integers from 0 to `count` - 1 by Zipf's law: k with a weight of 1/(k + 1)^exponent. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) sums[i] = total += 1 / (i + 1) ** exponent;
  return () => {
    const wanted = random() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((sums[middle] ?? Infinity) < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Puts a list in random order, in place (Fisher and Yates). */
export function shuffle<T extends Int32Array | unknown[]>(list: T, random: () => number): T {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const kept = list[i];
    list[i] = list[j];
    list[j] = kept;
  }
  return list;
}
