import { connect, deploy, forget, invoke } from '../client.mjs';

const client = connect();
await forget(client, ['shop', 'product-7']);
await deploy(client, import.meta.url, ['product', 'queries']);
const rows = await Promise.all(Array.from({ length: 10 }, () => invoke(client, 'product', { id: 7 }, 'product-7')));
const { queries } = await invoke(client, 'queries', {}, 'shop');
console.log(
  JSON.stringify({ invocations: rows.length, same: new Set(rows.map((row) => row.name)).size === 1, queries }),
);
