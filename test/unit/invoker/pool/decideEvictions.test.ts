import assert from 'node:assert/strict';
import { compareIdle, dueContainers, evictions } from '../../../../invoker/pool/decide.js';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';

const CAPACITY = 1024;
const MAX_COLORS = 3;

describe('decisions of the pool on evictions', () => {
  const NOW = 1_000_000;
  /** A container of a namespace. By default it is idle, and was used long ago. */
  interface Has extends Partial<Pick<ContainerEntry, 'active' | 'collecting'>> {
    readonly memoryMB?: number;
    readonly usedAgo?: number;
    readonly gone?: boolean;
  }
  class Pool {
    readonly table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);

    has(namespace: string, { memoryMB = 256, usedAgo = 100_000, gone = false, ...over }: Has = {}): ContainerEntry {
      const entry = { ...newEntry(this.table.all.size, 'k', memoryMB), ...over, lastUsed: NOW - usedAgo };
      this.table.addFor(entry, `${namespace}|action${entry.id}`, 1);
      entry.state = 'warm';
      if (gone) this.table.retire(entry);
      return entry;
    }

    stemCell(memoryMB = 256): ContainerEntry {
      const cell = newEntry(this.table.all.size, 'k', memoryMB);
      this.table.addStemCell(cell);
      cell.state = 'prewarmed';
      cell.lastUsed = NOW;
      return cell;
    }

    evicts(missing: number, namespace = 'a', memoryMB = missing): ContainerEntry[] {
      return evictions(this.table, missing, NOW, { namespace, memoryMB });
    }
  }

  it('keep the most valuable ones of those that a large one made unnecessary', () => {
    const pool = new Pool();
    const [first, second, large] = [
      pool.has('b', { memoryMB: 128, usedAgo: 400_000 }),
      pool.has('b', { memoryMB: 128, usedAgo: 200_000 }),
      pool.has('b', { memoryMB: 512, usedAgo: 100_000 }),
    ];
    assert.deepEqual(pool.evicts(512), [large]);
    assert.deepEqual(pool.evicts(600), [first, large]);
    assert.deepEqual(pool.evicts(641), [first, second, large]);
  });

  it('take stem cells last, and of equal containers the older one', () => {
    const pool = new Pool();
    const cell = pool.stemCell();
    cell.lastUsed = 0;
    const [two, one] = [pool.has('b', { usedAgo: 100_000 }), pool.has('b', { usedAgo: 400_000 })];
    assert.deepEqual(pool.evicts(256), [one]);
    assert.deepEqual(pool.evicts(512), [one, two]);
    assert.deepEqual(pool.evicts(768), [one, two, cell]);
    const [y, x] = [newEntry(2, 'k', 128), newEntry(1, 'k', 128)];
    assert.deepEqual(
      [y, x].toSorted((a, b) => compareIdle(a, b, NOW)),
      [x, y],
    );
  });

  it('count a container that never had a color as one with none', () => {
    const plain = { ...newEntry(1, 'k', 128), lastUsed: NOW - 5000 };
    const colored = { ...newEntry(2, 'k', 128), lastUsed: NOW - 6000, colors: new Set(['red']) };
    assert.deepEqual(
      [colored, plain].toSorted((a, b) => compareIdle(a, b, NOW)),
      [plain, colored],
    );
  });

  it('spare for ten seconds what a namespace within its share used, from one beyond its own', () => {
    for (const [usedAgo, evicted] of [
      [0, false],
      [9999, false],
      [10_000, true],
    ] as const) {
      const pool = new Pool();
      pool.has('a', { memoryMB: 512, active: 1 });
      const idle = pool.has('b', { usedAgo });
      assert.deepEqual(pool.evicts(256), evicted ? [idle] : [], `${usedAgo} ms ago`);
    }
  });

  it('spare nothing from a namespace that stays within its share', () => {
    const pool = new Pool();
    pool.has('a', { active: 1 });
    const idle = pool.has('b', { usedAgo: 0 });
    assert.deepEqual(pool.evicts(256), [idle], 'half of the pool exactly');
    assert.deepEqual(pool.evicts(256, 'a', 257), []);
  });

  it('spare nothing of a namespace that is beyond its share itself', () => {
    const evictedOf = (memoryMB: number): number => {
      const pool = new Pool();
      pool.has('a', { memoryMB: 512, active: 1 });
      pool.has('b', { memoryMB, usedAgo: 0 });
      return pool.evicts(1).length;
    };
    assert.deepEqual([evictedOf(512), evictedOf(513)], [0, 1]);
  });

  it('take what is free of a namespace that is spared: stem cells, and what it did not use lately', () => {
    const pool = new Pool();
    pool.has('a', { memoryMB: 512, active: 1 });
    pool.has('b', { memoryMB: 128, usedAgo: 0 });
    const old = pool.has('b', { memoryMB: 128, usedAgo: 10_000 });
    const cell = pool.stemCell();
    assert.deepEqual(pool.evicts(128), [old]);
    assert.deepEqual(pool.evicts(256), [cell]);
  });

  it('share the pool by the namespaces that run, whose logs are read, or that ran lately, and by no other', () => {
    // With `c` a share is 341 MB, so that `a` would be beyond its own with 512 MB; without it a share is 512 MB.
    const shares = (c: Has): boolean => {
      const pool = new Pool();
      pool.has('a', { active: 1 });
      pool.has('b', { usedAgo: 0 });
      pool.has('c', { memoryMB: 128, ...c });
      pool.stemCell(128);
      // What is free of `c`, and the stem cell, are not enough without what `b` has.
      return pool.evicts(300, 'a', 256).length === 0;
    };
    const counted: Has[] = [{ active: 1 }, { collecting: 1 }, { usedAgo: 0 }, { usedAgo: 9999 }];
    const others: Has[] = [{ usedAgo: 10_000 }, {}, { usedAgo: 0, gone: true }];
    assert.deepEqual(counted.map(shares), [true, true, true, true]);
    assert.deepEqual(others.map(shares), [false, false, false]);
  });

  it('give up stem cells when their time has come, the oldest first', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const cells = [undefined, 1001, 1000, 500, 700].map((expires, id) => ({
      ...newEntry(id, 'k', 128),
      expires,
      state: 'prewarmed' as const,
    }));
    for (const cell of cells) table.addStemCell(cell);
    const { expired, ...rest } = dueContainers(table, { pauseGraceMs: 1, idleContainerMs: 1 }, 1000);
    assert.deepEqual(
      expired.map(({ expires }) => expires),
      [500, 700, 1000],
    );
    assert.deepEqual(rest, { pause: [], remove: [] });
  });

  it('pause and remove at the first ms of their time', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const entry = { ...newEntry(1, 'k', 128), lastUsed: 0 };
    table.addFor(entry, 'n|a', 1);
    table.setState(entry, 'warm');
    const due = (now: number): string => {
      const { pause, remove } = dueContainers(table, { pauseGraceMs: 1000, idleContainerMs: 20_000 }, now);
      return `${pause.length} ${remove.length}`;
    };
    assert.deepEqual([999, 1000, 20_999, 21_000].map(due), ['0 0', '1 0', '1 0', '0 1']);
  });

  it('keep a container with colors awake while its action runs anywhere, and for the grace time after', () => {
    const table = new ContainerTable<ContainerEntry>(CAPACITY, MAX_COLORS);
    const [home, other] = [newEntry(1, 'k', 128), newEntry(2, 'k', 128)];
    for (const entry of [home, other]) {
      table.addFor(entry, 'n|a', 1);
      table.setState(entry, 'warm');
    }
    table.assign(home, 'red');
    table.release(home, false, 0);
    const paused = (now: number): ContainerEntry[] =>
      dueContainers(table, { pauseGraceMs: 1000, idleContainerMs: 20_000 }, now).pause;
    table.assign(other, undefined);
    assert.deepEqual(paused(5000), []);
    table.release(other, false, 5000);
    assert.deepEqual(paused(5999), []);
    assert.deepEqual(paused(6000), [home, other]);
  });
});
