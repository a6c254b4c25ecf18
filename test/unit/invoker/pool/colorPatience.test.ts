import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { expectedWait, quickestHome } from '../../../../invoker/pool/colorPatience.js';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';

const NOW = 1_000_000;

/** A container that began its latest activation `elapsedMs` ago. */
function home(id: number, elapsedMs: number, concurrency = 1): ContainerEntry {
  return { ...newEntry(id, 'nodejs:20', 256), state: 'warm', lastAssigned: NOW - elapsedMs, concurrency };
}

const choose = (homes: readonly ContainerEntry[], waiting: readonly number[], patienceMs: number, meanMs?: number) =>
  quickestHome(homes, { meanMs, ahead: ({ id }) => waiting[id] ?? 0, now: NOW }, patienceMs);

describe('the wait of a color for its container', () => {
  const [a, b] = [home(0, 15), home(1, 120)];

  it('is worth it while the expected wait is within the patience, as in the example', () => {
    assert.equal(choose([a, b], [1, 0], 100, 40), a);
    assert.equal(choose([a, b], [3, 0], 100, 40), undefined);
    assert.equal(choose([b], [0, 0], 100, 40), undefined);
    assert.equal(choose([b], [0, 0], 120, 40), b);
  });

  it('is not worth it as long as no run of the action has ended', () => {
    assert.equal(choose([a, b], [0, 0], 10_000), undefined);
  });

  it('is for the container that is expected to have room first; of equal ones for the first', () => {
    assert.equal(choose([home(0, 5), a, home(2, 15)], [0, 0, 0], 100, 40)?.lastAssigned, a.lastAssigned);
    assert.equal(choose([a, home(2, 15)], [0, 0, 0], 100, 40), a);
  });

  it('counts a run from now on if the clock was set back', () => {
    assert.equal(choose([home(0, -500)], [0], 40, 40)?.id, 0);
    assert.equal(choose([home(0, -500)], [0], 39, 40), undefined);
  });

  it('does not count on the end of a call that lasts much longer than others', () => {
    assert.equal(choose([home(0, 60_000)], [0], 1_000, 40), undefined);
  });

  it('shares a container that runs several activations at once', () => {
    assert.equal(expectedWait({ elapsedMs: 0, meanMs: 40, ahead: 0, concurrency: 1 }), 40);
    assert.equal(expectedWait({ elapsedMs: 0, meanMs: 40, ahead: 2, concurrency: 4 }), 30);
    assert.equal(expectedWait({ elapsedMs: 40, meanMs: 40, ahead: 0, concurrency: 1 }), 40);
  });

  it('bounds how many wait for a container, however short the runs are', () => {
    assert.equal(choose([home(0, 0)], [100], 100, 0)?.id, 0);
    assert.equal(choose([home(0, 0)], [101], 100, 0), undefined);
  });

  it('never exceeds the patience as expected, and grows with those that wait', () => {
    const occupation = fc.record({
      elapsedMs: fc.integer({ min: 0, max: 100_000 }),
      ahead: fc.integer({ min: 0, max: 100 }),
      concurrency: fc.integer({ min: 1, max: 50 }),
    });
    fc.assert(
      fc.property(
        fc.array(occupation, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 1_000 }),
        fc.integer({ min: 1, max: 10_000 }),
        (occupations, meanMs, patienceMs) => {
          const homes = occupations.map(({ elapsedMs, concurrency }, id) => home(id, elapsedMs, concurrency));
          const waits = occupations.map((each) => expectedWait({ ...each, meanMs }));
          const chosen = choose(
            homes,
            occupations.map(({ ahead }) => ahead),
            patienceMs,
            meanMs,
          );
          const least = Math.min(...waits);
          assert.equal(chosen !== undefined, least <= patienceMs);
          if (chosen) assert.equal(waits[chosen.id], least);
          for (const each of occupations) {
            assert.ok(expectedWait({ ...each, meanMs }) <= expectedWait({ ...each, meanMs, ahead: each.ahead + 1 }));
          }
        },
      ),
    );
  });
});
