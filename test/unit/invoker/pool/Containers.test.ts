import assert from 'node:assert/strict';
import { Gate, PoolFixture, settle } from './setup.js';

describe('Containers', () => {
  describe('idle containers', () => {
    it('pauses after the grace time, resumes for work, and removes after the idle time', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      f.now += 9000;
      f.pool.sweep();
      await settle();
      assert.equal(container?.paused, false);
      f.now += 1000;
      f.pool.sweep();
      await settle();
      assert.equal(container?.paused, true);
      assert.equal(f.pool.counts().containers.paused, 1);
      await f.run();
      assert.equal(f.driver.containers.length, 1);
      assert.equal(container?.paused, false);
      f.now += 610_000;
      f.pool.sweep();
      await settle();
      assert.equal(f.driver.alive.length, 0);
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('waits for a pause under way before it resumes', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      const gate = new Gate();
      if (container) container.pausing = () => gate.pass();
      f.now += 10_000;
      f.pool.sweep();
      const run = f.run();
      await settle();
      assert.equal(container?.posts.length, 2);
      gate.open();
      await run;
      assert.equal(container?.posts.length, 3);
      assert.equal(f.driver.containers.length, 1);
    });

    it('takes another container when resuming fails, and drops this one', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      if (container) container.resuming = () => Promise.reject(new Error('no'));
      f.now += 10_000;
      f.pool.sweep();
      await settle();
      await f.run();
      assert.equal(f.driver.containers.length, 2);
      assert.equal(container?.running, false);
      assert.equal(f.heard.records[1]?.response.statusCode, 0);
    });

    it('drops a container that cannot be paused', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      if (container) container.pausing = () => Promise.reject(new Error('no'));
      f.now += 10_000;
      f.pool.sweep();
      await settle();
      assert.equal(container?.running, false);
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('drops a container that died while it was idle', async () => {
      const f = new PoolFixture();
      await f.run();
      f.driver.containers[0]?.die();
      await settle();
      assert.equal(f.pool.counts().usedMB, 0);
      await f.run();
      assert.equal(f.driver.containers.length, 2);
    });
  });
});
