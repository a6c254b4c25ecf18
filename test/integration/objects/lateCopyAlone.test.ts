import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { eachWithCluster, put, REPLICATED } from './clusters.js';

describe('a key whose replicated object was not acknowledged, at an invoker that is left alone', () => {
  const current = eachWithCluster();

  it('takes an object of memory when the invoker that may have the copy is dead', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/other', 'x', REPLICATED), /^201/);
    a.proxy.drop();
    assert.match(await put(b, '/red/k', 'one', REPLICATED), /^502/);
    await current.cluster.kill(a);
    current.cluster.notice(a);
    await eventually(async () => assert.match(await put(b, '/red/k', 'two'), /^20/), 15_000);
    assert.equal(await b.container.text('/red/k'), '200 two');
  });
});
