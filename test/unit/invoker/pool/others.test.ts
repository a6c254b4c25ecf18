import assert from 'node:assert/strict';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';
import { place, placeInAdvance } from '../../../../invoker/pool/decide.js';
import { Headroom } from '../../../../invoker/pool/Headroom.js';
import { ok } from './FakeDriver.js';
import { Gate, PoolFixture, settle } from './setup.js';

/** A table of 1024 MB with idle containers of 256 MB. */
function tableOf(containers: number, othersMB: number): ContainerTable<ContainerEntry> {
  const table = new ContainerTable<ContainerEntry>(1024, 8);
  for (let id = 0; id < containers; id++) {
    const entry = newEntry(id, 'k', 256);
    table.addFor(entry, 'x', 1);
    table.setState(entry, 'warm');
  }
  table.setOthers(othersMB);
  return table;
}
const request = (memoryMB: number) => ({ key: 'a', namespace: '', kind: 'k', memoryMB, color: undefined });
const evicted = (table: ContainerTable<ContainerEntry>, memoryMB: number): number | string => {
  const placement = place(table, request(memoryMB), 100_000);
  return placement.kind === 'cold' ? placement.evict.length : placement.kind;
};

describe('memory that others than containers use', () => {
  it('is not taken for a container, to the MB', () => {
    assert.deepEqual([evicted(tableOf(2, 256), 256), evicted(tableOf(2, 257), 256)], [0, 1]);
    assert.deepEqual([tableOf(2, 256).fits(256), tableOf(2, 257).fits(256)], [true, false]);
    assert.equal(placeInAdvance(tableOf(2, 257), request(256), 1), undefined);
    const busy = tableOf(3, 1);
    for (const entry of busy.all) busy.assign(entry, undefined);
    assert.equal(evicted(busy, 256), 'wait');
    busy.setOthers(0);
    assert.equal(evicted(busy, 256), 0);
  });

  it('is taken for a container that needs it even if it is the only one', () => {
    assert.deepEqual([evicted(tableOf(0, 64), 1024), evicted(tableOf(1, 64), 1024)], [0, 1]);
    assert.equal(tableOf(0, 64).fits(1024), true);
    assert.equal(evicted(tableOf(0, 64), 1025), 'never');
    // The rest is enough.
    assert.equal(evicted(tableOf(1, 64), 704), 0);
    assert.equal(evicted(tableOf(1, 64), 705), 1);
  });

  it('is not kept free for the next container', () => {
    const headroom = new Headroom();
    headroom.evicted(128, 0);
    assert.deepEqual(
      [tableOf(3, 128), tableOf(3, 129), tableOf(3, 256)].map((each) => headroom.missingMB(each, 1)),
      [0, 1, 128],
    );
  });

  it('is not free memory of objects, which use it', () => {
    assert.deepEqual([tableOf(2, 100).freeMB, tableOf(4, 100).freeMB], [512, 0]);
  });

  it('keeps an activation waiting, which starts when it shrinks', async () => {
    const f = new PoolFixture({ userMemoryMB: 512 });
    const gate = new Gate();
    f.driver.answer = async ({ path }) => {
      if (path === '/run') await gate.pass();
      return ok({});
    };
    f.pool.setOthers(1);
    const runs = ['a', 'b'].map((name) => f.run({ name }));
    await settle();
    assert.deepEqual([f.driver.containers.length, f.pool.counts().waiting], [1, 1]);
    f.pool.setOthers(0);
    await settle();
    assert.deepEqual([f.driver.containers.length, f.pool.counts().waiting], [2, 0]);
    gate.open();
    await Promise.all(runs);
  });

  it('makes an activation look for another place that waited for it', async () => {
    const f = new PoolFixture({ userMemoryMB: 512 });
    await f.run({ name: 'a' });
    f.now += 1000;
    await f.run({ name: 'b' });
    const gate = new Gate();
    f.driver.removing = () => gate.pass();
    // In the memory of a.
    const c = f.run({ name: 'c' });
    await settle();
    assert.equal(f.pool.counts().containers.removing, 1);
    f.pool.setOthers(64);
    await settle();
    // That of b is necessary, too.
    assert.equal(f.pool.counts().containers.removing, 2);
    gate.one();
    await settle();
    assert.equal(f.driver.memoryMB, 256);
    gate.open();
    await c;
    assert.equal(f.heard.records.at(-1)?.response.statusCode, 0);
    assert.equal(f.driver.memoryMB, 256);
  });

  it('is given back by containers that are idle for long', async () => {
    const f = new PoolFixture({ userMemoryMB: 512 });
    for (const name of ['a', 'b']) {
      await f.run({ name });
      f.now += 1000;
    }
    f.pool.setOthers(64);
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.alive.length, 2);
    f.now += 9000;
    f.pool.sweep();
    await settle();
    assert.deepEqual(
      f.driver.containers.map(({ running }) => running),
      [false, true],
    );
    f.now += 100_000;
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.alive.length, 1);
  });
});
