import assert from 'node:assert/strict';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { eachWithCluster, put, STORED } from './clusters.js';

describe('an object that was not stored, in a color with 10,000 stored objects', () => {
  const current = eachWithCluster();

  it('does not come back after a deletion', async () => {
    const { cluster, store } = current;
    const keys = store.keys.bind(store);
    const many = Array.from({ length: 9999 }, (_, number) => `key${number}`);
    store.keys = async (...asked) => ({ ...(await keys(...asked)), keys: new Set(many) });
    const a = await cluster.add();
    assert.match(await put(a, '/red/k', 'one'), /^201/);
    const write = store.write.bind(store);
    const remove = store.remove.bind(store);
    store.write = async (...asked) => {
      await write(...asked);
      // So long the store does not answer.
      throw new ObjectError(503, 'The store does not answer.', { retryAfterS: 1 });
    };
    store.remove = async () => {
      throw new ObjectError(503, 'The store does not answer.', { retryAfterS: 1 });
    };
    assert.match(await put(a, '/red/k', 'two', STORED), /^502/);
    store.write = write;
    store.remove = remove;
    assert.equal(await a.container.text('/red/k'), '200 one');
    assert.match(await put(a, '/red/other', 'x', STORED), /^201/);
    assert.match(await a.container.text('/red/k', { method: 'DELETE' }), /^204/);
    assert.match(await a.container.text('/red/k'), /^404/);
  });
});
