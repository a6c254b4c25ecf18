import assert from 'node:assert/strict';
import { parseObjectPath } from '../../shared/objects/objectPath.js';
import { TestCluster } from '../unit/invoker/objects/sharing/cluster.js';
import { MapStore } from '../unit/invoker/objects/sharing/MapStore.js';
import { cutOff, reconnect } from '../integration/objects/clusters.js';
import { FaultyStore } from './FaultyStore.js';
import { randomNumbers } from './ObjectHistory.js';
import { lossyPeers } from './lossyPeers.js';
import { RandomColor, type ColorOptions, type ColorPlace } from './RandomColor.js';

/**
 * What happens to the invokers.
 *
 *   joins             another one joins, and is the home of half of the colors
 *   newest dies       the one that has joined last
 *   newest restarts   it starts again, before the controllers notice that
 *   newest drains     it hands its objects over, and takes part no more
 *   newest is cut off from the other invokers and from the controllers, which notice it
 *   all come back     those that have drained or were cut off take part again
 */
export type InvokerEvent =
  | 'joins'
  | 'all come back'
  | `${'newest' | 'oldest'} ${'dies' | 'restarts' | 'drains' | 'is cut off'}`;

export interface Trial extends ColorOptions {
  /** They change at the same time. Each has its own random numbers, so what happens to it can be repeated. */
  readonly colors: number;
  /** The changes of each color in a round. */
  readonly steps: number;
  /** What happens between two rounds. Missing: there is one round. */
  readonly events?: readonly InvokerEvent[];
  /**
   * The part of the events that come soon after one that harms nobody, such as a join: while colors still move, and new sets of copies are
   * made. Missing: none.
   */
  readonly soon?: number;
}

/** Whether all objects are still at two invokers at least, if they were before. */
const harmsNobody = (event: InvokerEvent | undefined): boolean =>
  event === 'joins' || event === 'all come back' || event?.endsWith('drains') === true;
/** The longest time between such events, in ms. */
const SOON_MS = 400;

/** Where the objects of a color are. */
function placeOf(cluster: TestCluster, color: string): ColorPlace {
  const [home, next] = cluster.homes(color).homes.map(({ instance }) => cluster.nodes[instance]);
  assert.ok(home, 'no invoker is up');
  return { home, next };
}

async function happens(
  event: InvokerEvent,
  cluster: TestCluster,
  colors: readonly RandomColor[],
  runs: Map<number, number>,
): Promise<void> {
  const up = cluster.nodes.filter(({ state }) => state === 'up');
  const node = event.startsWith('newest') ? up.at(-1) : up[0];
  if (event === 'joins' || !node) {
    const { instance } = await cluster.add();
    for (const color of colors) color.change(`invoker${instance} joins`);
    return;
  }
  if (event === 'all come back') {
    for (const color of colors) color.change(event);
    const away = cluster.nodes.filter(({ state, reachesControllers }) => state === 'draining' || !reachesControllers);
    for (const one of away) {
      reconnect(one);
      one.state = 'up';
    }
    return;
  }
  if (event.endsWith('drains') || event.endsWith('is cut off')) {
    for (const color of colors) color.change(`invoker${node.instance}: ${event}`);
    if (event.endsWith('drains')) {
      await cluster.drain(node);
      return;
    }
    cutOff(node);
    cluster.notice(node);
    return;
  }
  await Promise.all(colors.map((color) => color.faults.dies(node.instance)));
  for (const color of colors) color.change(`invoker${node.instance}: ${event}`);
  runs.set(node.instance, (runs.get(node.instance) ?? 0) + 1);
  // The store has executed what the invoker has asked for, or never does.
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  if (event.endsWith('restarts')) await cluster.restart(node);
  else await cluster.kill(node);
  if (event.endsWith('dies')) cluster.notice(node);
}

/**
 * Changes the objects of many colors at random while requests fail.
 * @returns what was wrong, with the steps of the color.
 */
export async function faultsOf(seed: number, trial: Trial): Promise<string[]> {
  const random = randomNumbers(Math.imul(seed, 0xc2b2ae35));
  const store = new MapStore();
  const colors = new Map<string, RandomColor>();
  /** The number of the run of each invoker. */
  const runs = new Map<number, number>();
  const cluster: TestCluster = new TestCluster((instance) => {
    const run = (runs.get(instance) ?? 0) + 1;
    runs.set(instance, run);
    // It ends when the invoker dies.
    const isDead = (): boolean => runs.get(instance) !== run;
    return new FaultyStore(
      store,
      (operation, color) =>
        isDead() ? { kind: 'lost' } : (colors.get(color)?.faults.ofStore(operation, instance) ?? { kind: 'well' }),
      (color) => colors.get(color)?.others ?? 0,
    );
  });
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
    let before: InvokerEvent | undefined;
    let isSoon = false;
    for (const event of [...(trial.events ?? []), undefined]) {
      isSoon = event !== undefined && harmsNobody(before) && random() < (trial.soon ?? 0);
      if (!isSoon) await Promise.all(all.map((color) => color.begin()));
      before = event;
      const changes = Promise.all(all.map((color) => color.steps(trial.steps)));
      if (isSoon) await new Promise((resolve) => setTimeout(resolve, random() * SOON_MS));
      else if (trial.suddenly !== true) await changes;
      if (event) await happens(event, cluster, all, runs);
      await changes;
      if (!isSoon) await Promise.all(all.map((color) => color.readSoon()));
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
