import { connect, deploy, forget, invoke } from '../client.mjs';
import { data, loss, train } from './model.mjs';

const WORKERS = 4;
const ROUNDS = 20;
const RATE = 2;
const job = 'training';
const client = connect();
await forget(client, [job]);
await deploy(client, import.meta.url, ['worker', 'server', 'stage', 'batch']);

const rows = data(400);
const part = (worker) => rows.filter((_, i) => i % WORKERS === worker);
const [{ weights, msPerRound }] = await Promise.all([
  invoke(client, 'server', { job, workers: WORKERS, rounds: ROUNDS, rate: RATE, count: rows.length }, job),
  ...Array.from({ length: WORKERS }, (_, worker) =>
    invoke(client, 'worker', { job, worker, rows: part(worker), rounds: ROUNDS }, job),
  ),
]);
const alone = train(rows, ROUNDS, RATE);

const first = [
  [1, -1, 0],
  [0.5, 0.5, 0.5],
];
const second = [[2, 1]];
const parts = [0, 1, 2, 3].map((i) => rows.slice(i * 5, i * 5 + 5).map(({ x }) => x));
const [{ results }] = await Promise.all([
  invoke(client, 'batch', { job, parts, stages: 2 }, job),
  invoke(client, 'stage', { job, stage: 0, parts: parts.length, matrix: first }, job),
  invoke(client, 'stage', { job, stage: 1, parts: parts.length, matrix: second }, job),
]);
const layer = (matrix, row) =>
  matrix.map((weights) =>
    Math.max(
      0,
      weights.reduce((sum, weight, i) => sum + weight * row[i], 0),
    ),
  );
const expected = parts.map((part) => part.map((row) => layer(second, layer(first, row))));
const close = (a, b) => JSON.stringify(a, rounded) === JSON.stringify(b, rounded);
const rounded = (_, value) => (typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value);

console.log(
  JSON.stringify({
    lossBefore: Number(loss([0, 0, 0], rows).toFixed(2)),
    lossAfter: Number(loss(weights, rows).toFixed(2)),
    sameAsAlone: close(weights, alone),
    pipelineSameAsAlone: close(results, expected),
  }),
);
console.error(`one round took ${msPerRound} ms`);
