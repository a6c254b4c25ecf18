import { connect, deploy, forget, invoke } from '../client.mjs';

const client = connect();
await forget(client, ['cluster']);
await deploy(client, import.meta.url, ['candidate']);
const names = ['ada', 'bob', 'cyd', 'dan', 'eve'];
const terms = await Promise.all(
  names.map((name, i) => invoke(client, 'candidate', { name, dies: i === 0 || i === 2 }, 'cluster')),
);
console.log(
  JSON.stringify({
    terms: terms.map(({ term }) => term).toSorted((a, b) => a - b),
    mostLeadersAtOnce: Math.max(...terms.map(({ leaders }) => leaders)),
  }),
);
