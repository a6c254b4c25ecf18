// Joins one bucket, and sums the revenue by segment.
const objects = require('palette-whisk/objects');

async function main({ job, bucket }) {
  const color = `${job}-${bucket}`;
  const read = async (table) => {
    const listed = await objects.list(color, { prefix: `${table}/` });
    return (await Promise.all(listed.map(({ key }) => objects.get(color, key)))).flat();
  };
  const [customers, orders, items] = await Promise.all(['customer', 'order', 'item'].map(read));
  const segments = new Map(customers.map(({ id, segment }) => [id, segment]));
  const open = new Map(orders.map(({ id, customer }) => [id, segments.get(customer)]));
  const sums = {};
  for (const { order, cents } of items) {
    const segment = open.get(order);
    if (segment !== undefined) sums[segment] = (sums[segment] ?? 0) + cents;
  }
  // The sums of all buckets are added where they are.
  await Promise.all(Object.entries(sums).map(([segment, sum]) => objects.increment(job, `revenue/${segment}`, sum)));
  return { items: items.length };
}
