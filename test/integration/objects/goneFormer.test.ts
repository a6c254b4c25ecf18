import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { lossyPeers } from '../../history/lossyPeers.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED } from './clusters.js';

describe('a former home with objects of memory', () => {
  const current = eachWithCluster();

  /** Makes `home` the owner, without a drain: `former` still has an object of memory. */
  async function moved(): Promise<{ home: Node; former: Node }> {
    const { cluster } = current;
    await cluster.add();
    const [home, former] = [await cluster.add(), await cluster.add()];
    assert.match(await put(former, '/red/k', 'one', REPLICATED), /^201/);
    assert.match(await put(former, '/red/m', 'x'), /^201/);
    former.state = 'draining';
    await becomesOwner(home, '200 one');
    return { home, former };
  }

  async function becomesOwner(node: Node, content: string): Promise<void> {
    await eventually(async () => {
      assert.equal(await node.container.text('/red/k'), content);
      assert.ok(node.sharing.owns(GUEST, 'red'));
    }, LIMIT_MS);
  }

  it('does not remove a later version of an object at a late request', async () => {
    const { home, former } = await moved();
    let arrive = async (): Promise<unknown> => assert.fail('no request');
    let isLate = false;
    const heal = lossyPeers((_, { operation, path }) => {
      if (operation !== 'drop' || path.includes('epoch=') || isLate) return undefined;
      isLate = true;
      return { kind: 'late', later: (later) => void (arrive = later) };
    });
    try {
      assert.match(await put(home, '/red/k', 'two', REPLICATED), /^503/);
    } finally {
      heal();
    }
    former.state = 'up';
    await becomesOwner(former, '200 one');
    assert.match(await put(former, '/red/k', 'three', REPLICATED), /^200/);
    former.state = 'draining';
    await eventually(async () => {
      await former.sharing.locate(GUEST, 'red', undefined);
      assert.equal(former.sharing.owns(GUEST, 'red'), false);
    }, LIMIT_MS);
    await arrive();
    former.state = 'up';
    await becomesOwner(former, '200 three');
  });
});
