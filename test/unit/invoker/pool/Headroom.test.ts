import assert from 'node:assert/strict';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';
import { Headroom } from '../../../../invoker/pool/Headroom.js';
import { Gate, PoolFixture, settle } from './setup.js';

const MINUTE = 60_000;

/** A pool of eight containers of 256 MB, of which some are there. */
function table(containers: number): ContainerTable<ContainerEntry> {
  const made = new ContainerTable<ContainerEntry>(2048, 8);
  for (let i = 0; i < containers; i++) made.addStemCell(newEntry(i, 'nodejs:20', 256));
  return made;
}

describe('Headroom', () => {
  it('is nothing before an eviction', () => {
    assert.equal(new Headroom().missingMB(table(8), 1000), 0);
  });

  it('is the memory of the last eviction, for a minute', () => {
    const headroom = new Headroom();
    headroom.evicted(256, 0);
    assert.equal(headroom.missingMB(table(8), 0), 256);
    assert.equal(headroom.missingMB(table(8), MINUTE - 1), 256);
    assert.equal(headroom.missingMB(table(8), MINUTE), 0);
    assert.equal(headroom.missingMB(table(7), 0), 0);
  });

  it('counts containers that are being removed as free', () => {
    const headroom = new Headroom();
    headroom.evicted(256, 0);
    const full = table(8);
    const [entry] = full.all;
    full.retire(entry ?? assert.fail());
    assert.equal(headroom.missingMB(full, 1), 0);
  });

  it('is the largest memory of a minute', () => {
    const headroom = new Headroom();
    headroom.evicted(200, 0);
    headroom.evicted(100, MINUTE - 1);
    assert.equal(headroom.missingMB(table(8), MINUTE), 200);
    headroom.evicted(100, 3 * MINUTE);
    assert.equal(headroom.missingMB(table(8), 3 * MINUTE), 100);
  });

  it('is nothing if a container is more than an eighth of the pool', () => {
    const headroom = new Headroom();
    headroom.evicted(257, 0);
    assert.equal(headroom.missingMB(table(8), 0), 0);
  });

  it('lets the next start of a full pool begin at once, though removals hang', async () => {
    const f = new PoolFixture({ userMemoryMB: 8 * 256 });
    for (let i = 0; i < 8; i++) await f.run({ name: `idle${i}` });
    f.now += 20_000;
    f.pool.sweep();
    await settle();
    await f.run({ name: 'first' });
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.alive.length, 7, 'one more was evicted');
    const gate = new Gate();
    f.driver.removing = () => gate.pass();
    await f.run({ name: 'second' });
    assert.equal(f.heard.records.at(-1)?.response.statusCode, 0);
    f.pool.sweep();
    f.pool.sweep();
    await settle();
    assert.equal(f.pool.counts().containers.removing, 1, 'one for the next start');
    gate.open();
    await settle();
    assert.equal(f.driver.alive.length, 7);
  });

  it('evicts nothing in advance that was just used', async () => {
    const f = new PoolFixture({ userMemoryMB: 8 * 256 });
    for (let i = 0; i < 9; i++) await f.run({ name: `a${i}` });
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.alive.length, 8);
  });
});
