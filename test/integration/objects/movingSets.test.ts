import assert from 'node:assert/strict';
import { colorKey } from '../../../invoker/objects/sharing/colorKey.js';
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
