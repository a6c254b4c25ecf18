import assert from 'node:assert/strict';
import { eventually } from '../../e2e/eventually.js';
import { GUEST } from '../../unit/invoker/objects/sharing/cluster.js';
import { cutOff, eachWithCluster, put, REPLICATED } from './clusters.js';

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
        await eventually(async () => {
          await former.sharing.locate(GUEST, 'red', undefined);
          assert.equal(former.sharing.owns(GUEST, 'red'), false);
        }, LIMIT_MS);
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
        await eventually(async () => {
          await former.sharing.locate(GUEST, 'red', undefined);
          assert.equal(former.sharing.owns(GUEST, 'red'), false);
        }, LIMIT_MS);
      }
      await eventually(async () => assert.equal(await home.container.text('/red/k'), '200 kept'), LIMIT_MS);
    });
  }
});
