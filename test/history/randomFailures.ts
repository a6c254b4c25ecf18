import assert from 'node:assert/strict';
import { parseObjectPath } from '../../shared/objects/objectPath.js';
import { TestCluster } from '../unit/invoker/objects/sharing/cluster.js';
import { MapStore } from '../unit/invoker/objects/sharing/MapStore.js';
import { FaultyStore } from './FaultyStore.js';
import { lossyPeers } from './lossyPeers.js';
import { RandomColor, type ColorOptions, type ColorPlace } from './RandomColor.js';

export interface Trial extends ColorOptions {
  /** They change at the same time. Each has its own random numbers, so what happens to it can be repeated. */
  readonly colors: number;
  /** The changes of each color in a round. */
  readonly steps: number;
  /** What happens between two rounds to the invokers. Missing: there is one round. */
  readonly events?: readonly ((cluster: TestCluster) => Promise<string>)[];
}

/** Where the objects of a color are. */
function placeOf(cluster: TestCluster, color: string): ColorPlace {
  const [home, next] = cluster.homes(color).homes.map(({ instance }) => cluster.nodes[instance]);
  assert.ok(home, 'no invoker is up');
  return { home, next };
}

/**
 * Changes the objects of many colors at random while requests fail.
 * @returns what was wrong, with the steps of the color.
 */
export async function faultsOf(seed: number, trial: Trial): Promise<string[]> {
  const store = new MapStore();
  const colors = new Map<string, RandomColor>();
  const cluster: TestCluster = new TestCluster(
    (instance) =>
      new FaultyStore(
        store,
        (operation, color) => colors.get(color)?.faults.ofStore(operation, instance) ?? { kind: 'well' },
        (color) => colors.get(color)?.others ?? 0,
      ),
  );
  const heal = lossyPeers((_, { operation, path }) => {
    const { color } = parseObjectPath(path.split('?', 1)[0] ?? '');
    return colors.get(color)?.faults.ofPeer(operation);
  });
  for (let number = 0; number < trial.colors; number++) {
    const name = `${number % 2 === 0 ? 'new' : 'old'}${number} of seed ${seed}`.replaceAll(' ', '-');
    const random = Math.imul(seed * 65_536 + number, 0x9e3779b1);
    colors.set(name, new RandomColor(name, random, trial, store, () => placeOf(cluster, name)));
  }
  const all = [...colors.values()];
  try {
    await cluster.add();
    await cluster.add();
    await Promise.all(all.map((color) => color.begin()));
    await Promise.all(all.map((color) => color.steps(trial.steps)));
    for (const event of trial.events ?? []) {
      const what = await event(cluster);
      for (const color of all) color.note(` ${what}`);
      await Promise.all(all.map((color) => color.readSoon()));
      await Promise.all(all.map((color) => color.steps(trial.steps)));
    }
    await Promise.all(all.map((color) => color.faults.execute()));
    await Promise.all(all.map((color) => color.readSoon()));
  } finally {
    heal();
    const faults = cluster.nodes.flatMap((node) => node.faults);
    await cluster.close();
    assert.deepEqual(faults, []);
  }
  return all.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));
}
