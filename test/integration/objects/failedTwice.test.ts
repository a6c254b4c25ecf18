import assert from 'node:assert/strict';
import { PeerClient, PeerError } from '../../../invoker/objects/sharing/PeerClient.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { eventually } from '../../e2e/eventually.js';
import type { MapStore } from '../../unit/invoker/objects/sharing/MapStore.js';
import { eachWithCluster, evict, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

/** The next home removes copies, and its answers get lost. @returns a function that ends this. */
function loseDrops(): () => void {
  const { prototype } = PeerClient;
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const { ask } = prototype;
  prototype.ask = async function (this: PeerClient, peer, asked) {
    const answer = await ask.call(this, peer, asked);
    if (asked.operation === 'drop') throw new PeerError('silent', 'The answer got lost.');
    return answer;
  };
  return () => void (prototype.ask = ask);
}

/** The store does not execute the next write. */
function refuseWrite(store: MapStore): void {
  const write = store.write.bind(store);
  store.write = async () => {
    store.write = write;
    throw new ObjectError(503, 'The store does not work.', { retryAfterS: 1 });
  };
}

/** The store executes the next removal, and its answer gets lost. */
function loseRemoval(store: MapStore): void {
  const remove = store.remove.bind(store);
  store.remove = async (...asked) => {
    store.remove = remove;
    await remove(...asked);
    throw new ObjectError(503, 'The answer got lost.', { retryAfterS: 1 });
  };
}

describe('an object whose changes of the persistence fail', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('is not lost with its home after two failures (replicated, then stored twice)', async () => {
    const { cluster, store } = current;
    const [b, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'zero', REPLICATED), /^201/);
    heal = loseDrops();
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    heal();
    refuseWrite(store);
    assert.match(await put(a, '/red/k', 'two', STORED), /^502/);
    await cluster.kill(a);
    cluster.notice(a);
    await eventually(async () => assert.match(await b.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
    assert.match(await b.container.text('/red/k'), /^200 (zero|one|two)/);
  });

  it('is not lost by an eviction (stored, then replicated)', async () => {
    const { cluster, store } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'one', STORED), /^201/);
    loseRemoval(store);
    assert.match(await put(a, '/red/k', 'two', REPLICATED), /^502/);
    evict(a);
    assert.match(await a.container.text('/red/k'), /^200 (one|two)/);
  });
});
