import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareIdle, dueSlots, evictions, isIdle, place, wantedStemCells } from '../../../../invoker/pool/decide.js';
import { isAwake } from '../../../../invoker/pool/WarmGroup.js';
import { newSlot, Slots, type Slot } from '../../../../invoker/pool/slots.js';

const CAPACITY = 1024;
const MAX_COLORS = 3;
const MEMORIES = [128, 256, 512];

/** The books of a pool, driven the way the pool drives them, with nothing but what an observer sees. */
class Model {
  readonly slots = new Slots<Slot>(CAPACITY, MAX_COLORS);
  readonly served: { slot: Slot; color: string }[] = [];
  /** When an activation left a container of the key. */
  readonly lastUsed = new Map<string | undefined, number>();
  now = 0;
  #ids = 0;

  /** Places one activation as the pool would; undefined where it has to wait. */
  start(key: string, memoryMB: number, color: string | undefined, concurrency: number): Slot | undefined {
    const demand = { key, kind: 'k', memoryMB, color };
    const placement = place(this.slots, demand, this.now);
    let slot: Slot;
    if (placement.kind === 'warm' || placement.kind === 'stemCell') slot = placement.slot;
    else if (placement.kind === 'cold') {
      for (const evicted of placement.evict) this.slots.remove(evicted);
      slot = newSlot(this.#ids++, 'k', memoryMB);
      this.slots.addFor(slot, key, concurrency);
    } else return undefined;
    if (placement.kind === 'stemCell') this.slots.take(slot, key, concurrency);
    this.slots.assign(slot, color);
    if (color !== undefined) this.served.push({ slot, color });
    return slot;
  }

  initialize(slot: Slot): void {
    if (slot.state === 'creating' || slot.state === 'initializing') this.slots.setState(slot, 'warm');
  }

  end(slot: Slot): void {
    this.slots.release(slot, false, this.now);
    this.lastUsed.set(slot.key, this.now);
  }
}

const steps = fc.array(
  fc.oneof(
    fc.record({
      do: fc.constant('start' as const),
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      color: fc.option(fc.constantFrom('1', '2', '3', '4', '5'), { nil: undefined }),
      wait: fc.nat(5000),
    }),
    fc.record({ do: fc.constant('end' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('fail' as const), which: fc.nat() }),
    fc.record({ do: fc.constant('stemCell' as const), memory: fc.constantFrom(...MEMORIES) }),
    fc.record({ do: fc.constant('pause' as const), which: fc.nat() }),
  ),
  { maxLength: 80 },
);

/** Memory and concurrency of an action belong to its key. */
const memoryOf = (key: string): number => MEMORIES[key.charCodeAt(0) % 3] ?? 128;
const concurrencyOf = (key: string): number => (key === 'd' ? 3 : 1);

/** Plays the steps, and lets `check` look before each placement and after each step. */
function play(
  script: typeof steps extends fc.Arbitrary<infer T> ? T : never,
  check: {
    before?: (model: Model, key: string, color: string | undefined) => (slot: Slot | undefined) => void;
    after?: (model: Model, running: Slot[]) => void;
  },
): void {
  const model = new Model();
  const running: Slot[] = [];
  for (const step of script) {
    if (step.do === 'start') {
      model.now += step.wait;
      const after = check.before?.(model, step.key, step.color);
      const slot = model.start(step.key, memoryOf(step.key), step.color, concurrencyOf(step.key));
      after?.(slot);
      if (slot) {
        model.initialize(slot);
        running.push(slot);
      }
    } else if (step.do === 'stemCell') {
      const cell = newSlot(10_000 + running.length + model.slots.all.size * 100, 'k', step.memory);
      if (model.slots.usedMB + step.memory <= CAPACITY) {
        model.slots.addStemCell(cell);
        cell.state = 'prewarmed';
      }
    } else if (step.do === 'pause') {
      const idle = [...model.slots.all].filter((slot) => isIdle(slot) && slot.state === 'warm');
      const slot = idle[step.which % Math.max(1, idle.length)];
      if (slot) model.slots.setState(slot, 'paused');
    } else {
      const [slot] = running.splice(step.which % Math.max(1, running.length), 1);
      if (slot) {
        if (step.do === 'fail') model.slots.setState(slot, 'draining');
        model.end(slot);
        if (slot.state === 'draining' && slot.active === 0) model.slots.remove(slot);
      }
    }
    check.after?.(model, running);
  }
}

/** Containers that have room for the key, found the slow way. */
function withRoom(model: Model, key: string): Slot[] {
  return [...model.slots.all].filter(
    (slot) => slot.key === key && (slot.state === 'warm' || slot.state === 'paused') && slot.active < slot.concurrency,
  );
}

describe('decisions of the pool', () => {
  it('never take more memory than there is, nor give a container more than it takes', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, {
          after: (model, running) => {
            const used = [...model.slots.all].reduce((sum, slot) => sum + slot.memoryMB, 0);
            assert.equal(model.slots.usedMB, used);
            assert.ok(used <= CAPACITY);
            for (const slot of model.slots.all) {
              assert.ok(slot.active <= slot.concurrency);
              assert.equal(slot.active, running.filter((other) => other === slot).length);
              assert.ok((slot.colors?.size ?? 0) <= MAX_COLORS);
            }
          },
        });
      }),
    );
  });

  it('reuse a container with room, the home of the color first, else one with the fewest colors', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, {
          before: (model, key, color) => {
            const room = withRoom(model, key);
            const awake = room.filter(isAwake);
            const choice = awake.length > 0 ? awake : room;
            const homes = model.served.filter(
              (serving) => serving.color === color && choice.includes(serving.slot) && serving.slot.colors?.has(color),
            );
            const fewest = Math.min(...choice.map((slot) => slot.colors?.size ?? 0));
            const counts = new Map(room.map((slot) => [slot, slot.colors?.size ?? 0]));
            return (slot) => {
              if (room.length === 0) return;
              assert.ok(slot && choice.includes(slot), 'there was a container with room, or even one awake');
              if (color !== undefined && homes.length > 0) assert.equal(slot, homes.at(-1)?.slot);
              else assert.equal(counts.get(slot), fewest);
            };
          },
        });
      }),
    );
  });

  it('make a color wait no more than no color', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, {
          before: (model, key, color) => {
            const demand = { key, kind: 'k', memoryMB: memoryOf(key) };
            const colored = place(model.slots, { ...demand, color }, model.now);
            const plain = place(model.slots, { ...demand, color: undefined }, model.now);
            assert.equal(colored.kind, plain.kind);
            if (colored.kind === 'warm' && plain.kind === 'warm' && isAwake(plain.slot)) {
              assert.ok(isAwake(colored.slot), 'it is not resumed first where the other is not');
            }
            return () => {};
          },
        });
      }),
    );
  });

  it('wake the home of a color that went elsewhere because it slept, and wake nothing else', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, {
          before: (model, key, color) => {
            const placement = place(model.slots, { key, kind: 'k', memoryMB: memoryOf(key), color }, model.now);
            const room = withRoom(model, key);
            const homes = room.filter((slot) => color !== undefined && slot.colors?.has(color));
            const toWake = room.some(isAwake) && homes.length > 0 && !homes.some(isAwake);
            const woken = placement.kind === 'warm' ? placement.wake : undefined;
            assert.equal(woken !== undefined, toWake);
            if (woken) assert.ok(homes.includes(woken));
            return () => {};
          },
        });
      }),
    );
  });

  it('wait only where the idle containers together are not enough', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, {
          before: (model, key) => {
            const idle = [...model.slots.all].filter((slot) => isIdle(slot) || slot.state === 'prewarmed');
            const idleMB = idle.reduce((sum, slot) => sum + slot.memoryMB, 0);
            const enough = CAPACITY - model.slots.usedMB + idleMB >= memoryOf(key);
            const room = withRoom(model, key).length > 0;
            return (slot) => assert.ok(slot !== undefined || !(enough || room));
          },
        });
      }),
    );
  });

  it('evict idle containers only, enough of them, and none in vain', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: CAPACITY }), (script, missing) => {
        play(script, {
          after: (model) => {
            const evicted = evictions(model.slots, missing, model.now);
            const freed = evicted.reduce((sum, slot) => sum + slot.memoryMB, 0);
            for (const slot of evicted) {
              assert.ok(isIdle(slot) || slot.state === 'prewarmed');
              assert.ok(freed - slot.memoryMB < missing, 'one could have stayed');
            }
            const candidates = [...model.slots.all].filter((slot) => isIdle(slot) || slot.state === 'prewarmed');
            const most = candidates.reduce((sum, slot) => sum + slot.memoryMB, 0);
            assert.equal(evicted.length > 0, most >= missing);
          },
        });
      }),
    );
  });

  it('give up idle containers by last use, and by colors where they are about as old', () => {
    const slot = (id: number, idle: number, colors: number): Slot => ({
      ...newSlot(id, 'k', 128),
      state: 'warm',
      lastUsed: 1_000_000 - idle,
      colors: new Set(Array.from({ length: colors }, (_, i) => String(i))),
    });
    const order = (...slots: Slot[]): number[] =>
      slots.toSorted((a, b) => compareIdle(a, b, 1_000_000)).map(({ id }) => id);
    assert.deepEqual(order(slot(1, 5000, 0), slot(2, 9000, 0), slot(3, 7000, 0)), [2, 3, 1], 'without colors: by age');
    assert.deepEqual(order(slot(1, 60_000, 5), slot(2, 50_000, 1)), [2, 1], 'about as old: fewer colors first');
    assert.deepEqual(order(slot(1, 600_000, 5), slot(2, 5000, 0)), [1, 2], 'much older goes first, colors or not');
  });

  it('pause after the grace time, homes only with all of their action, remove after the idle time, spare what is at work', () => {
    fc.assert(
      fc.property(steps, fc.nat(30_000), (script, wait) => {
        play(script, {
          after: (model) => {
            const now = model.now + wait;
            const due = dueSlots(model.slots, { pauseGraceMs: 1000, idleContainerMs: 20_000 }, now);
            for (const slot of model.slots.all) {
              const idle = isIdle(slot) ? now - slot.lastUsed : -1;
              assert.equal(due.remove.includes(slot), idle >= 21_000);
              const members = [...model.slots.all].filter(({ key }) => key === slot.key);
              const lastUsed = model.lastUsed.get(slot.key) ?? 0;
              const inUse = members.some(({ active }) => active > 0) || now - lastUsed < 1000;
              const idleEnough = idle >= 1000 && idle < 21_000 && slot.state === 'warm';
              const home = (slot.colors?.size ?? 0) > 0;
              assert.equal(due.pause.includes(slot), idleEnough && !(home && inUse));
            }
          },
        });
      }),
    );
  });

  it('want stem cells as the manifest says, following the cold starts within bounds', () => {
    const reactive = { minCount: 1, maxCount: 4, ttlMs: 1000, threshold: 2, increment: 1 };
    assert.equal(wantedStemCells({ initialCount: 2 }, 100), 2);
    assert.equal(wantedStemCells({ initialCount: 2, reactive }, undefined), 2);
    assert.deepEqual(
      [0, 1, 2, 4, 5, 6, 100].map((coldStarts) => wantedStemCells({ initialCount: 2, reactive }, coldStarts)),
      [1, 1, 1, 2, 2, 3, 4],
    );
  });
});
