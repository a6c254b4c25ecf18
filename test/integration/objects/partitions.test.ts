import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { NO_CONTACT } from '../../../invoker/objects/sharing/Sharing.js';
import { GUEST } from '../../unit/invoker/objects/sharing/cluster.js';
import { cutOff, eachWithCluster, LIMIT_MS, put, reconnect, REPLICATED } from './clusters.js';

describe('objects of invokers that do not reach each other or the controllers', () => {
  const current = eachWithCluster();

  for (const persistence of ['memory', 'replicated', 'stored']) {
    it(`of a home that was cut off and comes back are those of the home in between (${persistence})`, async () => {
      const [a, , c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
      const headers = { 'x-palette-persistence': persistence };
      for (const key of ['changed', 'deleted', 'same'])
        assert.match(await put(c, `/red/${key}`, 'old', headers), /^201/);
      cutOff(c);
      c.state = 'draining';
      await eventually(async () => assert.match(await put(a, '/red/changed', 'new', headers), /^20/), LIMIT_MS);
      const lost = persistence === 'memory';
      assert.match(await a.container.text('/red/deleted', { method: 'DELETE' }), lost ? /^404/ : /^204/);
      reconnect(c);
      c.state = 'up';
      for (const node of [c, a]) {
        await eventually(async () => assert.equal(await node.container.text('/red/changed'), '200 new'), LIMIT_MS);
        assert.match(await node.container.text('/red/deleted'), /^404/);
        assert.match(await node.container.text('/red/same'), lost ? /^404/ : /^200 old/);
      }
    });
  }

  it('of a home that no controller answered for a while stay if no other invoker has had them', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    await put(b, '/red/k', 'one');
    for (const node of [a, b]) node.reachesControllers = false;
    await eventually(async () => assert.match(await b.container.text('/red/k'), /^503/), LIMIT_MS);
    assert.deepEqual(b.warnings, []);
    for (const node of [a, b]) node.reachesControllers = true;
    assert.equal(await b.container.text('/red/k'), '200 one');
    assert.deepEqual(b.warnings, [NO_CONTACT]);
  });

  it('do not come back from an invoker that their home took for dead, while the controllers reached it', async () => {
    const a = await current.cluster.add();
    for (const key of ['changed', 'deleted', 'kept']) await put(a, `/red/${key}`, 'old');
    const b = await current.cluster.add();
    assert.equal(await b.container.text('/red/kept'), '200 old');
    a.proxy.drop();
    // The home gives up when the other one has been silent for long enough.
    await eventually(async () => assert.match(await b.container.text('/red/deleted'), /^404/), LIMIT_MS);
    await eventually(async () => assert.match(await put(b, '/red/changed', 'new'), /^20[01]/), LIMIT_MS);
    a.proxy.heal();
    b.state = 'draining';
    const isHome = async (): Promise<void> => {
      await a.container.text('/red/unknown');
      assert.equal(a.sharing.owns(GUEST, 'red'), true);
    };
    await eventually(isHome, LIMIT_MS);
    assert.equal(await a.container.text('/red/changed'), '200 new');
    assert.match(await a.container.text('/red/deleted'), /^404/);
    assert.equal(await a.container.text('/red/kept'), '200 old');
    // A home that has not given up still counts the objects of the other one.
    b.state = 'up';
    await eventually(async () => {
      await b.container.text('/red/unknown');
      assert.equal(b.sharing.owns(GUEST, 'red'), true);
    }, LIMIT_MS);
    b.state = 'draining';
    await eventually(isHome, LIMIT_MS);
    assert.equal(await a.container.text('/red/changed'), '200 new');
    assert.equal(await a.container.text('/red/kept'), '200 old');
  });

  it('that are replicated do not come back from an old copy that was cut off', async () => {
    const [a, b, c] = [await current.cluster.add(), await current.cluster.add(), await current.cluster.add()];
    for (const key of ['changed', 'deleted']) assert.match(await put(c, `/red/${key}`, 'old', REPLICATED), /^201/);
    // The copies are at b. It is cut off, and the home goes on with a.
    cutOff(b);
    b.state = 'draining';
    await eventually(async () => assert.match(await put(c, '/red/changed', 'new', REPLICATED), /^200/), LIMIT_MS);
    assert.equal(await c.container.text('/red/deleted', { method: 'DELETE' }), '204 ');
    reconnect(b);
    b.state = 'up';
    // The home dies before it copies to b again.
    await current.cluster.kill(c);
    current.cluster.notice(c);
    for (const node of [b, a]) {
      await eventually(async () => assert.equal(await node.container.text('/red/changed'), '200 new'), LIMIT_MS);
      assert.match(await node.container.text('/red/deleted'), /^404/);
    }
  });

  it('are not served by a home that no controller answers for longer than its reply holds', async () => {
    const a = await current.cluster.add();
    await put(a, '/red/k', 'one');
    a.reachesControllers = false;
    assert.equal(await a.container.text('/red/k'), '200 one');
    await eventually(
      async () => assert.match(await a.container.text('/red/k'), /^503.*no controller answers/),
      LIMIT_MS,
    );
    a.reachesControllers = true;
    assert.equal(await a.container.text('/red/k'), '200 one');
  });

  it('respond 503 while their home cannot be reached, and 502 for a change that it may have made', async () => {
    const [a, b] = [await current.cluster.add(), await current.cluster.add()];
    await put(a, '/red/k', 'one');
    b.proxy.drop();
    assert.match(await a.container.text('/red/k'), /^503/);
    b.proxy.heal();
    assert.equal(await a.container.text('/red/k'), '200 one');
    await current.cluster.kill(b);
    assert.match(await put(a, '/red/k', 'two'), /^503/);
  });
});
