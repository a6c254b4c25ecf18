import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import type { Node } from '../../unit/invoker/objects/sharing/cluster.js';
import {
  cutOff,
  eachWithCluster,
  emptyKept,
  fillKept,
  LIMIT_MS,
  put,
  reconnect,
  REPLICATED,
  STORED,
} from './clusters.js';

const LARGE = 'x'.repeat(20_000);
const MEMORY = { 'x-palette-persistence': 'memory' };

const remove = ({ container }: Node, path: string): Promise<string> => container.text(path, { method: 'DELETE' });
const textOf = ({ container }: Node, path: string): Promise<string> => container.text(path);

describe('replicated objects whose next home has no memory for them', () => {
  const current = eachWithCluster();

  it('can be removed if the next home has started again', async () => {
    const { cluster } = current;
    const [b, a] = [await cluster.add(), await cluster.add()];
    for (const key of 'klmn') assert.match(await put(a, `/red/${key}`, LARGE, REPLICATED), /^201/);
    const restarted = await cluster.restart(b);
    fillKept(restarted);
    await eventually(async () => assert.match(await remove(a, '/red/k'), /^204/), LIMIT_MS);
    assert.match(await put(a, '/red/l', 'of memory', MEMORY), /^200/);
    assert.match(await put(a, '/red/m', 'stored', STORED), /^200/);
    // A change of an object that stays a replicated one needs a copy.
    assert.match(await put(a, '/red/n', LARGE, REPLICATED), /^503 .*lack memory/);
    assert.match(await textOf(a, '/red/k'), /^404/);
    assert.equal(await textOf(a, '/red/l'), '200 of memory');
    assert.equal(await textOf(a, '/red/m'), '200 stored');
    assert.equal(await textOf(a, '/red/n'), `200 ${LARGE}`);
    emptyKept(restarted);
    await eventually(async () => assert.match(await put(a, '/red/n', 'copied', REPLICATED), /^200/), LIMIT_MS);
    await cluster.kill(a);
    cluster.notice(a);
    await eventually(async () => assert.equal(await textOf(restarted, '/red/n'), '200 copied'), LIMIT_MS);
    assert.match(await textOf(restarted, '/red/k'), /^404/);
    assert.match(await textOf(restarted, '/red/l'), /^404/);
    assert.equal(await textOf(restarted, '/red/m'), '200 stored');
  });

  it('can be removed if the former next home is alive, which has them', async () => {
    const { cluster } = current;
    const [a, b] = [await cluster.add(), await cluster.add()];
    for (const key of 'kl') assert.match(await put(a, `/old/${key}`, LARGE, REPLICATED), /^201/);
    const c = await cluster.add();
    fillKept(c);
    cluster.nodes.splice(1, 2, c, b);
    await eventually(async () => {
      await textOf(a, '/old/k');
      assert.match(await put(a, '/old/l', LARGE, REPLICATED), /^503 .*lack memory/);
    }, LIMIT_MS);
    assert.match(await remove(a, '/old/k'), /^204/);
    // The other object is still at two invokers.
    await cluster.kill(a);
    cluster.notice(a);
    emptyKept(c);
    await eventually(async () => assert.equal(await textOf(c, '/old/l'), `200 ${LARGE}`), LIMIT_MS);
    assert.match(await textOf(c, '/old/k'), /^404/);
  });

  it('can be removed if the home has died, and the next one has taken them over', async () => {
    const { cluster } = current;
    const [c, b, a] = [await cluster.add(), await cluster.add(), await cluster.add()];
    for (const key of 'kl') assert.match(await put(a, `/red/${key}`, LARGE, REPLICATED), /^201/);
    fillKept(c);
    await cluster.kill(a);
    cluster.notice(a);
    await eventually(async () => assert.equal(await textOf(b, '/red/k'), `200 ${LARGE}`), LIMIT_MS);
    assert.match(await remove(b, '/red/k'), /^204/);
    assert.equal(await textOf(b, '/red/l'), `200 ${LARGE}`);
    emptyKept(c);
    await eventually(async () => assert.match(await put(b, '/red/m', 'copied', REPLICATED), /^201/), LIMIT_MS);
    await cluster.kill(b);
    cluster.notice(b);
    await eventually(async () => assert.equal(await textOf(c, '/red/l'), `200 ${LARGE}`), LIMIT_MS);
    assert.match(await textOf(c, '/red/k'), /^404/);
  });

  it('stay as long as the former home is silent, which may have them and come back', async () => {
    const { cluster } = current;
    const [c, b, a] = [await cluster.add(), await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/red/k', LARGE, REPLICATED), /^201/);
    fillKept(c);
    cutOff(a);
    cluster.notice(a);
    await eventually(async () => assert.equal(await textOf(b, '/red/k'), `200 ${LARGE}`), LIMIT_MS);
    assert.match(await remove(b, '/red/k'), /^503/);
    assert.equal(await textOf(b, '/red/k'), `200 ${LARGE}`);
    await cluster.kill(a);
    await eventually(async () => assert.match(await remove(b, '/red/k'), /^204/), LIMIT_MS);
    assert.match(await textOf(b, '/red/k'), /^404/);
  });

  describe('if an invoker has an old set that only an earlier home knew', () => {
    /** `a` is the home, which has not heard of the set of `n`. Its next home is `m`, which has started again and is full. */
    async function withUnknownSet(): Promise<Record<'a' | 'm' | 'n', Node>> {
      const { cluster } = current;
      const [o, n, m] = [await cluster.add(), await cluster.add(), await cluster.add()];
      assert.match(await put(o, '/old/k', LARGE, REPLICATED), /^201/);
      cutOff(n);
      cluster.notice(n);
      // The next home is another one. The former one does not hear that its set is out of date.
      await eventually(async () => assert.match(await put(o, '/old/k', LARGE, REPLICATED), /^200/), LIMIT_MS);
      const [a, x, y] = [await cluster.add(), await cluster.add(), await cluster.add()];
      // The controllers hear of it again, but it is too far away to be asked for the color.
      n.state = 'up';
      cluster.nodes.splice(0, 6, a, m, x, y, n, o);
      await cluster.drain(o);
      await cluster.kill(o);
      cluster.notice(o);
      assert.equal(await textOf(a, '/old/k'), `200 ${LARGE}`);
      const restarted = await cluster.restart(m);
      fillKept(restarted);
      return { a, m: restarted, n };
    }

    it('do not come back after their removal', async () => {
      const { cluster } = current;
      const { a, m, n } = await withUnknownSet();
      reconnect(n);
      await eventually(async () => assert.match(await remove(a, '/old/k'), /^204/), LIMIT_MS);
      emptyKept(m);
      await cluster.kill(a);
      cluster.notice(a);
      await eventually(async () => assert.match(await textOf(m, '/old/k'), /^404/), LIMIT_MS);
    });

    it('stay as long as that invoker is silent', async () => {
      const { a, n } = await withUnknownSet();
      const mayComeBack = /^503 .*lack memory.* invoker1 may have another copy/;
      await eventually(async () => assert.match(await remove(a, '/old/k'), mayComeBack), LIMIT_MS);
      assert.equal(await textOf(a, '/old/k'), `200 ${LARGE}`);
      reconnect(n);
      await eventually(async () => assert.match(await remove(a, '/old/k'), /^204/), LIMIT_MS);
    });
  });
});
