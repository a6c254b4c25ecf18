import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { keptUserMB, objectsBound, reserveBytes } from '../../../../invoker/objects/objectsBound.js';
import { PoolFixture, settle } from '../pool/setup.js';

const MB = 1024 * 1024;

describe('objectsBound', () => {
  it('is within the configuration, and takes no more than free user memory beyond its own part', () => {
    const bytes = fc.integer({ min: 1, max: 2 ** 40 });
    fc.assert(
      fc.property(bytes, fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), (configured, free) => {
        const bound = objectsBound(configured, free);
        const reserve = reserveBytes(configured);
        assert.ok(bound <= configured);
        assert.ok(bound - reserve <= Math.max(0, free));
        assert.ok(bound >= reserve && reserve <= configured / 8 && reserve <= 64 * MB);
        assert.equal(bound, Math.min(configured, reserve + Math.max(0, free)));
      }),
    );
  });

  it('does not take the user memory of kept objects beyond the own part of objects', () => {
    // An eighth of 64 MB.
    const kept = (bytes: number): number => keptUserMB(64 * MB, bytes);
    assert.deepEqual([0, 8 * MB, 8 * MB + 1, 9 * MB, 9 * MB + 1, 32 * MB].map(kept), [0, 0, 1, 1, 2, 24]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.double({ min: 0, max: 0.5, noNaN: true }), (bound, part) => {
        // What containers must leave to kept objects is enough for them.
        const bytes = Math.floor(bound * part);
        assert.ok(objectsBound(bound, keptUserMB(bound, bytes) * MB) >= bytes);
      }),
    );
  });

  it('never gives objects the memory of containers, nor containers that of kept objects, whatever runs', async () => {
    const step = fc.oneof(
      fc.record({ op: fc.constant('run' as const), memory: fc.constantFrom(128, 256, 512, 1024), action: fc.nat(3) }),
      fc.record({ op: fc.constant('pass' as const), seconds: fc.nat(700) }),
      fc.record({ op: fc.constant('demand' as const), mb: fc.nat(300) }),
      fc.record({ op: fc.constant('keep' as const), mb: fc.nat(300) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        let freeMB = 1024;
        let demandMB = 0;
        let keptMB = 0;
        const take = (): number => {
          const taken = demandMB;
          demandMB = 0;
          return taken;
        };
        const parts = { onFreeMemory: (mb: number) => void (freeMB = mb), takeDemand: take };
        const f = new PoolFixture({ userMemoryMB: 1024 }, [], parts);
        const check = (): void => {
          assert.ok(freeMB >= 0);
          // An action that needs more than the rest gets it.
          const all = f.driver.alive.some(({ spec }) => spec.memoryMB === 1024);
          assert.ok(all || f.driver.memoryMB + keptMB <= 1024, `${f.driver.memoryMB} + ${keptMB}`);
          assert.ok(f.pool.counts().usedMB + freeMB <= 1024, `${f.pool.counts().usedMB} + ${freeMB}`);
          assert.ok(f.driver.memoryMB + freeMB <= 1024, `${f.driver.memoryMB} + ${freeMB}`);
        };
        for (const each of steps) {
          if (each.op === 'run') {
            void f.run({ name: `a${each.action}-${each.memory}`, memory: each.memory });
          } else if (each.op === 'keep') {
            // They grow within their bound only.
            keptMB = Math.min(each.mb, freeMB);
            f.pool.setOthers(keptMB);
          } else {
            if (each.op === 'pass') f.now += each.seconds * 1000;
            else demandMB = each.mb;
            f.pool.sweep();
          }
          check();
          await new Promise(setImmediate);
          check();
        }
        await f.pool.close(1000);
        check();
        assert.equal(freeMB, 1024);
      }),
      { numRuns: 60 },
    );
  });
});

describe('a pool whose memory objects lack', () => {
  it('removes containers that are idle for long, the least recently used first, and no more than needed', async () => {
    let demandMB = 0;
    const f = new PoolFixture({ userMemoryMB: 1024 }, [], { takeDemand: () => demandMB });
    for (const name of ['a', 'b', 'c', 'd']) {
      await f.run({ name });
      f.now += 1000;
    }
    const alive = (): number => f.driver.alive.length;
    demandMB = 300;
    // They are idle for less than the pause grace.
    f.pool.sweep();
    await settle();
    assert.equal(alive(), 4);
    f.now += 8000;
    f.pool.sweep();
    await settle();
    assert.equal(f.driver.containers.map(({ running }) => Number(running)).join(''), '0011');
    // There is enough free memory now.
    f.now += 100_000;
    f.pool.sweep();
    await settle();
    assert.equal(alive(), 2);
    demandMB = 0;
    await f.pool.close(1000);
  });
});
