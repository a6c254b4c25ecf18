// Reads a product. Of all invocations that miss it at once, one asks the database.
const objects = require('palette-whisk/objects');

/** Stands for a slow database. Counts its queries, so that the example can show their number. */
async function query(id) {
  await objects.increment('shop', 'queries');
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { id, name: `product ${id}`, price: 100 + id };
}

async function main({ id }) {
  return objects.get(`product-${id}`, 'row', { load: () => query(id), ttlMs: 60_000 });
}
