import assert from 'node:assert/strict';
import { lossyPeers } from '../../history/lossyPeers.js';
import { eventually } from '../../e2e/eventually.js';
import { cutOff, eachWithCluster, put, reconnect, REPLICATED, untilGivenUp } from './clusters.js';

const LIMIT_MS = 40_000;

describe('the replicated objects of a color that is taken over while the invoker with their copies is silent', () => {
  const current = eachWithCluster();

  for (const isDoubted of [false, true]) {
    it(`come from the former home${isDoubted ? ', also if that one has heard of the new home before' : ''}`, async () => {
      const { cluster } = current;
      const [holder, former] = [await cluster.add(), await cluster.add()];
      assert.match(await put(former, '/red/k', 'kept', REPLICATED), /^201/);
      cutOff(holder);
      cluster.notice(holder);
      const home = await cluster.add();
      if (isDoubted) {
        await untilGivenUp(former, 'red');
      }
      await eventually(async () => assert.equal(await home.container.text('/red/k'), '200 kept'), LIMIT_MS);
    });
  }

  for (const isDoubted of [false, true]) {
    it(`come from the former home after a change that the silent one did not answer${isDoubted ? ' (doubted)' : ''}`, async () => {
      const { cluster } = current;
      const [holder, former] = [await cluster.add(), await cluster.add()];
      assert.match(await put(former, '/red/k', 'kept', REPLICATED), /^201/);
      cutOff(holder);
      assert.match(await put(former, '/red/k', 'other', REPLICATED), /^50[23]/);
      cluster.notice(holder);
      const home = await cluster.add();
      if (isDoubted) {
        await untilGivenUp(former, 'red');
      }
      await eventually(async () => assert.equal(await home.container.text('/red/k'), '200 kept'), LIMIT_MS);
    });
  }

  it('come from the former home during a change that the silent one does not answer', async () => {
    const { cluster } = current;
    const [holder, former] = [await cluster.add(), await cluster.add()];
    assert.match(await put(former, '/red/k', 'kept', REPLICATED), /^201/);
    cutOff(holder);
    const changed = put(former, '/red/k', 'other', REPLICATED);
    cluster.notice(holder);
    const home = await cluster.add();
    await eventually(async () => assert.equal(await home.container.text('/red/k'), '200 kept'), LIMIT_MS);
    assert.match(await changed, /^50[23]/);
  });

  it('do not come from a former home that has taken a change back if the silent one has served it as the home', async () => {
    const { cluster } = current;
    const [holder, former] = [await cluster.add(), await cluster.add()];
    assert.match(await put(former, '/red/k', 'kept', REPLICATED), /^201/);
    const heal = lossyPeers((_, { operation }) => (operation === 'copy' ? { kind: 'unheard' } : undefined));
    try {
      assert.match(await put(former, '/red/k', 'other', REPLICATED), /^502/);
    } finally {
      heal();
    }
    former.state = 'draining';
    await untilGivenUp(former, 'red');
    await eventually(async () => assert.equal(await holder.container.text('/red/k'), '200 other'), LIMIT_MS);
    cutOff(holder);
    cluster.notice(holder);
    const home = await cluster.add();
    let response = '';
    await eventually(async () => {
      response = await home.container.text('/red/k');
      assert.match(response, /^200|^503 .*invoker0 does not answer/);
    }, LIMIT_MS);
    assert.doesNotMatch(response, /kept/);
    reconnect(holder);
    await eventually(async () => assert.equal(await home.container.text('/red/k'), '200 other'), LIMIT_MS);
  });
});
