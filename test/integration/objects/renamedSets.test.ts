import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { lossyPeers } from '../../history/lossyPeers.js';
import { GUEST } from '../../unit/invoker/objects/sharing/cluster.js';
import { eachWithCluster, LIMIT_MS, put, REPLICATED } from './clusters.js';

describe('a set of copies that a new owner has given its epoch', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('does not make the objects of that owner out of date if it gets lost before the owner has changed any of them', async () => {
    const { cluster } = current;
    const [, , c] = [await cluster.add(), await cluster.add(), await cluster.add()];
    assert.match(await put(c, '/red/k', 'one', REPLICATED), /^201/);
    let isRenamed = false;
    let isJoining = false;
    let isKilled = false;
    let answer: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    heal = lossyPeers(({ instance }, { operation }) => {
      if (operation === 'handover' && instance === c.instance && isJoining) {
        isJoining = false;
        const kill = async (): Promise<void> => {
          await new Promise((resolve) => setTimeout(resolve, 200));
          await cluster.kill(c);
          cluster.notice(c);
          isKilled = true;
        };
        return { kind: 'slow', until: kill() };
      }
      if (operation !== 'complete' || instance !== c.instance) return undefined;
      isRenamed = true;
      return { kind: 'slow', until };
    });
    const d = await cluster.add();
    await eventually(async () => assert.equal(await d.container.text('/red/k'), '200 one'), LIMIT_MS);
    await eventually(() => assert.ok(isRenamed), LIMIT_MS);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Another invoker joins, and the home hears of it before that asks for the color.
    const e = await cluster.add();
    await eventually(async () => {
      await d.sharing.locateForPeer(GUEST, 'red', undefined);
      assert.equal(d.sharing.owns(GUEST, 'red'), false);
    }, LIMIT_MS);
    // The next home dies right after it has told of its set.
    isJoining = true;
    await eventually(async () => assert.match(await e.container.text('/red/k'), /^(200|404)/), LIMIT_MS);
    answer();
    assert.ok(isKilled);
    assert.equal(await e.container.text('/red/k'), '200 one');
  });
});

describe('a set of copies that a new owner makes like its objects', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('does not bring back what was deleted since, if the owner dies meanwhile', async () => {
    const { cluster } = current;
    const [next, former, home] = [await cluster.add(), await cluster.add(), await cluster.add()];
    home.state = 'draining';
    assert.match(await put(former, '/red/other', 'x', REPLICATED), /^201/);
    assert.match(await put(former, '/red/k', 'one'), /^201/);
    let isListing = false;
    heal = lossyPeers(({ instance }, { operation }) => {
      if (instance !== next.instance) return undefined;
      if (operation === 'copy') return { kind: 'unheard' };
      if (operation !== 'list') return undefined;
      isListing = true;
      return { kind: 'slow', until: new Promise(() => undefined) };
    });
    assert.match(await put(former, '/red/k', 'two', REPLICATED), /^502/);
    former.state = 'draining';
    home.state = 'up';
    await eventually(async () => {
      await home.sharing.locateForPeer(GUEST, 'red', undefined);
      assert.ok(home.sharing.owns(GUEST, 'red'));
    }, LIMIT_MS);
    assert.equal(await home.container.text('/red/k'), '200 one');
    assert.match(await home.container.text('/red/k', { method: 'DELETE' }), /^204/);
    await eventually(() => assert.ok(isListing), LIMIT_MS);
    await cluster.kill(home);
    cluster.notice(home);
    await eventually(async () => assert.equal(await next.container.text('/red/other'), '200 x'), LIMIT_MS);
    assert.match(await next.container.text('/red/k'), /^404/);
  });
});

describe('a set of copies that is completed at another next home', () => {
  const current = eachWithCluster();
  let heal: (() => void) | undefined;
  afterEach(() => heal?.());

  it('does not make the set before it out of date if it gets lost before the owner knows that it is complete', async () => {
    const { cluster } = current;
    const [a, b] = [await cluster.add(), await cluster.add()];
    assert.match(await put(a, '/old/k', 'one', REPLICATED), /^201/);
    const c = await cluster.add();
    let isRenamed = false;
    let isKilled = false;
    let answer: () => void = () => undefined;
    const until = new Promise<void>((resolve) => (answer = resolve));
    heal = lossyPeers(({ instance }, { operation }) => {
      if (instance !== c.instance) return undefined;
      if (operation === 'handover') {
        const kill = async (): Promise<void> => {
          await new Promise((resolve) => setTimeout(resolve, 200));
          await cluster.kill(c);
          cluster.notice(c);
          isKilled = true;
        };
        return isKilled ? undefined : { kind: 'slow', until: kill() };
      }
      if (operation !== 'complete') return undefined;
      isRenamed = true;
      return { kind: 'slow', until };
    });
    // The next home drains, and the one after it gets a set.
    b.state = 'draining';
    await eventually(async () => {
      assert.equal(await a.container.text('/old/k'), '200 one');
      assert.ok(isRenamed);
    }, LIMIT_MS);
    await new Promise((resolve) => setTimeout(resolve, 100));
    // The home drains, too, and hears of the next one before that asks for the color.
    const d = await cluster.add();
    a.state = 'draining';
    cluster.nodes.splice(cluster.nodes.indexOf(d), 1);
    cluster.nodes.unshift(d);
    await eventually(async () => {
      await a.sharing.locateForPeer(GUEST, 'old', undefined);
      assert.equal(a.sharing.owns(GUEST, 'old'), false);
    }, LIMIT_MS);
    await eventually(async () => assert.match(await d.container.text('/old/k'), /^(200|404)/), LIMIT_MS);
    answer();
    assert.ok(isKilled);
    assert.equal(await d.container.text('/old/k'), '200 one');
  });
});
