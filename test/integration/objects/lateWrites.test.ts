import assert from 'node:assert/strict';
import { PeerClient, PeerError } from '../../../invoker/objects/sharing/PeerClient.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { eventually } from '../../e2e/eventually.js';
import type { MapStore } from '../../unit/invoker/objects/sharing/MapStore.js';
import { cutOff, eachWithCluster, evict, LIMIT_MS, put, reconnect, REPLICATED, STORED } from './clusters.js';

/** A write that the store executes late. */
interface LateWrite {
  /** Resolves when it is asked for. */
  readonly asked: Promise<void>;
  /** Lets the store execute it, and waits for all that its owner has asked for after it. */
  readonly execute: () => Promise<void>;
}

/**
 * The store executes the next write late, and the removals that were asked for after it later, as an invoker asks for them by turns.
 * @param isGivenUp whether its owner gets an error at once, as after 10 seconds without an answer. Otherwise it waits.
 */
function writeLate(store: MapStore, isGivenUp: boolean): LateWrite {
  const write = store.write.bind(store);
  const remove = store.remove.bind(store);
  let execute: () => void = () => undefined;
  let note: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (execute = resolve));
  const asked = new Promise<void>((resolve) => (note = resolve));
  let last: Promise<void> = Promise.resolve();
  store.write = async (...what) => {
    store.write = write;
    const written = begun.then(() => write(...what));
    last = written;
    store.remove = (...removed) => {
      last = written.then(() => remove(...removed));
      return last;
    };
    note();
    if (isGivenUp) throw new ObjectError(503, 'The store does not answer.', { retryAfterS: 1 });
    await written;
  };
  return {
    asked,
    execute: async () => {
      execute();
      // A later owner may have it refused.
      for (let seen; seen !== last;) await (seen = last).catch(() => undefined);
      store.remove = remove;
    },
  };
}

describe('a write that the store executes late', () => {
  const current = eachWithCluster();

  it('does not come into effect after a deletion at the next home', async () => {
    const { cluster, store } = current;
    const a = await cluster.add();
    const late = writeLate(store, true);
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    const b = await cluster.add();
    assert.match(await put(b, '/red/k', 'two'), /^201/);
    assert.match(await b.container.text('/red/k', { method: 'DELETE' }), /^204/);
    await late.execute();
    assert.match(await b.container.text('/red/k'), /^404/);
    const c = await cluster.add();
    assert.match(await c.container.text('/red/k'), /^404/);
  });

  it('does not come into effect after another change at the next home', async () => {
    const { cluster, store } = current;
    const a = await cluster.add();
    assert.match(await put(a, '/red/k', 'zero'), /^201/);
    const late = writeLate(store, true);
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    const b = await cluster.add();
    assert.match(await put(b, '/red/k', 'two'), /^200/);
    await late.execute();
    const c = await cluster.add();
    assert.equal(await c.container.text('/red/k'), '200 two');
    evict(c);
    assert.match(await c.container.text('/red/k'), /^404/);
  });

  it('does not come into effect after a deletion, if its owner was cut off meanwhile', async () => {
    const { cluster, store } = current;
    const [b, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/other', 'x'), /^201/);
    const late = writeLate(store, false);
    const written = put(a, '/red/k', 'one', STORED);
    await late.asked;
    cutOff(a);
    cluster.notice(a);
    await eventually(async () => assert.match(await put(b, '/red/k', 'two'), /^20/), LIMIT_MS);
    assert.match(await b.container.text('/red/k', { method: 'DELETE' }), /^204/);
    await late.execute();
    assert.match(await written, /^50[23]/);
    reconnect(a);
    a.state = 'up';
    await eventually(async () => assert.match(await a.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
    assert.match(await a.container.text('/red/k'), /^404/);
  });

  it('does not come into effect after a deletion of the replicated object before it', async () => {
    const { cluster, store } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'zero', REPLICATED), /^201/);
    const late = writeLate(store, true);
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    const b = await cluster.add();
    assert.equal(await b.container.text('/red/k'), '200 zero');
    assert.match(await b.container.text('/red/k', { method: 'DELETE' }), /^204/);
    await late.execute();
    const c = await cluster.add();
    assert.match(await c.container.text('/red/k'), /^404/);
  });

  it('does not come into effect after another change at the next home, if an earlier removal got no answer', async () => {
    const { cluster, store } = current;
    const a = await cluster.add();
    assert.match(await put(a, '/red/k', 'zero', STORED), /^201/);
    const remove = store.remove.bind(store);
    store.remove = async (...what) => {
      store.remove = remove;
      await remove(...what);
      throw new ObjectError(503, 'The store does not answer.', { retryAfterS: 1 });
    };
    assert.match(await a.container.text('/red/k', { method: 'DELETE' }), /^502/);
    const late = writeLate(store, true);
    assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    // Another invoker does not wait for what this one has asked for.
    store.remove = remove;
    evict(a);
    const b = await cluster.add();
    assert.match(await b.container.text('/red/k'), /^404/);
    assert.match(await put(b, '/red/k', 'two'), /^201/);
    await late.execute();
    const c = await cluster.add();
    assert.equal(await c.container.text('/red/k'), '200 two');
    evict(c);
    assert.match(await c.container.text('/red/k'), /^404/);
  });

  it('stays if the copy of the object before it may be gone already', async () => {
    const { cluster } = current;
    const [b, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'zero', REPLICATED), /^201/);
    const { prototype } = PeerClient;
    // eslint-disable-next-line @typescript-eslint/unbound-method
    const { ask } = prototype;
    prototype.ask = async function (this: PeerClient, peer, asked) {
      const answer = await ask.call(this, peer, asked);
      if (asked.operation === 'drop') throw new PeerError('silent', 'The answer got lost.');
      return answer;
    };
    try {
      assert.match(await put(a, '/red/k', 'one', STORED), /^502/);
    } finally {
      prototype.ask = ask;
    }
    await cluster.kill(a);
    cluster.notice(a);
    await eventually(async () => assert.match(await b.container.text('/red/k'), /^(404|200)/), LIMIT_MS);
    assert.equal(await b.container.text('/red/k'), '200 one');
  });
});
