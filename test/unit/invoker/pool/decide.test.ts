import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  compareIdle,
  dueContainers,
  evictions,
  isIdle,
  place,
  wantedStemCells,
} from '../../../../invoker/pool/decide.js';

import { isAwake, newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';

const CAPACITY = 1024;
const MAX_COLORS = 3;
/** A request of the only namespace. */
const OWN = { namespace: '', memoryMB: 0 };
const MEMORIES = [128, 256, 512];

/** The table of a pool, driven the way the pool drives them, seen from outside. */
class Model {
  readonly table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
  readonly served: { entry: ContainerEntry; color: string }[] = [];
  /** When an activation left a container of the key. */
  readonly lastUsed = new Map<string | undefined, number>();
  now = 0;
  #ids = 0;

  /** Places one activation as the pool would; undefined where it has to wait. */
  start(key: string, memoryMB: number, color: string | undefined, concurrency: number): ContainerEntry | undefined {
    const request = { key, namespace: '', kind: 'k', memoryMB, color };
    const placement = place(this.table, request, this.now);
    let entry: ContainerEntry;
    if (placement.kind === 'warm' || placement.kind === 'stemCell') entry = placement.entry;
    else if (placement.kind === 'cold') {
      for (const evicted of placement.evict) this.remove(evicted);
      entry = newEntry(this.#ids++, 'k', memoryMB);
      this.table.addFor(entry, key, concurrency);
    } else return undefined;
    if (placement.kind === 'stemCell') this.table.take(entry, key, concurrency);
    this.table.assign(entry, color);
    if (color !== undefined) this.served.push({ entry, color });
    return entry;
  }

  initialize(entry: ContainerEntry): void {
    if (entry.state === 'creating' || entry.state === 'initializing') this.table.setState(entry, 'warm');
  }

  /** Removes a container, as by a driver that takes no time. */
  remove(entry: ContainerEntry): void {
    this.table.retire(entry);
    this.table.removed(entry);
  }

  end(entry: ContainerEntry): void {
    this.table.release(entry, false, this.now);
    this.lastUsed.set(entry.key, this.now);
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
    before?: (model: Model, key: string, color: string | undefined) => (entry: ContainerEntry | undefined) => void;
    after?: (model: Model, running: ContainerEntry[]) => void;
  },
): void {
  const model = new Model();
  const running: ContainerEntry[] = [];
  for (const step of script) {
    if (step.do === 'start') {
      model.now += step.wait;
      const after = check.before?.(model, step.key, step.color);
      const entry = model.start(step.key, memoryOf(step.key), step.color, concurrencyOf(step.key));
      after?.(entry);
      if (entry) {
        model.initialize(entry);
        running.push(entry);
      }
    } else if (step.do === 'stemCell') {
      const cell = newEntry(10_000 + running.length + model.table.all.size * 100, 'k', step.memory);
      if (model.table.usedMB + step.memory <= CAPACITY) {
        model.table.addStemCell(cell);
        cell.state = 'prewarmed';
      }
    } else if (step.do === 'pause') {
      const idle = [...model.table.all].filter((entry) => isIdle(entry) && entry.state === 'warm');
      const entry = idle[step.which % Math.max(1, idle.length)];
      if (entry) model.table.setState(entry, 'paused');
    } else {
      const [entry] = running.splice(step.which % Math.max(1, running.length), 1);
      if (entry) {
        if (step.do === 'fail') model.table.setState(entry, 'draining');
        model.end(entry);
        if (entry.state === 'draining' && entry.active === 0) model.remove(entry);
      }
    }
    check.after?.(model, running);
  }
}

/** Containers that have room for the key, found the slow way. */
function withRoom(model: Model, key: string): ContainerEntry[] {
  return [...model.table.all].filter(
    (entry) =>
      entry.key === key && (entry.state === 'warm' || entry.state === 'paused') && entry.active < entry.concurrency,
  );
}

describe('decisions of the pool', () => {
  it('never take more memory than there is, nor give a container more than it takes', () => {
    fc.assert(
      fc.property(steps, (script) => {
        play(script, {
          after: (model, running) => {
            const used = [...model.table.all].reduce((sum, entry) => sum + entry.memoryMB, 0);
            assert.equal(model.table.usedMB, used);
            assert.ok(used <= CAPACITY);
            for (const entry of model.table.all) {
              assert.ok(entry.active <= entry.concurrency);
              assert.equal(entry.active, running.filter((other) => other === entry).length);
              assert.ok((entry.colors?.size ?? 0) <= MAX_COLORS);
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
              (serving) =>
                serving.color === color && choice.includes(serving.entry) && serving.entry.colors?.has(color),
            );
            const fewest = Math.min(...choice.map((entry) => entry.colors?.size ?? 0));
            const counts = new Map(room.map((entry) => [entry, entry.colors?.size ?? 0]));
            return (entry) => {
              if (room.length === 0) return;
              assert.ok(entry && choice.includes(entry), 'there was a container with room, or even one awake');
              if (color !== undefined && homes.length > 0) assert.equal(entry, homes.at(-1)?.entry);
              else assert.equal(counts.get(entry), fewest);
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
            const request = { key, namespace: '', kind: 'k', memoryMB: memoryOf(key) };
            const colored = place(model.table, { ...request, color }, model.now);
            const plain = place(model.table, { ...request, color: undefined }, model.now);
            assert.equal(colored.kind, plain.kind);
            if (colored.kind === 'warm' && plain.kind === 'warm' && isAwake(plain.entry)) {
              assert.ok(isAwake(colored.entry), 'it is not resumed first where the other is not');
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
            const placement = place(
              model.table,
              { key, namespace: '', kind: 'k', memoryMB: memoryOf(key), color },
              model.now,
            );
            const room = withRoom(model, key);
            const homes = room.filter((entry) => color !== undefined && entry.colors?.has(color));
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
            const idle = [...model.table.all].filter((entry) => isIdle(entry) || entry.state === 'prewarmed');
            const idleMB = idle.reduce((sum, entry) => sum + entry.memoryMB, 0);
            const enough = CAPACITY - model.table.usedMB + idleMB >= memoryOf(key);
            const room = withRoom(model, key).length > 0;
            return (entry) => assert.ok(entry !== undefined || !(enough || room));
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
            const evicted = evictions(model.table, missing, model.now, OWN);
            const freed = evicted.reduce((sum, entry) => sum + entry.memoryMB, 0);
            for (const entry of evicted) {
              assert.ok(isIdle(entry) || entry.state === 'prewarmed');
              assert.ok(freed - entry.memoryMB < missing, 'one could have stayed');
            }
            const candidates = [...model.table.all].filter((entry) => isIdle(entry) || entry.state === 'prewarmed');
            const most = candidates.reduce((sum, entry) => sum + entry.memoryMB, 0);
            assert.equal(evicted.length > 0, most >= missing);
          },
        });
      }),
    );
  });

  it('evict not one container more where the memory comes out even', () => {
    const idle = (id: number, memoryMB: number): ContainerEntry => ({
      ...newEntry(id, 'k', memoryMB),
      lastUsed: id * 1000,
    });
    const evicted = (missing: number, ...entries: ContainerEntry[]): number[] => {
      const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
      for (const entry of entries) {
        table.addFor(entry, `key${entry.id}`, 1);
        table.setState(entry, 'warm');
      }
      return evictions(table, missing, 100_000, OWN).map(({ id }) => id);
    };
    assert.deepEqual(evicted(256, idle(1, 256), idle(2, 256)), [1]);
    assert.deepEqual(evicted(512, idle(1, 256), idle(2, 256), idle(3, 256)), [1, 2]);
    assert.deepEqual(evicted(256, idle(1, 128), idle(2, 256)), [2], 'the large one alone is enough');
    assert.deepEqual(evicted(257, idle(1, 128), idle(2, 256)), [1, 2]);
  });

  it('spare a container whose logs are still being read', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const entry = newEntry(1, 'k', 256);
    table.addFor(entry, 'a', 1);
    table.setState(entry, 'warm');
    table.assign(entry, undefined);
    table.release(entry, true, 0);
    assert.equal(isIdle(entry), false);
    const later = 1_000_000;
    const times = { pauseGraceMs: 1000, idleContainerMs: 20_000 };
    assert.deepEqual(dueContainers(table, times, later), { pause: [], remove: [], expired: [] });
    assert.deepEqual(evictions(table, 1, later, OWN), []);
    table.collected(entry);
    assert.equal(isIdle(entry), true);
    assert.deepEqual(evictions(table, 1, later, OWN), [entry]);
  });

  it('give up idle containers by last use, and by colors where they are about as old', () => {
    const entry = (id: number, idle: number, colors: number): ContainerEntry => ({
      ...newEntry(id, 'k', 128),
      state: 'warm',
      lastUsed: 1_000_000 - idle,
      colors: new Set(Array.from({ length: colors }, (_, i) => String(i))),
    });
    const order = (...table: ContainerEntry[]): number[] =>
      table.toSorted((a, b) => compareIdle(a, b, 1_000_000)).map(({ id }) => id);
    assert.deepEqual(
      order(entry(1, 5000, 0), entry(2, 9000, 0), entry(3, 7000, 0)),
      [2, 3, 1],
      'without colors: by age',
    );
    assert.deepEqual(order(entry(1, 60_000, 5), entry(2, 50_000, 1)), [2, 1], 'about as old: fewer colors first');
    assert.deepEqual(order(entry(1, 600_000, 5), entry(2, 5000, 0)), [1, 2], 'much older goes first, colors or not');
  });

  it('pause after the grace time, homes only with all of their action, remove after the idle time, spare what is at work', () => {
    fc.assert(
      fc.property(steps, fc.nat(30_000), (script, wait) => {
        play(script, {
          after: (model) => {
            const now = model.now + wait;
            const due = dueContainers(model.table, { pauseGraceMs: 1000, idleContainerMs: 20_000 }, now);
            for (const entry of model.table.all) {
              const idle = isIdle(entry) ? now - entry.lastUsed : -1;
              assert.equal(due.remove.includes(entry), idle >= 21_000);
              const members = [...model.table.all].filter(({ key }) => key === entry.key);
              const lastUsed = model.lastUsed.get(entry.key) ?? 0;
              const inUse = members.some(({ active }) => active > 0) || now - lastUsed < 1000;
              const idleEnough = idle >= 1000 && idle < 21_000 && entry.state === 'warm';
              const home = (entry.colors?.size ?? 0) > 0;
              assert.equal(due.pause.includes(entry), idleEnough && !(home && inUse));
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
