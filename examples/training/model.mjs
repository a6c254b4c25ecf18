// The data and the mathematics of the example, for the check in one process.
/** Points in two dimensions, above or below a line. The same in each run. */
export function data(count) {
  let seed = 42;
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
  return Array.from({ length: count }, () => {
    const x = [1, random() * 2 - 1, random() * 2 - 1];
    return { x, y: x[1] + 2 * x[2] > 0.2 ? 1 : 0 };
  });
}

const probability = (weights, x) => 1 / (1 + Math.exp(-x.reduce((sum, value, i) => sum + value * weights[i], 0)));

export const loss = (weights, rows) =>
  -rows.reduce((sum, { x, y }) => {
    const p = probability(weights, x);
    return sum + (y === 1 ? Math.log(p) : Math.log(1 - p));
  }, 0) / rows.length;

/** Trains in one process. */
export function train(rows, rounds, rate) {
  let weights = [0, 0, 0];
  for (let round = 0; round < rounds; round++) {
    const gradient = [0, 0, 0];
    for (const { x, y } of rows) x.forEach((value, i) => (gradient[i] += (probability(weights, x) - y) * value));
    weights = weights.map((weight, i) => weight - (rate * gradient[i]) / rows.length);
  }
  return weights;
}
