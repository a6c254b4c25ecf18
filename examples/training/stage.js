// One layer of a network: takes each part of the batch as soon as the stage before it has left it.
const objects = require('palette-whisk/objects');

async function main({ job, stage, parts, matrix }) {
  for (let part = 0; part < parts; part++) {
    const input = await objects.wait(job, `stage-${stage}-part-${part}`);
    if (!input) return { error: `part ${part} did not arrive at stage ${stage}` };
    const output = input.value.map((row) =>
      matrix.map((weights) =>
        Math.max(
          0,
          weights.reduce((sum, weight, i) => sum + weight * row[i], 0),
        ),
      ),
    );
    await objects.put(job, `stage-${stage + 1}-part-${part}`, output);
    await objects.delete(job, `stage-${stage}-part-${part}`);
  }
  return { stage, parts };
}
