import assert from 'node:assert/strict';
import { colorKey } from '../../../invoker/objects/sharing/colorKey.js';
import { eventually } from '../../e2e/eventually.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, evict, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

/** Runs a task before each removal of an object of the namespace GUEST from a memory. */
function onRemoval({ memory }: Node, task: () => void): void {
  const remove = memory.delete.bind(memory);
  memory.delete = (namespace, ...asked) => {
    if (namespace.uuid === GUEST.uuid) task();
    return remove(namespace, ...asked);
  };
}

const increment = ({ container }: Node, path: string): Promise<string> =>
  container.text(`${path}?increment`, { method: 'POST' });

describe('objects whose invoker is short of memory while a request needs them', () => {
  const current = eachWithCluster();

  for (const isFound of [true, false]) {
    it(`are not missing for the next operation that waited for their search (found: ${isFound})`, async () => {
      const a = await current.cluster.add();
      if (isFound) assert.match(await put(a, '/red/n', '5', STORED), /^201/);
      evict(a);
      const write = current.store.write.bind(current.store);
      current.store.write = async (...asked) => {
        await write(...asked);
        evict(a);
      };
      const headers = STORED;
      const sums = Array.from({ length: 3 }, () => a.container.text('/red/n?increment', { method: 'POST', headers }));
      const expected = isFound ? ['200 6', '200 7', '200 8'] : ['200 1', '200 2', '200 3'];
      assert.deepEqual((await Promise.all(sums)).toSorted(), expected);
    });
  }

  for (const [persistence, headers] of [
    ['stored', STORED],
    ['memory', {}],
  ] as const) {
    it(`stay while they move, until they are removed at the former home (${persistence})`, async () => {
      const [, b] = [await current.cluster.add(), await current.cluster.add()];
      assert.match(await put(b, '/red/n', '5', headers), /^201/);
      const c = await current.cluster.add();
      let removals = 0;
      onRemoval(b, () => {
        removals++;
        evict(c);
      });
      assert.equal(await increment(c, '/red/n'), '200 6');
      assert.equal(removals, 1);
      assert.equal(c.memory.usedBytes > 0, true);
      evict(c);
      assert.equal(c.memory.usedBytes, 0);
    });
  }

  for (const known of ['its tag', 'any']) {
    for (const [persistence, headers] of [
      ['replicated', REPLICATED],
      ['stored', STORED],
    ] as const) {
      it(`are not gone for a request that waits for a change (known: ${known}, ${persistence})`, async () => {
        const [, b] = [await current.cluster.add(), await current.cluster.add()];
        const { headers: made } = await b.container.call('/red/k', { method: 'PUT', body: 'one', headers });
        const tag = known === 'any' ? '*' : (made.etag ?? '');
        const waiting = b.container.text('/red/k?wait=300s', { headers: { 'if-none-match': tag } });
        const waits = (count: number): Promise<void> =>
          eventually(() => assert.equal(b.memory.counts().waits, count), LIMIT_MS);
        await waits(1);
        for (let i = 0; i < 5; i++) {
          evict(b);
          // It is here again, and the request waits.
          await eventually(() => assert.notEqual(b.memory.usedBytes, 0), LIMIT_MS);
          await waits(1);
        }
        if (known === 'any') assert.equal(await b.container.text('/red/k', { method: 'DELETE' }), '204 ');
        else assert.match(await put(b, '/red/k', 'two', headers), /^200/);
        assert.match(await waiting, known === 'any' ? /^404/ : /^200 two/);
      });
    }
  }

  /** Three invokers: the last one is the home of a replicated object and short of memory, and the one before has the copy. */
  async function short(): Promise<[Node, Node, Node]> {
    const { cluster } = current;
    const [a, b, c] = [await cluster.add(), await cluster.add(), await cluster.add()];
    assert.match(await put(c, '/red/k', 'kept', REPLICATED), /^201/);
    evict(c);
    assert.equal(c.memory.counts().objects, 1);
    return [a, b, c];
  }

  it('are not lost when the invoker with their copies pauses, and another one gets the next set', async () => {
    const [a, b, c] = await short();
    b.proxy.drop();
    b.state = 'draining';
    // The home has tried to copy to the other one, maybe beside a look at the former copies.
    let failuresBefore: number | undefined;
    await eventually(async () => {
      const location = await c.sharing.locate(GUEST, 'red', undefined);
      assert.ok(location.kind === 'here');
      if (location.others[0]?.instance === a.instance) failuresBefore ??= c.warnings.length;
      const hasFailed = failuresBefore !== undefined && c.warnings.length >= failuresBefore + 2;
      assert.ok(hasFailed || a.sharing.sets.get(colorKey(GUEST, 'red'))?.complete === true);
    }, LIMIT_MS);
    b.proxy.heal();
    b.state = 'up';
    await eventually(async () => assert.equal(await c.container.text('/red/k'), '200 kept'), LIMIT_MS);
  });

  it('are not lost when the invoker with their copies drains, and the home has no memory for them', async () => {
    const [a, b, c] = await short();
    const list = c.memory.list.bind(c.memory);
    c.memory.list = (...asked) => {
      evict(c);
      return list(...asked);
    };
    a.proxy.drop();
    const drained = current.cluster.drain(b);
    await eventually(() => assert.ok(c.warnings.length > 0 || b.memory.usedBytes === 0), LIMIT_MS);
    a.proxy.heal();
    await drained;
    assert.equal(b.memory.usedBytes, 0);
    assert.equal(a.sharing.sets.get(colorKey(GUEST, 'red'))?.complete, true);
    assert.equal(await c.container.text('/red/k'), '200 kept');
  });

  it('are in the next set of copies, which is the only one then', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    assert.match(await put(b, '/red/k', 'kept', REPLICATED), /^201/);
    const c = await current.cluster.add();
    await eventually(async () => {
      assert.match(await c.container.text('/red/other'), /^404/);
      assert.equal(b.sharing.sets.get(colorKey(GUEST, 'red'))?.complete, true);
      assert.equal(a.sharing.sets.get(colorKey(GUEST, 'red')), undefined);
    }, LIMIT_MS);
    evict(c);
    assert.equal(await c.container.text('/red/k'), '200 kept');
  });
});
