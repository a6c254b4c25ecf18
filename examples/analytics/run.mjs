import { connect, deploy, forget, invoke } from '../client.mjs';
import { revenue, tables } from './tables.mjs';

const BUCKETS = 4;
const PARTITIONS = 3;
const job = 'query';
const client = connect();
await forget(client, [job, ...Array.from({ length: BUCKETS }, (_, i) => `${job}-${i}`)]);
await deploy(client, import.meta.url, ['scan', 'join', 'total']);

const data = tables(500);
const scans = Object.entries(data).flatMap(([table, rows]) =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({
    job,
    table,
    partition,
    buckets: BUCKETS,
    rows: rows.filter((_row, i) => i % PARTITIONS === partition),
  })),
);
const scanned = await Promise.all(scans.map((scan) => invoke(client, 'scan', scan)));
const joined = await Promise.all(
  Array.from({ length: BUCKETS }, (_, bucket) => invoke(client, 'join', { job, bucket }, `${job}-${bucket}`)),
);
const total = await invoke(client, 'total', { job }, job);
const expected = revenue(data);
const same = Object.keys(expected).every((segment) => expected[segment] === total[segment]);
const sum = (list, field) => list.reduce((all, entry) => all + entry[field], 0);
console.log(JSON.stringify({ scanned: sum(scanned, 'scanned'), joined: sum(joined, 'items'), total, same }));
