import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { colorKey } from '../../../invoker/objects/sharing/colorKey.js';
import { GUEST, type Node } from '../../unit/invoker/objects/sharing/cluster.js';
import { cutOff, eachWithCluster, LIMIT_MS, put, reconnect, REPLICATED } from './clusters.js';

const RED = colorKey(GUEST, 'red');
const get = ({ container }: Node, path: string): Promise<string> => container.text(path);

describe('objects of invokers that start again', () => {
  const current = eachWithCluster();
  const add = (): Promise<Node> => current.cluster.add();

  /** The home takes a color over from another invoker, gives that up, and changes an object that had not moved. */
  async function givenUp(): Promise<{ former: Node; home: Node }> {
    const former = await add();
    assert.match(await put(former, '/red/k', 'old'), /^201/);
    const home = await add();
    assert.match(await get(home, '/red/other'), /^404/);
    former.proxy.drop();
    await eventually(async () => assert.match(await put(home, '/red/k', 'new'), /^20[01]/), LIMIT_MS);
    return { former, home };
  }

  it('do not come back from an invoker that their home gave up before it started again', async () => {
    const { former, home } = await givenUp();
    const again = await current.cluster.restart(home);
    former.proxy.heal();
    assert.match(await get(again, '/red/k'), /^404/);
    assert.match(await get(former, '/red/k'), /^404/);
  });

  it('do not come back at an invoker that their home gave up, if the home started again and could not take them over', async () => {
    const { former, home } = await givenUp();
    const again = await current.cluster.restart(home);
    assert.match(await get(again, '/red/k'), /^503.*does not answer/);
    former.proxy.heal();
    again.state = 'draining';
    await eventually(async () => assert.match(await get(former, '/red/k'), /^404/), LIMIT_MS);
  });

  it('do not come back at a home that was cut off, if the only invoker that had them meanwhile started again', async () => {
    const [a, b] = [await add(), await add()];
    assert.match(await put(b, '/red/k', 'old'), /^201/);
    cutOff(b);
    b.state = 'draining';
    await eventually(async () => assert.match(await put(a, '/red/k', 'new'), /^201/), LIMIT_MS);
    await current.cluster.restart(a);
    reconnect(b);
    b.state = 'up';
    await eventually(async () => assert.match(await get(b, '/red/k'), /^404/), LIMIT_MS);
  });

  it('that are replicated do not come back from an old copy if the invoker with the current one has started again', async () => {
    const [, b, c, d] = [await add(), await add(), await add(), await add()];
    for (const key of ['changed', 'deleted']) assert.match(await put(d, `/red/${key}`, 'old', REPLICATED), /^201/);
    c.proxy.drop();
    c.state = 'draining';
    await eventually(async () => assert.match(await put(d, '/red/changed', 'new', REPLICATED), /^200/), LIMIT_MS);
    assert.equal(await d.container.text('/red/deleted', { method: 'DELETE' }), '204 ');
    const again = await current.cluster.restart(b);
    c.proxy.heal();
    d.state = 'draining';
    await eventually(async () => assert.equal(await get(again, '/red/changed'), '200 new'), LIMIT_MS);
    assert.match(await get(again, '/red/deleted'), /^404/);
  });

  it('that are replicated are listed and read at a home that has started again', async () => {
    const [, b] = [await add(), await add()];
    assert.match(await put(b, '/red/k', 'kept', REPLICATED), /^201/);
    const again = await current.cluster.restart(b);
    await eventually(() => copiedAgain(again));
    assert.match(await get(again, '/red'), /"key":"k"/);
    assert.equal(await get(again, '/red/k'), '200 kept');
    const { boundBytes } = again.memory;
    again.memory.resize(0);
    again.memory.resize(boundBytes);
    assert.match(await get(again, '/red'), /"key":"k"/);
  });

  /** Waits until a home that has started again has made the copies of its next home its own. */
  async function copiedAgain(home: Node): Promise<void> {
    const next = current.cluster.nodes[home.instance - 1];
    const before = next?.sharing.sets.get(RED)?.epoch ?? Infinity;
    assert.match(await get(home, '/red/unknown'), /^404/);
    await eventually(() => assert.ok((next?.sharing.sets.get(RED)?.epoch ?? 0) > before));
  }

  it('that are replicated stay if their home starts again, and the only invoker with a copy is cut off for a while', async () => {
    const [a, b, c] = [await add(), await add(), await add()];
    assert.match(await put(c, '/red/k', 'kept', REPLICATED), /^201/);
    const again = await current.cluster.restart(c);
    await copiedAgain(again);
    cutOff(b);
    b.state = 'draining';
    // The first attempt may still go to it. The home after it gets all objects.
    const change = (): Promise<string> => put(again, '/red/other', 'x', REPLICATED);
    await eventually(async () => assert.match(await change(), /^20/), LIMIT_MS);
    await current.cluster.kill(again);
    current.cluster.notice(again);
    reconnect(b);
    for (const [path, text] of [
      ['/red/k', 'kept'],
      ['/red/other', 'x'],
    ] as const) {
      await eventually(async () => assert.equal(await get(a, path), `200 ${text}`), LIMIT_MS);
    }
  });

  it('that are replicated are copied again to a next home that has started again, although nobody changes them', async () => {
    const [, b, c] = [await add(), await add(), await add()];
    assert.match(await put(c, '/red/k', 'kept', REPLICATED), /^201/);
    const again = await current.cluster.restart(b);
    await eventually(async () => {
      assert.equal(await get(c, '/red/k'), '200 kept');
      assert.equal(again.sharing.sets.get(RED)?.complete, true);
    }, LIMIT_MS);
    await current.cluster.kill(c);
    current.cluster.notice(c);
    await eventually(async () => assert.equal(await get(again, '/red/k'), '200 kept'), LIMIT_MS);
  });

  it('are served if an invoker that had copies starts again at another address', async () => {
    const [, b, c] = [await add(), await add(), await add()];
    assert.match(await put(c, '/red/k', 'one', REPLICATED), /^201/);
    b.proxy.drop();
    b.state = 'draining';
    const d = await add();
    await eventually(async () => assert.equal(await get(d, '/red/k'), '200 one'), LIMIT_MS);
    await current.cluster.restart(b, { isMoved: true });
    assert.match(await get(d, '/red/missing'), /^404/);
    await eventually(async () => assert.match(await put(d, '/red/k', 'two', REPLICATED), /^200/));
  });
});

