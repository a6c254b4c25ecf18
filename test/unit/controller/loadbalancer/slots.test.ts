import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Slots } from '../../../../controller/loadbalancer/slots.js';

describe('slots of an invoker', () => {
  it('give out their memory and take it back', () => {
    const slots = new Slots(512);
    assert.equal(slots.fits('a', 1, 512), true);
    slots.take('a', 1, 256);
    assert.equal(slots.free, 256);
    assert.equal(slots.fits('a', 1, 257), false);
    slots.release('a', 1, 256);
    assert.equal(slots.free, 512);
  });

  it('may be overdrawn, and fit nothing until they are even again', () => {
    const slots = new Slots(256);
    slots.take('a', 1, 256);
    slots.take('a', 1, 256);
    assert.equal(slots.free, -256);
    slots.release('a', 1, 256);
    assert.equal(slots.fits('a', 1, 1), false);
    slots.release('a', 1, 256);
    assert.equal(slots.fits('a', 1, 256), true);
  });

  it('count a container once for as many invocations as it takes at a time', () => {
    const slots = new Slots(256);
    for (const [under, free, places] of [
      [1, 128, 2],
      [2, 128, 1],
      [3, 128, 0],
      [4, 0, 2],
    ] as const) {
      assert.equal(slots.fits('a', 3, 128), true, `invocation ${under}`);
      slots.take('a', 3, 128);
      assert.equal(slots.free, free);
      assert.equal(slots.placesOf('a'), places);
    }
    assert.equal(slots.fits('b', 3, 128), false, 'no memory for another action');
    assert.equal(slots.fits('a', 3, 128), true, 'a place in a container that is there');
  });

  it('keep what is in use when the share changes', () => {
    const slots = new Slots(1024);
    slots.take('a', 1, 256);
    slots.resize(512);
    assert.equal(slots.free, 256);
    slots.release('a', 1, 256);
    assert.equal(slots.free, 512);
    assert.equal(slots.share, 512);
  });

  it('are whole again after every order of taking and releasing', () => {
    const demand = fc.record({
      key: fc.constantFrom('a', 'b', 'c'),
      memory: fc.constantFrom(128, 256),
      concurrency: fc.constantFrom(1, 2, 5),
    });
    // An action's demand is the same at each invocation: its key says its memory and concurrency.
    const named = demand.map((d) => ({ ...d, key: `${d.key}/${d.memory}/${d.concurrency}` }));
    fc.assert(
      fc.property(fc.array(fc.tuple(named, fc.nat()), { maxLength: 60 }), (steps) => {
        const slots = new Slots(1024);
        const under: { key: string; memory: number; concurrency: number }[] = [];
        for (const [step, pick] of steps) {
          if (pick % 3 === 0 && under.length > 0) {
            const [ended] = under.splice(pick % under.length, 1);
            assert.ok(ended);
            slots.release(ended.key, ended.concurrency, ended.memory);
          } else if (slots.fits(step.key, step.concurrency, step.memory)) {
            slots.take(step.key, step.concurrency, step.memory);
            under.push(step);
          }
          assert.ok(slots.free >= 0, 'nothing that fits overdraws');
          const needed = new Map<string, number>();
          for (const one of under) needed.set(one.key, (needed.get(one.key) ?? 0) + 1);
          let least = 0;
          for (const [key, count] of needed) {
            const one = under.find((entry) => entry.key === key);
            assert.ok(one);
            least += Math.ceil(count / one.concurrency) * one.memory;
          }
          assert.ok(slots.used >= least, 'the containers that must be there are paid for');
        }
        for (const one of under) slots.release(one.key, one.concurrency, one.memory);
        assert.equal(slots.free, 1024);
        for (const one of under) assert.equal(slots.placesOf(one.key), undefined);
      }),
    );
  });
});
