// Computes the gradient of its part of the data in each round.
const objects = require('palette-whisk/objects');

const probability = (weights, x) => 1 / (1 + Math.exp(-x.reduce((sum, value, i) => sum + value * weights[i], 0)));

async function main({ job, worker, rows, rounds, persistence }) {
  for (let round = 0; round < rounds; round++) {
    const found = await objects.wait(job, `weights-${round}`);
    if (!found) return { error: `the weights of round ${round} did not arrive` };
    const weights = found.value;
    const gradient = [0, 0, 0];
    for (const { x, y } of rows) x.forEach((value, i) => (gradient[i] += (probability(weights, x) - y) * value));
    await objects.put(job, `gradient-${round}-${worker}`, gradient, { persistence });
  }
  return { worker, rounds };
}
