import assert from 'node:assert/strict';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { MapStore } from '../../unit/invoker/objects/sharing/MapStore.js';
import { eachWithCluster, evict, put, REPLICATED, STORED } from './clusters.js';

/** The store writes the next object, and its answer gets lost. It does not remove the object right after that. */
function loseAnswer(store: MapStore): void {
  const write = store.write.bind(store);
  const remove = store.remove.bind(store);
  const lost = (): ObjectError => new ObjectError(503, 'The answer got lost.', { retryAfterS: 1 });
  store.write = async (...asked) => {
    store.write = write;
    await write(...asked);
    store.remove = async () => {
      store.remove = remove;
      throw lost();
    };
    throw lost();
  };
}

/** The store removes the next object, and answers later. @returns when it has removed it, and a function that lets it answer. */
function answerLate(store: MapStore): { readonly removed: Promise<void>; readonly answer: () => void } {
  const remove = store.remove.bind(store);
  let answer: () => void = () => undefined;
  const late = new Promise<void>((resolve) => (answer = resolve));
  const removed = new Promise<void>((resolve) => {
    store.remove = async (...asked) => {
      store.remove = remove;
      await remove(...asked);
      resolve();
      await late;
    };
  });
  return { removed, answer };
}

describe('an object of which the store has a version that was not acknowledged', () => {
  const current = eachWithCluster();

  it('does not come back from the store after a deletion at its next home', async () => {
    const { cluster, store } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'one'), /^201/);
    loseAnswer(store);
    assert.match(await put(a, '/red/k', 'two', STORED), /^502/);
    const b = await cluster.add();
    assert.equal(await b.container.text('/red/k'), '200 one');
    assert.match(await b.container.text('/red/k', { method: 'DELETE' }), /^204/);
    assert.match(await b.container.text('/red/k'), /^404/);
  });

  it('does not replace a later version that is evicted at its next home', async () => {
    const { cluster, store } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'one'), /^201/);
    loseAnswer(store);
    assert.match(await put(a, '/red/k', 'two', STORED), /^502/);
    const b = await cluster.add();
    assert.match(await put(b, '/red/k', 'three'), /^200/);
    evict(b);
    assert.match(await b.container.text('/red/k'), /^404/);
  });

  it('does not come back from the store after a deletion, if the color has very many stored objects', async () => {
    const { cluster, store } = current;
    const keys = store.keys.bind(store);
    store.keys = async (...asked) => ({ ...(await keys(...asked)), keys: 'many' });
    const a = await cluster.add();
    assert.match(await put(a, '/red/k', 'one'), /^201/);
    loseAnswer(store);
    assert.match(await put(a, '/red/k', 'two', STORED), /^502/);
    assert.equal(await a.container.text('/red/k'), '200 one');
    assert.match(await a.container.text('/red/k', { method: 'DELETE' }), /^204/);
    assert.match(await a.container.text('/red/k'), /^404/);
  });

  it('is not lost if it is stored while a list removes an earlier version', async () => {
    const { cluster, store } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'one', REPLICATED), /^201/);
    const b = await cluster.add();
    assert.match(await b.container.text('/red/k', { method: 'DELETE' }), /^204/);
    loseAnswer(store);
    assert.match(await put(b, '/red/k', 'two', STORED), /^502/);
    const { removed, answer } = answerLate(store);
    const listed = b.container.text('/red');
    await removed;
    const stored = put(b, '/red/k', 'three', STORED);
    await new Promise((resolve) => setTimeout(resolve, 200));
    answer();
    assert.match(await stored, /^20[01]/);
    assert.match(await listed, /^200/);
    evict(b);
    assert.equal(await b.container.text('/red/k'), '200 three');
  });
});
