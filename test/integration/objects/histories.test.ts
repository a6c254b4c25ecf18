import assert from 'node:assert/strict';
import { ObjectHistory, randomNumbers } from '../../history/ObjectHistory.js';
import { eventually } from '../../e2e/eventually.js';
import { colorKey } from '../../../invoker/objects/sharing/colorKey.js';
import { GUEST, TestCluster, VALID_MS, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { MapStore } from '../../unit/invoker/objects/sharing/MapStore.js';
import { emptyKept, evict, fillKept } from './clusters.js';

const PLACES = ['red', 'green', 'old'].flatMap((color) => ['a', 'b'].map((key) => `${color}/${key}`));
/** The pause after a change of unknown outcome: a client of a dead home makes few of them. */
const UNKNOWN_PAUSE_MS = 40;
/** How often an invoker evicts its objects in a test of evictions, in ms. */
const EVICT_MS = 2;
/** How many things happen in a test of all kinds. */
const STEPS = Number(process.env['HISTORY_STEPS'] ?? 4);
/** A busy machine takes long. */
const LIMIT_MS = 120_000;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs clients in all invokers until `stop`, and notes what they did to each object. */
class Workload {
  readonly history: ObjectHistory;
  readonly #cluster: TestCluster;
  readonly #random: () => number;
  #stopped = false;

  constructor(cluster: TestCluster, random: () => number, persistence: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.history = new ObjectHistory(random, PLACES, () => persistence);
  }

  /** Like a container: it ends with its invoker. */
  async client(node: Node): Promise<void> {
    const isThere = (): boolean => this.#cluster.nodes[node.instance] === node && node.state === 'up';
    while (!this.#stopped && isThere()) {
      const unknown = await this.history.step(async ({ path, ...call }) => {
        const inside = this.#random() < 0.5 ? await node.inside(path, call) : undefined;
        if (inside) return inside;
        const reply = await node.container.call(path, call).catch(() => undefined);
        return reply && { status: reply.status, text: reply.body.toString() };
      });
      await pause(unknown ? UNKNOWN_PAUSE_MS : this.#random() * 4);
    }
  }

  async start(): Promise<() => Promise<void>> {
    const running: Promise<void>[] = [];
    const known = new Set<Node>();
    const watch = (): void => {
      for (const node of this.#cluster.nodes) {
        if (node.state !== 'up' || known.has(node)) continue;
        known.add(node);
        const ended = Promise.all([this.client(node), this.client(node)]);
        // An invoker that takes part again has clients again.
        running.push(ended.then(() => void known.delete(node)));
      }
    };
    watch();
    const timer = setInterval(watch, 10);
    return async () => {
      clearInterval(timer);
      this.#stopped = true;
      await Promise.all(running);
    };
  }

  /** Resolves after so many more reads and increments. */
  async more(count: number): Promise<void> {
    const end = this.history.successes + count;
    const late = performance.now() + LIMIT_MS;
    while (this.history.successes < end) {
      const counts = JSON.stringify([...this.history.statuses]);
      assert.ok(performance.now() < late, `the clients do not go on: ${counts}`);
      await pause(10);
    }
  }
}

describe('the history of each object is linearizable', function () {
  this.timeout(600_000);
  const seed = Number(process.env['HISTORY_SEED'] ?? 1);

  async function check(
    persistence: string,
    nemesis: (cluster: TestCluster, workload: Workload) => Promise<void>,
    { invokers = 3, evicts = false } = {},
  ): Promise<void> {
    const cluster = new TestCluster(new MapStore());
    for (let i = 0; i < invokers; i++) await cluster.add();
    const workload = new Workload(cluster, randomNumbers(seed), persistence);
    const stop = await workload.start();
    const random = randomNumbers(seed + 1);
    const evictOne = (): void => {
      const up = cluster.nodes.filter(({ state }) => state !== 'dead');
      const node = up[Math.floor(random() * up.length)];
      if (node) evict(node);
    };
    const evicting = evicts ? setInterval(evictOne, EVICT_MS).unref() : undefined;
    await workload.more(30);
    await nemesis(cluster, workload);
    await workload.more(30);
    clearInterval(evicting);
    await stop();
    const faults = cluster.nodes.flatMap((node) => node.faults);
    await cluster.close();
    assert.deepEqual(faults, []);
    const unlinear = workload.history.faults();
    assert.equal(unlinear.length, 0, unlinear.join('\n'));
  }
  const nodeAt = (cluster: TestCluster, index: number): Node => {
    const node = cluster.nodes.at(index);
    assert.ok(node);
    return node;
  };

  /**
   * Asserts that a home has its colors back, and that the next home has a complete copy of them. Until then the copy is
   * in the third invoker, and the objects wait for that one if it is cut off.
   */
  const isBackAt = (home: Node, next: Node, persistence: string): void => {
    for (const color of ['red', 'green']) {
      assert.ok(home.sharing.owns(GUEST, color));
      if (persistence !== 'replicated') continue;
      const { sets } = next.sharing;
      const key = colorKey(GUEST, color);
      assert.deepEqual(sets.get(key), {
        epoch: sets.epoch(key),
        complete: true,
      });
    }
  };

  const drainsAndJoins = async (cluster: TestCluster, workload: Workload): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      const node = nodeAt(cluster, -1 - (i % 2));
      const { left } = await cluster.drain(node);
      assert.equal(left, 0);
      await cluster.kill(node);
      cluster.notice(node);
      await cluster.add();
      await workload.more(30);
    }
  };

  const cutsOff = async (persistence: string, cluster: TestCluster, workload: Workload): Promise<void> => {
    // The first and the last invoker are homes of colors. The one in between is their next home.
    const next = nodeAt(cluster, 1);
    for (const { home, color } of [
      { home: 2, color: 'red' },
      { home: 0, color: 'old' },
    ]) {
      const node = nodeAt(cluster, home);
      await eventually(() => assert.ok(node.sharing.owns(GUEST, color)));
      node.proxy.drop();
      node.reachesControllers = false;
      // The controllers take an invoker for dead when it has not pinged for longer than a reply holds.
      await pause(VALID_MS + 500);
      workload.history.mayLose();
      node.state = 'draining';
      // The next home takes the colors over, and changes their objects.
      await eventually(() => assert.ok(next.sharing.owns(GUEST, color)), LIMIT_MS);
      await workload.more(40);
      node.proxy.heal();
      node.reachesControllers = true;
      node.state = 'up';
      await workload.more(40);
      if (home === 2) await eventually(() => isBackAt(node, next, persistence), LIMIT_MS);
    }
  };

  for (const persistence of ['memory', 'replicated', 'stored']) {
    it(`while nothing happens (${persistence})`, () => check(persistence, (_, workload) => workload.more(100)));

    it(`while invokers join (${persistence})`, () =>
      check(persistence, async (cluster, workload) => {
        for (let i = 0; i < 4; i++) {
          await cluster.add();
          await workload.more(30);
        }
      }));

    it(`while invokers drain and others join (${persistence})`, () => check(persistence, drainsAndJoins));

    it(`while homes are cut off from the others and from the controllers, and come back (${persistence})`, () =>
      check(persistence, (...parts) => cutsOff(persistence, ...parts)));
  }

  /** Waits until all colors are at their homes, and the copies of their objects at their next homes. */
  const settled = (cluster: TestCluster, persistence: string): Promise<void> =>
    eventually(() => {
      for (const color of ['red', 'green', 'old']) {
        const [home, next] = cluster.homes(color).homes.map(({ instance }) => nodeAt(cluster, instance));
        assert.ok(home && next);
        assert.ok(home.sharing.owns(GUEST, color), `invoker${home.instance} has not taken over ${color}`);
        if (persistence !== 'replicated') continue;
        const { sets } = next.sharing;
        const key = colorKey(GUEST, color);
        assert.deepEqual(sets.get(key), {
          epoch: sets.epoch(key),
          complete: true,
        });
      }
    }, LIMIT_MS);

  /** What may happen to one invoker after another, and ends. Beside it, all others are well. */
  const EVENTS: Record<string, (cluster: TestCluster, node: Node, ms: number) => Promise<void>> = {
    'another one joins, and leaves before it has everything': async (cluster, _, ms) => {
      const node = await cluster.add();
      await pause(ms / 4);
      await cluster.drain(node);
      await cluster.kill(node);
      cluster.notice(node);
    },
    'it starts again': async (cluster, node) => void (await cluster.restart(node)),
    'it drains, and takes part again': async (_, node, ms) => {
      node.state = 'draining';
      await node.sharing.drain(AbortSignal.timeout(ms));
      node.state = 'up';
    },
    'the others do not reach it': async (_, node, ms) => {
      node.proxy.drop();
      await pause(ms);
      node.proxy.heal();
    },
    'its answers are lost': async (_, node, ms) => {
      node.proxy.dropAnswers();
      await pause(ms);
      node.proxy.heal();
    },
    'another one joins, which does not reach it': async (cluster, node, ms) => {
      node.proxy.drop();
      const joined = await cluster.add();
      await pause(ms);
      node.proxy.heal();
      await cluster.drain(joined);
      await cluster.kill(joined);
      cluster.notice(joined);
    },
    'it does not reach the controllers, and they lose it for a moment': async (_, node, ms) => {
      node.reachesControllers = false;
      await pause(ms);
      // They take it for dead when it has not pinged for longer than a reply holds.
      if (ms > VALID_MS) node.state = 'draining';
      await pause(300);
      node.state = 'up';
      node.reachesControllers = true;
    },
    'it is cut off': async (_, node, ms) => {
      node.proxy.drop();
      node.reachesControllers = false;
      await pause(VALID_MS + 500);
      node.state = 'draining';
      await pause(ms);
      node.proxy.heal();
      node.reachesControllers = true;
      node.state = 'up';
    },
  };

  for (const persistence of ['memory', 'replicated', 'stored']) {
    it(`while all kinds of things happen to one invoker after another (${persistence})`, () =>
      check(persistence, async (cluster, workload) => {
        const random = randomNumbers(Math.imul(seed * 256 + persistence.charCodeAt(0), 0x9e3779b1));
        for (let step = 0; step < STEPS; step++) {
          await settled(cluster, persistence);
          const [what, happens] = Object.entries(EVENTS)[Math.floor(random() * Object.keys(EVENTS).length)] ?? [];
          const node = nodeAt(cluster, Math.floor(random() * 3));
          if (process.env['HISTORY_LOG'] !== undefined) console.error(`    invoker${node.instance}: ${what}`);
          workload.history.mayLose();
          await happens?.(cluster, node, Math.round(300 + random() * 3000));
          workload.history.mayLose();
          await workload.more(20);
        }
        await settled(cluster, persistence);
      }));
  }

  it('while invokers start again or die, and another one has no memory for copies for a time (replicated)', () =>
    check('replicated', async (cluster, workload) => {
      const random = randomNumbers(seed + 2);
      for (let step = 0; step < STEPS; step++) {
        await settled(cluster, 'replicated');
        // The latest invoker is the home of most colors, and the one before it their next home.
        const [third, next, home] = cluster.nodes.filter(({ state }) => state === 'up').slice(-3);
        assert.ok(third && next && home);
        const isRestarted = random() < 0.5;
        const full = isRestarted ? await cluster.restart(next) : third;
        fillKept(full);
        if (!isRestarted) {
          await cluster.kill(home);
          cluster.notice(home);
        }
        await pause(300 + random() * 3000);
        await workload.more(10);
        emptyKept(full);
        if (!isRestarted) await cluster.add();
      }
      await settled(cluster, 'replicated');
    }));

  const homesDie = async (cluster: TestCluster, workload: Workload): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      const node = nodeAt(cluster, -1);
      await cluster.kill(node);
      await pause(100);
      cluster.notice(node);
      await cluster.add();
      await workload.more(30);
    }
  };

  for (const persistence of ['replicated', 'stored']) {
    it(`while homes die (${persistence})`, () => check(persistence, homesDie));

    for (const [what, nemesis] of Object.entries({
      'invokers drain and others join': drainsAndJoins,
      'homes are cut off, and come back': (...parts: [TestCluster, Workload]) => cutsOff(persistence, ...parts),
      'homes die': homesDie,
    })) {
      // Replicated objects are not evicted.
      if (persistence === 'replicated') continue;
      it(`while ${what}, and all evict their objects again and again (${persistence})`, () =>
        check(persistence, nemesis, { evicts: true }));
    }
  }
});
