import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { ObjectHistory, randomNumbers } from '../../history/ObjectHistory.js';
import { lossyPeers, type Fate } from '../../history/lossyPeers.js';
import { TestCluster, VALID_MS, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { MapStore } from '../../unit/invoker/objects/sharing/MapStore.js';

const SEED = Number(process.env['HISTORY_SEED'] ?? 1);
const STEPS = Number(process.env['HISTORY_STEPS'] ?? 2);
const LIMIT_MS = 60_000;
const KB = 1024;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Trial {
  /** Of a write. */
  readonly persistence: (random: number) => string;
  /** The part of the requests between invokers that are lost, late or slow: those that change one object, and the others. */
  readonly losses?: number;
  readonly moveLosses?: number;
  readonly maxTtlMs?: number;
  readonly boundBytes?: number;
  /** Whether the store fails at times. */
  readonly storeFails?: boolean;
  /** The least successes between two events. Missing: 20. */
  readonly successes?: number;
}

const DIES = 'one dies, and another one joins';

/** What happens to invokers, one after the other. All others are well. */
const EVENTS: Record<string, (cluster: TestCluster, random: () => number) => Promise<void>> = {
  'one joins and another one drains': async (cluster, random) => {
    await cluster.add();
    await pause(random() * 500);
    const up = cluster.nodes.filter(({ state }) => state === 'up');
    const node = up[Math.floor(random() * (up.length - 1))];
    if (!node) return;
    await cluster.drain(node, 8000);
    await cluster.kill(node);
    cluster.notice(node);
  },
  [DIES]: async (cluster, random) => {
    // Until then all copies are in two places. An invoker that joined just before would get all of them anew.
    await pause(2500);
    const up = cluster.nodes.filter(({ state }) => state === 'up');
    const node = up[Math.floor(random() * up.length)];
    if (!node) return;
    await cluster.kill(node);
    await pause(random() * 200);
    cluster.notice(node);
    await pause(2500);
    await cluster.add();
  },
  'one is cut off, and comes back': async (cluster, random) => {
    const up = cluster.nodes.filter(({ state }) => state === 'up');
    const node = up[Math.floor(random() * up.length)];
    if (!node) return;
    node.proxy.drop();
    node.reachesControllers = false;
    await pause(VALID_MS + 500);
    node.state = 'draining';
    await pause(random() * 800);
    node.proxy.heal();
    node.reachesControllers = true;
    node.state = 'up';
    await pause(300);
  },
  'one loses the controllers': async (cluster, random) => {
    const up = cluster.nodes.filter(({ state }) => state === 'up');
    const node = up[Math.floor(random() * up.length)];
    if (!node) return;
    node.reachesControllers = false;
    await pause(VALID_MS + random() * 800);
    node.reachesControllers = true;
    await pause(300);
  },
};

describe('with lossy connections between invokers, the history of each object is linearizable', function () {
  this.timeout(300_000);

  async function check(name: string, trial: Trial): Promise<void> {
    const {
      persistence,
      losses = 0,
      moveLosses = losses,
      maxTtlMs,
      boundBytes,
      storeFails = false,
      successes = 20,
    } = trial;
    const random = randomNumbers(Math.imul(SEED * 256 + name.length, 0x9e3779b1));
    const store = new MapStore();
    const cluster = new TestCluster(store, boundBytes);
    for (let i = 0; i < 3; i++) await cluster.add();
    const places = ['red', 'old'].flatMap((color) => ['a', 'b', 'c'].map((key) => `${color}/${key}`));
    const history = new ObjectHistory(random, places, () => persistence(random()), maxTtlMs);
    const fate = (_: unknown, { operation }: { readonly operation: string }): Fate => {
      if (random() >= (['copy', 'drop'].includes(operation) ? losses : moveLosses)) return undefined;
      const kind = random();
      if (kind < 0.4) return { kind: 'lost' };
      if (kind < 0.6) return { kind: 'unheard' };
      if (kind < 0.8) {
        const lateMs = random() * 1500;
        return { kind: 'late', later: (arrive) => void setTimeout(() => void arrive(), lateMs).unref() };
      }
      return { kind: 'slow', until: pause(random() * 1500) };
    };
    const heal = lossyPeers(fate);
    const ending = new AbortController();
    const client = async (node: Node): Promise<void> => {
      while (!ending.signal.aborted && node.state === 'up') {
        const unknown = await history.step(async ({ path, ...call }) => {
          const reply = await node.container.call(path, call).catch(() => undefined);
          return reply && { status: reply.status, text: reply.body.toString() };
        });
        await pause(unknown ? 150 : random() * 6);
      }
    };
    const clients = new Map<Node, Promise<void>>();
    const watch = setInterval(() => {
      for (const node of cluster.nodes) {
        if (node.state !== 'up' || clients.has(node)) continue;
        // An invoker that takes part again has a client again.
        clients.set(
          node,
          client(node).then(() => void clients.delete(node)),
        );
      }
    }, 10);
    const failing = storeFails
      ? setInterval(() => {
          store.failing = !store.failing && random() < 0.3;
        }, 150)
      : undefined;
    const more = async (count: number): Promise<void> => {
      const end = history.successes + count;
      const late = performance.now() + LIMIT_MS;
      while (history.successes < end) {
        const counts = JSON.stringify([...history.statuses]);
        assert.ok(performance.now() < late, `the clients do not go on: ${counts}`);
        await pause(10);
      }
    };
    try {
      await more(successes);
      for (let step = 0; step < STEPS; step++) {
        // Deaths show most: what was acknowledged must be somewhere else.
        const names = [...Object.keys(EVENTS), DIES, DIES];
        const what = names[Math.floor(random() * names.length)] ?? '';
        if (process.env['HISTORY_LOG'] !== undefined) console.error(`    ${what}`);
        await EVENTS[what]?.(cluster, random);
        await more(successes);
      }
    } finally {
      ending.abort();
      clearInterval(watch);
      clearInterval(failing);
      heal();
      store.failing = false;
      await Promise.all(clients.values());
    }
    const faults = cluster.nodes.flatMap((node) => node.faults);
    // Nothing may keep memory of objects that are gone.
    const isFree = ({ memory }: Node): void => {
      for (const { namespace, color } of memory.colors()) memory.clear(namespace, color);
      assert.deepEqual([memory.usedBytes, memory.keptBytes], [0, 0]);
    };
    await eventually(() => cluster.nodes.filter(({ state }) => state === 'up').forEach(isFree), LIMIT_MS);
    await cluster.close();
    if (process.env['HISTORY_LOG'] !== undefined) console.error(JSON.stringify([...history.statuses]));
    assert.deepEqual(faults, []);
    const unlinear = history.faults();
    assert.equal(unlinear.length, 0, unlinear.join('\n'));
  }

  const TRIALS: Record<string, Trial> = {
    'replicated objects': { persistence: () => 'replicated', losses: 0.1 },
    'replicated objects that move badly': { persistence: () => 'replicated', losses: 0.02, moveLosses: 0.2 },
    'stored objects and replicated ones, with a store that fails': {
      persistence: (random) => (random < 0.5 ? 'replicated' : 'stored'),
      losses: 0.02,
      storeFails: true,
    },
    'replicated objects with a TTL': { persistence: () => 'replicated', losses: 0.02, maxTtlMs: 1500 },
    'stored objects and replicated ones, with a TTL': {
      persistence: (random) => (random < 0.5 ? 'replicated' : 'stored'),
      losses: 0.02,
      maxTtlMs: 1500,
      storeFails: true,
    },
    'replicated objects with little memory for copies': {
      persistence: () => 'replicated',
      losses: 0.02,
      boundBytes: 12 * KB,
    },
  };
  for (const [name, trial] of Object.entries(TRIALS)) it(name, () => check(name, trial));
});
