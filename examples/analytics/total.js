// The result of the query.
const objects = require('palette-whisk/objects');

async function main({ job }) {
  const listed = await objects.list(job, { prefix: 'revenue/' });
  const sums = await Promise.all(listed.map(async ({ key }) => [key.slice(8), Number(await objects.get(job, key))]));
  return Object.fromEntries(sums);
}
