// Tells how often the database was asked.
const objects = require('palette-whisk/objects');

async function main() {
  return { queries: Number((await objects.get('shop', 'queries')) ?? 0) };
}
