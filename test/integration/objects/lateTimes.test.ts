import assert from 'node:assert/strict';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { eachWithCluster, evict, put, STORED } from './clusters.js';

describe('a late write in place of a stored object whose time is over', () => {
  const current = eachWithCluster();

  it('does not come into effect after another change at the next home', async () => {
    const { cluster, store } = current;
    const a = await cluster.add();
    assert.match(await put(a, '/red/k', 'zero', { ...STORED, 'x-palette-ttl': '0.3' }), /^201/);
    const write = store.write.bind(store);
    let execute: () => Promise<void> = async () => undefined;
    store.write = async (...asked) => {
      store.write = write;
      execute = () => write(...asked);
      throw new ObjectError(503, 'The store does not answer.', { retryAfterS: 1 });
    };
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const b = await cluster.add();
    assert.match(await put(b, '/red/k', 'two'), /^201/);
    await assert.rejects(execute(), /taken the color over/);
    evict(b);
    assert.match(await b.container.text('/red/k'), /^(404|200 two)/);
    const c = await cluster.add();
    assert.match(await c.container.text('/red/k'), /^404/);
  });
});
