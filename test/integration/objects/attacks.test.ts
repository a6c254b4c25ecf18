import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { copiesOf } from '../../../invoker/objects/sharing/copies.js';
import { lossyPeers } from '../../history/lossyPeers.js';
import { GUEST, VALID_MS, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
/** Longer than an invoker remembers to whom it gave a color, in ms. */
const GIVEN_MS = 3100;

/** Runs `then` when another invoker begins to fetch the set of copies of a node. */
function atFetch({ memory }: Node, then: () => void): void {
  const list = memory.list.bind(memory);
  memory.list = (namespace, ...rest) => {
    if (namespace.uuid === copiesOf(GUEST).uuid) then();
    return list(namespace, ...rest);
  };
}

describe('a replicated object whose owner changes', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('is not lost if the former owner dies while the next home fetches its set', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'one', REPLICATED), /^201/);
    await pause(GIVEN_MS);
    let isKilled = false;
    atFetch(b, () => {
      if (!isKilled) void current.cluster.kill(b);
      isKilled = true;
    });
    // The set of the next home differs from that of the owner: an answer was lost.
    heal = lossyPeers((_, { operation }) => (operation === 'copy' ? { kind: 'unheard' } : undefined));
    assert.match(await put(b, '/red/l', 'two', REPLICATED), /^502/);
    heal();
    b.state = 'draining';
    await a.sharing.locateForPeer(GUEST, 'red', undefined);
    assert.ok(isKilled);
    await eventually(async () => assert.match(await a.container.text('/red/k'), /^(200|404)/), LIMIT_MS);
    assert.equal(await a.container.text('/red/k'), '200 one');
  });

  it('is not lost if the former owner loses the contact while it waits for changes', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'one', REPLICATED), /^201/);
    const release = current.store.hold();
    const stored = put(b, '/red/s', 'two', STORED);
    await pause(50);
    const to = { instance: a.instance, url: `http://127.0.0.1:${a.proxy.port}` };
    const handover = b.sharing.handOver(GUEST, 'red', to, { epoch: Date.now(), run: undefined });
    b.reachesControllers = false;
    await pause(VALID_MS + 200);
    b.reachesControllers = true;
    await eventually(() => assert.equal(b.warnings.length, 1), LIMIT_MS);
    release();
    await Promise.allSettled([stored, handover]);
    await eventually(async () => assert.match(await b.container.text('/red/k'), /^(200|404)/), LIMIT_MS);
    assert.equal(await b.container.text('/red/k'), '200 one');
  });

  it('keeps a change that was copied while another set was completed without an answer', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    const changed = async (color: string): Promise<string> => {
      b.state = 'up';
      await eventually(async () => assert.match(await put(a, `/${color}/k`, 'one', REPLICATED), /^20/), LIMIT_MS);
      let answer: () => void = () => undefined;
      const until = new Promise<void>((resolve) => (answer = resolve));
      let isUnheard = false;
      heal = lossyPeers(({ instance }, { operation }) => {
        if (operation === 'copy' && instance === b.instance) return { kind: 'slow', until };
        if (operation !== 'complete' || instance !== c.instance || isUnheard) return undefined;
        isUnheard = true;
        return { kind: 'unheard' };
      });
      const change = put(a, `/${color}/k`, 'two', REPLICATED);
      await pause(100);
      b.state = 'draining';
      await eventually(async () => {
        await a.container.text(`/${color}/other`);
        assert.ok(isUnheard);
      }, LIMIT_MS);
      await pause(50);
      answer();
      return change.finally(heal);
    };
    let color = 'old';
    // On a busy machine, the change may wait for longer than the limit for a copy.
    for (let attempt = 1; (await changed(color)) !== '200 '; attempt++) {
      assert.ok(attempt < 10);
      color = `old${attempt}`;
    }
    await current.cluster.kill(a);
    current.cluster.notice(a);
    await eventually(async () => assert.match(await c.container.text(`/${color}/k`), /^(200|404)/), LIMIT_MS);
    assert.equal(await c.container.text(`/${color}/k`), '200 two');
  });

  it('does not come back from the store at the end of its TTL, if its former home left it there', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'stored', STORED), /^201/);
    // The set gets the next version, and the store keeps this one.
    heal = lossyPeers((_, { operation }) => {
      if (operation === 'copy') current.store.failing = true;
      return undefined;
    });
    assert.match(await put(b, '/red/k', 'replicated', REPLICATED), /^502/);
    heal();
    current.store.failing = false;
    await current.cluster.kill(b);
    current.cluster.notice(b);
    const c = await current.cluster.add();
    await eventually(async () => assert.equal(await c.container.text('/red/k'), '200 replicated'), LIMIT_MS);
    assert.match(await put(c, '/red/k', 'last', { ...REPLICATED, 'x-palette-ttl': '0.5' }), /^200/);
    await eventually(async () => assert.notEqual(await c.container.text('/red/k'), '200 last'), LIMIT_MS);
    assert.match(await c.container.text('/red/k'), /^404/);
    assert.ok(a);
  });
});
