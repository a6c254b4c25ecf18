import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  compareIdle,
  dueContainers,
  evictions,
  isIdle,
  mayStart,
  place,
  placeInAdvance,
  wantedStemCells,
} from '../../../../invoker/pool/decide.js';
import { isAwake, newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';
import { CAPACITY, MAX_COLORS, steps, memoryOf, play, withRoom } from './decideModel.js';

/** A request of the only namespace. */
const OWN = { namespace: '', memoryMB: 0 };

describe('a container that is prepared in advance', () => {
  const request = { key: 'guest|a|1', namespace: 'guest', kind: 'k', memoryMB: 256, color: undefined };

  function filled(...keys: readonly string[]): ContainerTable<ContainerEntry> {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    keys.forEach((key, id) => table.addFor(newEntry(id, 'k', 256), key, 1));
    return table;
  }

  it('is created in free memory, until there are as many as wanted', () => {
    assert.deepEqual(placeInAdvance(filled(), request, 1), { kind: 'cold', evict: [] });
    assert.equal(placeInAdvance(filled(), request, 0), undefined);
    assert.equal(placeInAdvance(filled(request.key), request, 1), undefined);
    assert.equal(placeInAdvance(filled(request.key), request, 2)?.kind, 'cold');
    assert.equal(placeInAdvance(filled(request.key), { ...request, instances: 1 }, 2), undefined, 'its limit is 1');
  });

  it('takes the place of no other container', () => {
    const table = filled('x', 'x', 'x', 'x');
    for (const entry of table.all) table.setState(entry, 'warm');
    assert.equal(placeInAdvance(table, request, 1), undefined);
  });

  it('is a stem cell of its kind and memory, if there is one', () => {
    const table = filled('x', 'x', 'x');
    const cell = newEntry(9, 'k', 256);
    table.addStemCell(cell);
    assert.deepEqual(placeInAdvance(table, request, 1), { kind: 'stemCell', entry: cell });
    assert.equal(placeInAdvance(table, { ...request, kind: 'other' }, 1), undefined);
  });
});

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

  it('wait only if all idle containers together are not enough', () => {
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

  it('evict no additional container if the memory is exactly enough', () => {
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

  it('give up idle containers by last use, and by colors if they are about as old', () => {
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

  it('place an activation that takes the whole pool, and never one that takes more', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const placed = (memoryMB: number) =>
      place(table, { key: 'n|a', namespace: 'n', kind: 'k', memoryMB, color: undefined }, 0);
    assert.deepEqual(placed(CAPACITY), { kind: 'cold', evict: [] });
    assert.deepEqual(placed(CAPACITY + 1), { kind: 'never' });
    table.addFor(newEntry(1, 'k', 1), 'n|b', 1);
    assert.deepEqual(placed(CAPACITY - 1), { kind: 'cold', evict: [] });
    assert.deepEqual(placed(CAPACITY), { kind: 'wait' }, 'one MB is missing');
  });

  it('go to the home of the color, else to the container with the fewest colors', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const [red, blue] = [newEntry(1, 'k', 128), newEntry(2, 'k', 128)];
    for (const [entry, color] of [
      [red, 'red'],
      [blue, 'blue'],
    ] as const) {
      table.addFor(entry, 'n|a', 1);
      table.setState(entry, 'warm');
      table.assign(entry, color);
    }
    for (const entry of [red, blue]) table.release(entry, false, 0);
    const placed = (color: string | undefined) =>
      place(table, { key: 'n|a', namespace: 'n', kind: 'k', memoryMB: 128, color }, 0);
    assert.deepEqual(placed('red'), { kind: 'warm', entry: red });
    assert.deepEqual(placed('blue'), { kind: 'warm', entry: blue });
    assert.deepEqual(placed(undefined), { kind: 'warm', entry: blue }, 'the last used one of equal ones');
    table.assign(blue, 'white');
    table.release(blue, false, 0);
    assert.deepEqual(placed('black'), { kind: 'warm', entry: red });
  });

  it('make an activation wait for a container of its action if the action has reached its limit', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const request = { key: 'n|a', namespace: 'n', kind: 'k', memoryMB: 128, color: undefined, instances: 1 };
    assert.deepEqual(place(table, request, 0), { kind: 'cold', evict: [] });
    assert.equal(mayStart(table, request), true);
    const entry = newEntry(1, 'k', 128);
    table.addStemCell(newEntry(2, 'k', 128));
    table.addFor(entry, 'n|a', 1);
    table.setState(entry, 'warm');
    assert.deepEqual(place(table, request, 0), { kind: 'warm', entry });
    table.assign(entry, undefined);
    assert.deepEqual(place(table, request, 0), { kind: 'limited' }, 'not even a stem cell');
    assert.equal(mayStart(table, request), false);
    assert.equal(place(table, { ...request, instances: 2 }, 0).kind, 'stemCell');
    assert.equal(place(table, { ...request, key: 'n|b' }, 0).kind, 'stemCell');
    table.release(entry, false, 0);
    assert.equal(mayStart(table, request), true);
    table.retire(entry);
    assert.equal(table.containersOf('n|a'), 1, 'until the engine has removed it');
    table.removed(entry);
    assert.equal(table.containersOf('n|a'), 0);
  });

  it('count a container whose removal failed no more', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const entry = newEntry(1, 'k', 128);
    table.addFor(entry, 'n|a', 1);
    table.retire(entry);
    table.stuck(entry);
    assert.equal(table.containersOf('n|a'), 0);
    table.removed(entry);
    assert.equal(table.containersOf('n|a'), 0);
  });

  it('take the ready stem cell, else the one that will be ready first', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const cells = [1, 2, 3].map((id) => newEntry(id, 'k', 128));
    for (const cell of cells) table.addStemCell(cell);
    const placed = () => place(table, { key: 'n|a', namespace: 'n', kind: 'k', memoryMB: 128, color: undefined }, 0);
    assert.deepEqual(placed(), { kind: 'stemCell', entry: cells[0] });
    const [, , last] = cells;
    assert.ok(last);
    last.state = 'prewarmed';
    assert.deepEqual(placed(), { kind: 'stemCell', entry: last });
  });
});
