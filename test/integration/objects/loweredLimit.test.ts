import assert from 'node:assert/strict';
import { ObjectTokens } from '../../../shared/objects/ObjectToken.js';
import { ObjectCaller } from '../../unit/invoker/objects/callObjects.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, evict, put, REPLICATED, STORED } from './clusters.js';

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

describe('stored objects of a namespace that uses all of its limit', () => {
  const current = eachWithCluster();

  it('come back to memory instead of others, and can be read, changed and deleted', async () => {
    const a = await current.cluster.add();
    for (const key of ['k', 'l', 'm']) assert.match(await put(a, `/red/${key}`, key.repeat(5000), STORED), /^201/);
    evict(a);
    const caller = limited(a, 10_000);
    try {
      assert.match(await caller.text('/red/n', { method: 'PUT', body: 'n'.repeat(5000) }), /^201/);
      for (const key of ['k', 'l', 'm', 'k']) assert.equal(await caller.text(`/red/${key}`), `200 ${key.repeat(5000)}`);
      assert.ok(a.memory.usedBytes <= 10_000, `${a.memory.usedBytes} bytes`);
      assert.match(await caller.text('/red/l', { method: 'PUT', body: 'L' }), /^200/);
      assert.equal(await caller.text('/red/l'), '200 L');
      assert.match(await caller.text('/red/m', { method: 'DELETE' }), /^204/);
      assert.match(await caller.text('/red/m'), /^404/);
      assert.match(await caller.text('/red/o', { method: 'PUT', body: 'o'.repeat(9000) }), /^429/);
    } finally {
      caller.close();
    }
  });

  it('can be read and deleted if replicated ones use all of it', async () => {
    const { cluster } = current;
    const [, a] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', 'k'.repeat(5000), STORED), /^201/);
    evict(a);
    const caller = limited(a, 10_000);
    const body = 'r'.repeat(8500);
    try {
      assert.match(await caller.text('/red/r', { method: 'PUT', body, headers: REPLICATED }), /^201/);
      assert.match(await caller.text('/red/k'), /^200 kk/);
      assert.match(await caller.text('/red/k', { method: 'DELETE' }), /^204/);
      assert.equal(await caller.text('/red/r'), `200 ${body}`);
    } finally {
      caller.close();
    }
  });

  it('are not read all the time if two are waited for that do not fit in memory together', async () => {
    const a = await current.cluster.add();
    for (const key of ['k', 'l']) assert.match(await put(a, `/red/${key}`, key.repeat(6000), STORED), /^201/);
    evict(a);
    let reads = 0;
    const read = current.store.read.bind(current.store);
    current.store.read = (...asked) => {
      reads++;
      return read(...asked);
    };
    const caller = limited(a, 10_000);
    try {
      const headers = { 'if-none-match': '*' };
      const waiting = ['k', 'l'].map((key) => caller.text(`/red/${key}?wait=2s`, { headers }));
      assert.deepEqual(await Promise.all(waiting), ['304 ', '304 ']);
      assert.ok(reads >= 1 && reads < 30, `${reads} reads`);
    } finally {
      caller.close();
    }
  });
});
