import type { Trial } from '../../history/randomFailures.js';
import type { TestCluster } from '../../unit/invoker/objects/sharing/cluster.js';

async function joins(cluster: TestCluster): Promise<string> {
  const { instance } = await cluster.add();
  return `invoker${instance} joins`;
}

const FAILING = { changes: 0.75, requests: 0.5 };

export const TRIALS: Record<string, Trial> = {
  'in memory, at two invokers and in the store': { ...FAILING, colors: 200, steps: 8 },
  'with times that end': { ...FAILING, colors: 200, steps: 8, ttls: 0.4, slow: 0.4 },
  'in colors with very many stored objects': { ...FAILING, colors: 100, steps: 8, many: true },
  'while their home changes': { ...FAILING, colors: 100, steps: 3, events: [joins, joins, joins, joins] },
};
