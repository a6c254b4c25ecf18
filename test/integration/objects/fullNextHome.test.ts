import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import type { Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { cutOff, eachWithCluster, emptyKept, fillKept, LIMIT_MS, put, REPLICATED, STORED } from './clusters.js';

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
});
