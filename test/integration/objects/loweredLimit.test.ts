import assert from 'node:assert/strict';
import { ObjectTokens } from '../../../shared/objects/ObjectToken.js';
import { ObjectCaller } from '../../unit/invoker/objects/callObjects.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, put, REPLICATED } from './clusters.js';

/** Longer than the homes of a color are remembered, in ms. */
const HOMES_MS = 1200;

/** A caller whose namespace has another limit since. */
function limited(node: Node, limitBytes: number): ObjectCaller {
  const tokens = new ObjectTokens(new Uint8Array(32), `invoker${node.instance}`);
  return new ObjectCaller({ host: '127.0.0.1', port: node.port }, tokens.make({ ...GUEST, limitBytes }));
}

describe('objects of a namespace whose limit has become lower than what they use', () => {
  const current = eachWithCluster();

  it('move to a new home, where they can be read and deleted, also with another next home', async () => {
    const { cluster } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    for (const key of ['k', 'l']) assert.match(await put(a, `/red/${key}`, key.repeat(20_000), REPLICATED), /^201/);
    assert.match(await put(a, '/red/m', 'm'.repeat(20_000)), /^201/);
    const b = await cluster.add();
    const caller = limited(b, 10_000);
    try {
      assert.match(await caller.text('/red/k'), /^200 kk/);
      assert.match(await caller.text('/red/m'), /^200 mm/);
      assert.match(await caller.text('/red/n', { method: 'PUT', body: 'n' }), /^429/);
      // The other invoker becomes the next home, and needs a set.
      a.state = 'draining';
      await b.sharing.locateForPeer(GUEST, 'red', undefined);
      await new Promise((resolve) => setTimeout(resolve, HOMES_MS));
      assert.match(await caller.text('/red/k', { method: 'DELETE' }), /^204/);
      assert.match(await caller.text('/red/l', { method: 'DELETE' }), /^204/);
    } finally {
      caller.close();
    }
  });
});
