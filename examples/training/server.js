// Adds the gradients of all workers, and publishes the next weights.
const objects = require('palette-whisk/objects');

async function main({ job, workers, rounds, rate, count, persistence }) {
  let weights = [0, 0, 0];
  await objects.put(job, 'weights-0', weights, { persistence });
  const started = Date.now();
  for (let round = 0; round < rounds; round++) {
    const keys = Array.from({ length: workers }, (_, worker) => `gradient-${round}-${worker}`);
    const gradients = await Promise.all(keys.map((key) => objects.wait(job, key)));
    if (gradients.includes(undefined)) return { error: `a gradient of round ${round} did not arrive` };
    weights = weights.map(
      (weight, i) => weight - (rate * gradients.reduce((sum, { value }) => sum + value[i], 0)) / count,
    );
    await objects.put(job, `weights-${round + 1}`, weights, { persistence });
    await Promise.all(keys.map((key) => objects.delete(job, key)));
  }
  return { weights, msPerRound: (Date.now() - started) / rounds };
}
