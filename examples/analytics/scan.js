// Scans one partition of a table, and puts its rows into the objects of their buckets.
const objects = require('palette-whisk/objects');

/** What the query needs of each table, and by which key it is joined. */
const SCANS = {
  // Customers are few: each bucket gets all of them.
  customer: { keep: () => true, bucket: () => 'all' },
  order: { keep: (row) => row.open, bucket: (row, buckets) => row.id % buckets },
  item: { keep: () => true, bucket: (row, buckets) => row.order % buckets },
};

async function main({ job, table, partition, rows, buckets }) {
  const { keep, bucket } = SCANS[table];
  const parts = Array.from({ length: buckets }, () => []);
  for (const row of rows.filter(keep)) {
    const to = bucket(row, buckets);
    for (const part of to === 'all' ? parts : [parts[to]]) part.push(row);
  }
  // One object for each bucket, not one for each row.
  await Promise.all(
    parts.map((part, i) => objects.put(`${job}-${i}`, `${table}/${partition}`, part, { ttlMs: 600_000 })),
  );
  return { scanned: rows.length };
}
