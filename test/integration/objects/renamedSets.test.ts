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
