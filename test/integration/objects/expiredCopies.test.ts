import assert from 'node:assert/strict';
import { PeerClient } from '../../../invoker/objects/sharing/PeerClient.js';
import { eventually } from '../../e2e/eventually.js';
import { GUEST } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

const TTL = { 'x-palette-ttl': '2' };
/** How late the copy arrives, in ms: its time ends as much later. */
const LATE_MS = 1500;

/** Lets copies, or handovers, arrive late. @returns a function that ends this. */
function slow(operation: 'copy' | 'handover', lateMs = LATE_MS): () => void {
  const { prototype } = PeerClient;
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { ask } = prototype;
  prototype.ask = async function (this: PeerClient, peer, asked) {
    if (asked.operation === operation) await new Promise((resolve) => setTimeout(resolve, lateMs));
    return ask.call(this, peer, asked);
  };
  return () => void (prototype.ask = ask);
}

describe('an object that replaces a replicated one whose time is over', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  for (const [name, headers] of [
    ['stored', STORED],
    ['memory', {}],
  ] as const) {
    it(`is not lost, and is read after the home has changed (${name})`, async () => {
      const [a, b] = [await current.cluster.add(), await current.cluster.add()];
      assert.match(await put(b, '/red/other', 'x', REPLICATED), /^201/);
      heal = slow('copy');
      assert.match(await put(b, '/red/k', 'one', { ...REPLICATED, ...TTL }), /^201/);
      heal();
      await eventually(async () => assert.match(await b.container.text('/red/k'), /^404/), LIMIT_MS);
      assert.match(await put(b, '/red/k', 'two', headers), /^201/);
      // The home hears of the next one before that asks for the color.
      b.state = 'draining';
      await b.sharing.locateForPeer(GUEST, 'red', undefined);
      const replies = new Set<string>();
      const endAt = Date.now() + 3000;
      while (Date.now() < endAt) {
        replies.add(await a.container.text('/red/k'));
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert.deepEqual(
        [...replies].filter((reply) => !reply.startsWith('503')),
        ['200 two'],
      );
    });
  }

  it('is not lost if that time was over while its home took the color over again (stored)', async () => {
    const [, b] = [await current.cluster.add(), await current.cluster.add()];
    /** It hears of the next home before that one asks for the color. */
    const hears = async (): Promise<void> => {
      await b.sharing.gather(GUEST, 'red', undefined, { name: 'invoker9', epoch: 0 });
      assert.equal(b.sharing.owns(GUEST, 'red'), false);
    };
    assert.match(await put(b, '/red/other', 'x', REPLICATED), /^201/);
    heal = slow('copy', 2 * LATE_MS);
    assert.match(await put(b, '/red/k', 'one', { ...REPLICATED, 'x-palette-ttl': '4' }), /^201/);
    heal();
    b.state = 'draining';
    await hears();
    b.state = 'up';
    heal = slow('handover');
    await eventually(async () => assert.match(await b.container.text('/red/other'), /^200/), LIMIT_MS);
    heal();
    assert.match(await b.container.text('/red/k'), /^404/);
    assert.match(await put(b, '/red/k', 'two', STORED), /^201/);
    const c = await current.cluster.add();
    await hears();
    const endAt = Date.now() + 5000;
    const replies = new Set<string>();
    while (Date.now() < endAt) {
      const reply = await c.container.text('/red/k');
      if (!reply.startsWith('503')) replies.add(reply);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual([...replies], ['200 two']);
  });

  it('is not lost if its home dies (stored)', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/other', 'x', REPLICATED), /^201/);
    heal = slow('copy');
    assert.match(await put(b, '/red/k', 'one', { ...REPLICATED, ...TTL }), /^201/);
    heal();
    await eventually(async () => assert.match(await b.container.text('/red/k'), /^404/), LIMIT_MS);
    assert.match(await put(b, '/red/k', 'two', STORED), /^201/);
    await current.cluster.kill(b);
    current.cluster.notice(b);
    await eventually(async () => assert.match(await a.container.text('/red/k'), /^(404|200 two)/), LIMIT_MS);
    assert.equal(await a.container.text('/red/k'), '200 two');
  });

  it('is not lost if its home has not been the home at the end of that time', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(a, '/old/other', 'x', REPLICATED), /^201/);
    heal = slow('copy', 6000);
    const ttl = { 'x-palette-ttl': '9' };
    assert.match(await put(a, '/old/k', 'one', { ...REPLICATED, ...ttl }), /^201/);
    heal();
    const endAt = Date.now() + 3000;
    a.state = 'draining';
    await eventually(async () => assert.equal(await b.container.text('/old/k'), '200 one'), LIMIT_MS);
    // It hears of the next home before that asks for the color.
    a.state = 'up';
    const homeOfB = async () => (await b.sharing.locateForPeer(GUEST, 'old', undefined)).kind;
    await eventually(async () => assert.equal(await homeOfB(), 'elsewhere'), LIMIT_MS);
    await new Promise((resolve) => setTimeout(resolve, endAt - Date.now() + 100));
    await eventually(async () => assert.match(await put(a, '/old/k', 'two', STORED), /^20/), LIMIT_MS);
    await current.cluster.kill(a);
    current.cluster.notice(a);
    await eventually(async () => assert.match(await b.container.text('/old/k'), /^(404|200)/), LIMIT_MS);
    assert.equal(await b.container.text('/old/k'), '200 two');
  });

  it('is not lost if that time was over while an earlier change was under way, which failed', async () => {
    const { cluster, store } = current;
    const [a, b] = [await cluster.add(), await cluster.add()];
    assert.match(await put(b, '/red/other', 'x', REPLICATED), /^201/);
    heal = slow('copy', 6000);
    assert.match(await put(b, '/red/k', 'one', { ...REPLICATED, 'x-palette-ttl': '7' }), /^201/);
    heal();
    const release = store.hold();
    const failed = put(b, '/red/k', 'two', STORED);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    store.failing = true;
    release();
    assert.match(await failed, /^502/);
    store.failing = false;
    assert.match(await put(b, '/red/k', 'three', STORED), /^201/);
    await cluster.kill(b);
    cluster.notice(b);
    await eventually(async () => assert.match(await a.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
    assert.equal(await a.container.text('/red/k'), '200 three');
  });
});
