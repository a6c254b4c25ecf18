// Feeds the parts of a batch to the pipeline, and collects the results of its last stage.
const objects = require('palette-whisk/objects');

async function main({ job, parts, stages }) {
  for (const [part, rows] of parts.entries()) await objects.put(job, `stage-0-part-${part}`, rows);
  const results = await Promise.all(parts.map((_, part) => objects.wait(job, `stage-${stages}-part-${part}`)));
  return { results: results.map((result) => result?.value ?? null) };
}