describe('objects of invokers that join and leave', () => {
  const current = eachWithCluster();
  const add = (): Promise<Node> => current.cluster.add();

  it('that are replicated can be changed after another invoker could not take them over', async () => {
    const [, , c] = [await add(), await add(), await add()];
    assert.match(await put(c, '/red/k', 'old', REPLICATED), /^201/);
    assert.match(await put(c, '/red/memory', 'kept'), /^201/);
    // The invoker with the copies hears of it, and the home does not.
    c.proxy.drop();
    const d = await add();
    assert.match(await get(d, '/red/k'), /^503.*does not answer/);
    d.state = 'draining';
    await eventually(async () => assert.match(await get(d, '/red/k'), /^503.*home of the color/));
    c.proxy.heal();
    await eventually(async () => assert.match(await put(c, '/red/k', 'new', REPLICATED), /^200/));
    assert.equal(await get(d, '/red/k'), '200 new');
    assert.equal(await get(c, '/red/memory'), '200 kept');
  });

  it('stay if an invoker that joins is named their home and leaves before it has them', async () => {
    const [a, b] = [await add(), await add()];
    assert.match(await put(b, '/red/k', 'kept'), /^201/);
    assert.match(await put(b, '/red/copied', 'kept', REPLICATED), /^201/);
    // It cannot take the color over, since one of the others does not answer.
    a.proxy.drop();
    const c = await add();
    assert.match(await get(c, '/red/k'), /^503.*does not answer/);
    // The former home hears of it, too.
    await eventually(async () => assert.match(await get(b, '/red/k'), /^503/));
    c.state = 'draining';
    a.proxy.heal();
    await eventually(async () => assert.equal(await get(b, '/red/k'), '200 kept'));
    await eventually(async () => assert.equal(await get(a, '/red/copied'), '200 kept'));
    await eventually(async () => assert.match(await put(a, '/red/copied', 'new', REPLICATED), /^200/));
  });

  it('that are replicated are copied to an invoker again that was drained and takes part again', async () => {
    const [a, b] = [await add(), await add()];
    for (const key of ['k', 'l']) assert.match(await put(b, `/red/${key}`, 'one', REPLICATED), /^201/);
    assert.equal((await current.cluster.drain(a)).left, 0);
    a.state = 'up';
    await eventually(async () => assert.match(await put(b, '/red/l', 'two', REPLICATED), /^200/));
    await current.cluster.kill(b);
    current.cluster.notice(b);
    await eventually(async () => assert.equal(await get(a, '/red/k'), '200 one'), LIMIT_MS);
    assert.equal(await get(a, '/red/l'), '200 two');
  });

  it('that are replicated keep their copies at an invoker that takes part again before it has drained', async () => {
    const [a, b] = [await add(), await add()];
    assert.match(await put(b, '/red/k', 'kept', REPLICATED), /^201/);
    const drained = await a.sharing.drain(AbortSignal.timeout(1000));
    assert.deepEqual(drained, { moved: 0, left: 1 });
    await current.cluster.kill(b);
    current.cluster.notice(b);
    await eventually(async () => assert.equal(await get(a, '/red/k'), '200 kept'), LIMIT_MS);
  });

  it('move to the next home of the policy that their requests name when an invoker drains', async () => {
    const [a, b, c] = [await add(), await add(), await add()];
    const policy = { 'x-openwhisk-color-policy': 'oldest' };
    assert.match(await put(c, '/red/k', 'one', policy), /^201/);
    assert.equal(a.memory.counts().objects, 1);
    assert.deepEqual(await current.cluster.drain(a), { moved: 1, left: 0 });
    assert.deepEqual([b.memory.counts().objects, c.memory.counts().objects], [1, 0]);
    const { body } = await c.container.call('/red/k', { headers: policy });
    assert.equal(body.toString(), 'one');
  });

  it('that are out of date do not hold up the drain of an invoker', async () => {
    const a = await add();
    assert.match(await put(a, '/red/k', 'old'), /^201/);
    const b = await add();
    assert.match(await get(b, '/red/other'), /^404/);
    a.proxy.drop();
    await eventually(async () => assert.match(await put(b, '/red/k', 'new'), /^20[01]/), LIMIT_MS);
    a.proxy.heal();
    assert.deepEqual(await current.cluster.drain(a, 10_000), { moved: 1, left: 0 });
    assert.equal(await get(b, '/red/k'), '200 new');
  });

  it('are listed and move on although a former home has gone without a trace', async () => {
    const [a, b] = [await add(), await add()];
    assert.match(await put(b, '/red/k', 'one'), /^201/);
    const c = await add();
    assert.match(await put(c, '/red/l', 'two'), /^201/);
    b.proxy.drop();
    b.state = 'draining';
    await eventually(async () => assert.match(await get(c, '/red'), /^200 .*"key":"l"/), LIMIT_MS);
    assert.deepEqual(await current.cluster.drain(c), { moved: 1, left: 0 });
    await eventually(async () => assert.equal(await get(a, '/red/l'), '200 two'), LIMIT_MS);
  });
});
