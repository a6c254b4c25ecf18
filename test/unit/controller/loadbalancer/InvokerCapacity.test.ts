import assert from 'node:assert/strict';
import fc from 'fast-check';
import { InvokerCapacity } from '../../../../controller/loadbalancer/InvokerCapacity.js';

describe('the capacity of an invoker', () => {
  it('give out their memory and take it back', () => {
    const capacity = new InvokerCapacity(512);
    assert.equal(capacity.fits('a', 1, 512), true);
    capacity.take('a', 1, 200);
    assert.deepEqual([capacity.free, capacity.used], [312, 200]);
    capacity.release('a', 1, 200);
    capacity.take('a', 1, 256);
    assert.equal(capacity.free, 256);
    assert.equal(capacity.fits('a', 1, 257), false);
    capacity.release('a', 1, 256);
    assert.equal(capacity.free, 512);
  });

  it('may be overdrawn, and fit nothing until they are even again', () => {
    const capacity = new InvokerCapacity(256);
    capacity.take('a', 1, 256);
    capacity.take('a', 1, 256);
    assert.equal(capacity.free, -256);
    capacity.release('a', 1, 256);
    assert.equal(capacity.fits('a', 1, 1), false);
    capacity.release('a', 1, 256);
    assert.equal(capacity.fits('a', 1, 256), true);
  });

  it('count a container once for as many invocations as it takes at a time', () => {
    const capacity = new InvokerCapacity(256);
    for (const [under, free, places] of [
      [1, 128, 2],
      [2, 128, 1],
      [3, 128, 0],
      [4, 0, 2],
    ] as const) {
      assert.equal(capacity.fits('a', 3, 128), true, `invocation ${under}`);
      capacity.take('a', 3, 128);
      assert.equal(capacity.free, free);
      assert.equal(capacity.placesOf('a'), places);
    }
    assert.equal(capacity.fits('b', 3, 128), false, 'no memory for another action');
    assert.equal(capacity.fits('a', 3, 128), true, 'a place in a container that is there');
  });

  it('take no memory for invocations beyond the most containers of their action', () => {
    for (const concurrency of [1, 2]) {
      const capacity = new InvokerCapacity(1024);
      const take = () => capacity.take('a', concurrency, 256, 40, 0, 2);
      for (let i = 0; i < 2 * concurrency; i++) {
        assert.equal(capacity.fits('a', concurrency, 256, 2), true);
        take();
      }
      assert.equal(capacity.free, 512);
      assert.equal(capacity.fits('a', concurrency, 256, 2), false);
      assert.equal(capacity.fits('b', concurrency, 256), true, 'others have room');
      assert.equal(capacity.expectedWait('a', concurrency, 256, 0, 2), 20 / concurrency);
      assert.equal(capacity.expectedWait('a', concurrency, 256, 5000, 2), 5000, 'none has ended for so long');
      for (let i = 0; i < 10; i++) take();
      assert.equal(capacity.free, 512);
      assert.equal(capacity.expectedWait('a', concurrency, 256, 0, 2), 220 / concurrency);
      const release = () => capacity.release('a', concurrency, 256, 40, 0, 2);
      for (let i = 0; i < 10; i++) release();
      assert.equal(capacity.free, 512, 'the waiting ones have taken the places');
      for (let i = 0; i < 2 * concurrency; i++) release();
      assert.deepEqual([capacity.free, capacity.underWay], [1024, 0]);
      assert.equal(capacity.placesOf('a'), undefined);
    }
  });

  it('fit another container of an action with a limit once one of its containers is gone', () => {
    const capacity = new InvokerCapacity(1024);
    assert.equal(capacity.underWayOf('a'), 0);
    for (let i = 0; i < 2; i++) capacity.take('a', 1, 256, 10, 0, 2);
    assert.deepEqual([capacity.fits('a', 1, 256, 2), capacity.underWayOf('a')], [false, 2]);
    capacity.release('a', 1, 256, 10, 5, 2);
    assert.deepEqual([capacity.fits('a', 1, 256, 2), capacity.underWayOf('a')], [true, 1]);
  });

  it('expect a limited action to wait for as long as none of its places became free since they were all taken', () => {
    const capacity = new InvokerCapacity(1024);
    capacity.take('a', 2, 256, 10, 1000, 1);
    capacity.take('a', 2, 256, 10, 1200, 1);
    assert.equal(capacity.expectedWait('a', 2, 256, 1500, 1), 300);
    capacity.take('a', 2, 256, 10, 1600, 1);
    assert.equal(capacity.expectedWait('a', 2, 256, 1700, 1), 500, 'it waits itself');
    capacity.release('a', 2, 256, 10, 1690, 1);
    assert.equal(capacity.expectedWait('a', 2, 256, 1700, 1), 10);
  });

  it('are whole again after limited and unlimited invocations of an action, in any order', () => {
    const limits = fc.constantFrom(1, 2, undefined);
    fc.assert(
      fc.property(fc.array(fc.tuple(limits, fc.nat())), fc.constantFrom(1, 3), (steps, concurrency) => {
        const capacity = new InvokerCapacity(1024);
        const under: (number | undefined)[] = [];
        for (const [limit, pick] of steps) {
          if (pick % 3 === 0 && under.length > 0) {
            const [ended] = under.splice(pick % under.length, 1);
            capacity.release('a', concurrency, 128, 1, 0, ended);
          } else {
            capacity.take('a', concurrency, 128, 1, 0, limit);
            under.push(limit);
          }
        }
        for (const limit of under) capacity.release('a', concurrency, 128, 1, 0, limit);
        assert.deepEqual([capacity.free, capacity.underWay, capacity.placesOf('a')], [1024, 0, undefined]);
      }),
    );
  });

  it('keep the memory in use when the share changes', () => {
    const capacity = new InvokerCapacity(1024);
    capacity.take('a', 1, 256);
    capacity.resize(512);
    assert.equal(capacity.free, 256);
    capacity.release('a', 1, 256);
    assert.equal(capacity.free, 512);
    assert.equal(capacity.share, 512);
  });

  it('are whole again after every order of taking and releasing', () => {
    const resources = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      memory: fc.constantFrom(128, 256),
      concurrency: fc.constantFrom(1, 2, 5),
    });
    // An action's resources is the same at each invocation: its key says its memory and concurrency.
    const named = resources.map((d) => ({ ...d, key: `${d.key}/${d.memory}/${d.concurrency}` }));
    fc.assert(
      fc.property(fc.array(fc.tuple(named, fc.nat()), { maxLength: 60 }), (steps) => {
        const capacity = new InvokerCapacity(1024);
        const under: { key: string; memory: number; concurrency: number }[] = [];
        for (const [step, pick] of steps) {
          if (pick % 3 === 0 && under.length > 0) {
            const [ended] = under.splice(pick % under.length, 1);
            assert.ok(ended);
            capacity.release(ended.key, ended.concurrency, ended.memory);
          } else if (capacity.fits(step.key, step.concurrency, step.memory)) {
            capacity.take(step.key, step.concurrency, step.memory);
            under.push(step);
          }
          assert.ok(capacity.free >= 0, 'nothing that fits overdraws');
          const needed = new Map<string, number>();
          for (const one of under) needed.set(one.key, (needed.get(one.key) ?? 0) + 1);
          let least = 0;
          for (const [key, count] of needed) {
            const one = under.find((entry) => entry.key === key);
            assert.ok(one);
            least += Math.ceil(count / one.concurrency) * one.memory;
          }
          assert.ok(capacity.used >= least, 'the containers that must be there are paid for');
        }
        for (const one of under) capacity.release(one.key, one.concurrency, one.memory);
        assert.equal(capacity.free, 1024);
        for (const one of under) assert.equal(capacity.placesOf(one.key), undefined);
      }),
    );
  });

  it('says the wait to be expected, as in the example', () => {
    const capacity = new InvokerCapacity(1024);
    for (let i = 0; i < 11; i++) {
      assert.equal(capacity.expectedWait('a', 1, 128, 0) > 0, i >= 8);
      capacity.take('a', 1, 128, 40, 0);
    }
    assert.equal(capacity.expectedWait('a', 1, 128, 0), 20);
    assert.equal(capacity.expectedWait('a', 1, 128, 15), 20);
    assert.equal(capacity.expectedWait('a', 1, 128, 35), 35, 'nothing has ended for longer than that');
    capacity.release('a', 1, 128, 40, 35);
    assert.equal(capacity.expectedWait('a', 1, 128, 35), 15);
    for (let i = 0; i < 10; i++) capacity.release('a', 1, 128, 40, 35);
    assert.equal(capacity.expectedWait('a', 1, 128, 99), 0);
  });

  it('expects no wait for an action with places left in its containers', () => {
    const capacity = new InvokerCapacity(128);
    capacity.take('a', 3, 128, 40, 0);
    assert.equal(capacity.expectedWait('a', 3, 128, 0), 0);
    assert.ok(capacity.expectedWait('b', 3, 128, 0) > 0);
  });

  it('count invocations from the first to the last', () => {
    const capacity = new InvokerCapacity(256);
    assert.equal(capacity.underWay, 0);
    capacity.take('a', 1, 128);
    capacity.take('b', 3, 128);
    assert.equal(capacity.underWay, 2);
    capacity.release('a', 1, 128);
    assert.equal(capacity.underWay, 1);
  });

  it('has no place for an action with a concurrency limit of 1, whatever containers there are', () => {
    const capacity = new InvokerCapacity(128);
    capacity.take('a', 3, 128);
    assert.equal(capacity.fits('a', 1, 128), false);
  });

  describe('the wait to be expected', () => {
    const LEAST_MS = 0.001;

    it('is in proportion to the missing slots and the mean duration, and independent of ended invocations', () => {
      const capacity = new InvokerCapacity(1);
      for (let round = 0; round < 2; round++) {
        capacity.take('a', 1, 1, 40, 0);
        assert.equal(capacity.expectedWait('a', 1, 1, 0), 40);
        capacity.take('a', 1, 1, 20, 0);
        assert.equal(capacity.expectedWait('a', 1, 1, 0), 2 * 30);
        capacity.release('a', 1, 1, 20, 0);
        assert.equal(capacity.expectedWait('a', 1, 1, 0), 40);
        capacity.release('a', 1, 1, 40, 0);
      }
    });

    it('is never 0 without room, even if no duration is known, or nothing is in flight', () => {
      const capacity = new InvokerCapacity(128);
      assert.equal(capacity.expectedWait('a', 1, 256, 0), LEAST_MS, 'larger than the share');
      capacity.take('a', 1, 128);
      capacity.take('a', 1, 128);
      assert.equal(capacity.expectedWait('a', 1, 128, 0), LEAST_MS);
      capacity.take('a', 1, 128, 40, 0);
      capacity.release('a', 1, 128);
      assert.equal(capacity.expectedWait('a', 1, 128, 0), (256 * 20) / 128, 'one of two takes 40 ms');
    });

    it('is at least the time since the invoker became full', () => {
      const capacity = new InvokerCapacity(256);
      assert.equal(capacity.expectedWait('a', 1, 512, 5), 5, 'it never had room for that');
      capacity.take('a', 1, 128, 0, 50);
      assert.equal(capacity.expectedWait('a', 1, 256, 60), 60, 'there is room for another one: it is not full');
      capacity.take('a', 1, 128, 0, 70);
      assert.equal(capacity.expectedWait('a', 1, 128, 90), 20);
      capacity.take('a', 1, 128, 0, 80);
      assert.equal(capacity.expectedWait('a', 1, 128, 90), 20, 'it was full already');
    });

    it('is at least the time since an invocation last ended', () => {
      const capacity = new InvokerCapacity(128);
      for (let i = 0; i < 3; i++) capacity.take('a', 1, 128);
      assert.equal(capacity.expectedWait('a', 1, 128, 5), 5);
      capacity.release('a', 1, 128, 0, 30);
      assert.equal(capacity.expectedWait('a', 1, 128, 35), 5);
      capacity.release('a', 1, 128);
      assert.equal(capacity.expectedWait('a', 1, 128, 35), 35, 'by default the clock is at 0');
    });

    it('is finite on an invoker of which this controller has no share', () => {
      const capacity = new InvokerCapacity(0);
      capacity.take('a', 1, 128, 40, 0);
      assert.equal(capacity.expectedWait('a', 1, 128, 0), 256 * 40);
    });
  });

  it('fits the last place of a container', () => {
    const capacity = new InvokerCapacity(128);
    capacity.take('a', 2, 128);
    assert.equal(capacity.placesOf('a'), 1);
    assert.equal(capacity.fits('a', 2, 128), true);
    capacity.take('a', 2, 128);
    assert.equal(capacity.fits('a', 2, 128), false);
  });
});
