import assert from 'node:assert/strict';
import { colorKey } from '../../../invoker/objects/sharing/colorKey.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { eventually } from '../../e2e/eventually.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, evict, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

describe('a replicated object whose change to another persistence is not safe yet', () => {
  const current = eachWithCluster();

  /** Its earlier version has a copy, and the store does not take the next one. */
  async function changeUnsafely(home: Node, path: string): Promise<void> {
    assert.match(await put(home, path, 'one', REPLICATED), /^201/);
    current.store.failing = true;
    assert.match(await put(home, path, 'two', STORED), /^502/);
  }

  it('is not lost if it is evicted after its copies have moved', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    await changeUnsafely(a, '/old/k');
    b.state = 'draining';
    await eventually(async () => {
      await a.sharing.locate(GUEST, 'old', undefined);
      assert.equal(c.sharing.sets.get(colorKey(GUEST, 'old'))?.complete, true);
    }, LIMIT_MS);
    evict(a);
    current.store.failing = false;
    assert.match(await a.container.text('/old/k'), /^200/);
  });

  it('is not lost if it is taken back after the invoker with its copies has drained', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    await changeUnsafely(b, '/red/k');
    await current.cluster.drain(a);
    assert.equal(a.memory.usedBytes, 0);
    const c = await current.cluster.add();
    await eventually(async () => {
      await c.sharing.locate(GUEST, 'red', undefined);
      assert.equal(c.sharing.owns(GUEST, 'red'), true);
    }, LIMIT_MS);
    current.store.failing = false;
    assert.match(await c.container.text('/red/k'), /^200/);
  });
});

describe('replicated objects of a home without a third invoker', () => {
  const current = eachWithCluster();

  it('stay at the invoker with their copies while it drains, if they do not fit into the memory of the home', async () => {
    const [a, former] = [await current.cluster.add(), await current.cluster.add()];
    for (const key of ['k', 'l']) assert.match(await put(former, `/red/${key}`, key, REPLICATED), /^201/);
    // It has lost all objects.
    const b = await current.cluster.restart(former);
    const reserve = b.memory.reserve.bind(b.memory);
    let isShort = true;
    let refusals = 0;
    b.memory.reserve = (...asked) => {
      if (!isShort) return reserve(...asked);
      refusals++;
      throw new ObjectError(503, 'no memory', { retryAfterS: 1 });
    };
    const drained = current.cluster.drain(a, LIMIT_MS);
    await eventually(() => assert.ok(refusals >= 2 || a.memory.usedBytes === 0), LIMIT_MS);
    assert.notEqual(a.memory.usedBytes, 0);
    isShort = false;
    assert.deepEqual(await drained, { moved: 1, left: 0 });
    for (const key of ['k', 'l']) assert.equal(await b.container.text(`/red/${key}`), `200 ${key}`);
  });
});
