import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PatientRoom, worthwhile, type Waits } from '../../../../controller/loadbalancer/patience.js';
import type { ColorChoice } from '../../../../shared/colors/ColorPolicy.js';

/** What is known of each invoker: by default it is up, admits the color, and is empty. */
interface Known {
  readonly up?: boolean;
  readonly admits?: boolean;
  readonly wait?: number;
  readonly load?: number;
}

interface Decided {
  readonly choice: ColorChoice | undefined;
  readonly shelter: number | undefined;
}

const waitsOf = (known: Readonly<Record<number, Known>>): Waits => ({
  isUp: (invoker) => known[invoker]?.up ?? true,
  admits: (invoker) => known[invoker]?.admits ?? true,
  expectedWait: (invoker) => known[invoker]?.wait ?? 0,
  load: (invoker) => known[invoker]?.load ?? 0,
});

/** Asks as a policy does: along the order, until one is accepted. */
function ask(room: PatientRoom, order: readonly number[], patienceMs: number, homes: number): Decided {
  room.begin(patienceMs, homes);
  const rank = order.findIndex((invoker, at) => room.accepts(invoker, at));
  const invoker = order[rank];
  const choice = room.chosen(invoker === undefined ? undefined : { invoker, rank });
  return { choice, shelter: room.shelter };
}

const decide = (
  known: Readonly<Record<number, Known>>,
  order: readonly number[],
  patienceMs: number,
  homes: number,
): Decided => ask(new PatientRoom(waitsOf(known)), order, patienceMs, homes);

const ORDER = [4, 7, 1, 0];

describe('the patience of an invocation', () => {
  it('is as configured, but no longer than two runs of its action, as in the example', () => {
    assert.equal(worthwhile(100, 1000, { durationMs: 8 }), 16);
    assert.equal(worthwhile(100, 1000, { durationMs: 300 }), 100);
    assert.equal(worthwhile(100, 1000, {}), 100, 'where the duration is unknown');
  });

  it('is worth two misses, if these cost more, up to the limit', () => {
    assert.equal(worthwhile(100, 1000, { durationMs: 75, missCostMs: 300 }), 600, 'the example');
    assert.equal(worthwhile(100, 1000, { durationMs: 300, missCostMs: 250 }), 500);
    assert.equal(worthwhile(100, 1000, { durationMs: 300, missCostMs: 49 }), 100);
    assert.equal(worthwhile(100, 1000, { durationMs: 75, missCostMs: 9000 }), 1000);
    assert.equal(worthwhile(100, 0, { durationMs: 75, missCostMs: 9000 }), 100);
  });

  it('is none if none is configured', () => {
    assert.equal(worthwhile(0, 1000, { durationMs: 300, missCostMs: 300 }), 0);
  });
});

