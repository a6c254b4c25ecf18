import assert from 'node:assert/strict';
import { TestCluster } from '../../unit/invoker/objects/sharing/cluster.js';

describe('objects of an invoker that drains', () => {
  const cluster = new TestCluster();
  after(() => cluster.close());

  it('do not hold it for longer than its limit if their next home does not answer', async () => {
    const [a, b] = [await cluster.add(), await cluster.add()];
    assert.match(await b.container.text('/red/k', { method: 'PUT', body: 'one' }), /^201/);
    a.proxy.drop();
    assert.deepEqual(await cluster.drain(b, 500), { moved: 0, left: 1 });
  });
});