describe('the choice for a colored invocation', () => {
  it('is its home, if the wait there is within its patience, whatever others have', () => {
    assert.deepEqual(decide({ 4: { wait: 100, load: 9 } }, ORDER, 100, 3).choice, { invoker: 4, rank: 0 });
    assert.deepEqual(decide({}, ORDER, 100, 3).choice, { invoker: 4, rank: 0 });
    assert.deepEqual(decide({ 4: { wait: 101 } }, ORDER, 100, 3).choice?.invoker, 7);
  });

  it('is the home with the shortest wait, as in the example', () => {
    const known = { 4: { wait: 120 }, 7: { wait: 60 }, 1: { wait: 80 } };
    assert.deepEqual(decide(known, ORDER, 100, 3).choice, { invoker: 7, rank: 1 });
    assert.deepEqual(decide({ ...known, 1: { wait: 59 } }, ORDER, 100, 3).choice, { invoker: 1, rank: 2 });
    assert.deepEqual(
      decide({ ...known, 7: { wait: 100 }, 1: { wait: 101 } }, ORDER, 100, 3).choice,
      { invoker: 7, rank: 1 },
      'a wait that is just as long as the patience is within it',
    );
  });

  it('is the first choice with room behind the homes, as in the example', () => {
    const full = { 4: { wait: 120 }, 7: { wait: 101 }, 1: { wait: 101 } };
    assert.deepEqual(decide(full, ORDER, 100, 3).choice, { invoker: 0, rank: 3 });
    assert.deepEqual(decide({ ...full, 0: { wait: 1 } }, [...ORDER, 2], 100, 3).choice, { invoker: 2, rank: 4 });
  });

  it('is none if no invoker has room; then it may wait at its home', () => {
    const full = { 4: { wait: 120 }, 7: { wait: 101 }, 1: { wait: 101 }, 0: { wait: 1 } };
    assert.deepEqual(decide(full, ORDER, 100, 3), { choice: undefined, shelter: 4 });
  });

  it('is, of homes with the same wait, the one with the least load, and the first of equal ones', () => {
    const full = { 4: { wait: 120 } };
    const loads = (seven: number, one: number) =>
      decide({ ...full, 7: { load: seven }, 1: { load: one } }, ORDER, 100, 3).choice?.invoker;
    assert.deepEqual([loads(2, 1), loads(1, 2), loads(1, 1)], [1, 7, 7]);
    const longer = { ...full, 7: { wait: 10, load: 5 }, 1: { wait: 20, load: 1 } };
    assert.equal(decide(longer, ORDER, 100, 3).choice?.invoker, 7, 'a shorter wait counts more than a load');
  });

  it('asks no one behind the homes once one of them will do', () => {
    const room = new PatientRoom(waitsOf({ 4: { wait: 120 }, 7: { wait: 60 }, 1: { wait: 120 } }));
    room.begin(100, 3);
    assert.deepEqual(
      ORDER.map((invoker, rank) => room.accepts(invoker, rank)),
      [false, false, true, true],
    );
    const away = new PatientRoom(waitsOf({ 4: { wait: 120 }, 7: { wait: 60 }, 1: { up: false }, 0: { wait: 500 } }));
    away.begin(100, 3);
    assert.deepEqual(
      ORDER.map((invoker, rank) => away.accepts(invoker, rank)),
      [false, false, false, true],
      'the last home is away: the next that is asked ends the search',
    );
    assert.deepEqual(away.chosen({ invoker: 0, rank: 3 }), { invoker: 7, rank: 1 });
  });

  it('is never an invoker that is not up, or that does not admit the color', () => {
    for (const away of [{ up: false }, { admits: false }]) {
      assert.deepEqual(decide({ 4: away }, ORDER, 100, 3), { choice: { invoker: 7, rank: 1 }, shelter: 7 });
      assert.deepEqual(decide({ 4: away, 7: away, 1: away, 0: away }, ORDER, 100, 3), {
        choice: undefined,
        shelter: undefined,
      });
    }
  });

  it('is the first with room for an invocation without patience, which waits nowhere', () => {
    const full = { 4: { wait: 0.001 }, 7: { wait: 50 } };
    assert.deepEqual(decide(full, ORDER, 0, 3), { choice: { invoker: 1, rank: 2 }, shelter: undefined });
    assert.deepEqual(decide({ 4: { wait: 1 } }, [4], 0, 3), { choice: undefined, shelter: undefined });
    const loaded = { 4: { wait: 1 }, 7: { load: 2 }, 1: { load: 1 } };
    assert.equal(decide(loaded, ORDER, 0, 3).choice?.invoker, 7, 'whatever the load');
  });

  it('is the home that the policy chose, though another home was asked before', () => {
    const room = new PatientRoom(waitsOf({}));
    room.begin(100, 3);
    room.accepts(7, 1);
    assert.deepEqual(room.chosen({ invoker: 4, rank: 0 }), { invoker: 4, rank: 0 });
  });

  it('does not depend on the invocation before', () => {
    const full = { wait: 500 };
    const room = new PatientRoom(waitsOf({ 4: full, 7: { wait: 60 }, 1: full, 5: full, 6: full }));
    assert.deepEqual(ask(room, ORDER, 100, 3).choice, { invoker: 7, rank: 1 });
    assert.deepEqual(ask(room, [5, 6], 100, 2), { choice: undefined, shelter: 5 });
    assert.deepEqual(ask(room, [], 100, 2), { choice: undefined, shelter: undefined });
    assert.equal(ask(room, [4, 0, 7], 0, 1).choice?.invoker, 0);
  });

  it('is that of the statement (property)', () => {
    const invoker = fc.record({
      up: fc.boolean(),
      admits: fc.boolean(),
      wait: fc.constantFrom(0, 0, 1, 50, 99, 100, 101, 500),
      load: fc.constantFrom(0, 0.5, 1),
    });
    fc.assert(
      fc.property(
        fc.array(invoker, { maxLength: 8 }),
        fc.constantFrom(0, 1, 50, 100),
        fc.integer({ min: 1, max: 4 }),
        (invokers, patienceMs, homes) => {
          const order = invokers.map((_, n) => n);
          const { choice, shelter } = decide(invokers, order, patienceMs, homes);
          const usable = order.filter((n) => invokers[n]?.up && invokers[n]?.admits);
          const wait = (n: number): number => invokers[n]?.wait ?? 0;
          const load = (n: number): number => invokers[n]?.load ?? 0;
          const withRoom = (n: number): boolean => wait(n) === 0;
          const within = usable.filter((n) => n < homes && wait(n) <= patienceMs);
          const best = within.toSorted((a, b) => wait(a) - wait(b) || load(a) - load(b) || a - b)[0];
          const home = within.find((n) => n === 0);
          const further = usable.find((n) => n >= homes && withRoom(n));
          const expected = patienceMs === 0 ? usable.find(withRoom) : (home ?? best ?? further);
          assert.deepEqual(choice, expected === undefined ? undefined : { invoker: expected, rank: expected });
          assert.equal(shelter, patienceMs === 0 ? undefined : usable[0]);
        },
      ),
      { numRuns: 500 },
    );
  });
});
