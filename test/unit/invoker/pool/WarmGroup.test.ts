import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isAwake, newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';
import { WarmGroup } from '../../../../invoker/pool/WarmGroup.js';

const MAX_COLORS = 3;
const MAX_HOMES = 4;

/** A table with idle containers of one action, and each of them serves one activation of the color, in this order. */
function served(containers: number, color: string): ContainerEntry[] {
  const table = new ContainerTable<ContainerEntry>(4096, 8);
  const entries = Array.from({ length: containers }, (_, id) => newEntry(id, 'k', 128));
  for (const entry of entries) {
    table.addFor(entry, 'a', 1);
    table.setState(entry, 'warm');
  }
  for (const entry of entries) table.assign(entry, color);
  return entries;
}

/** A group with containers that have room, awake. */
function group(containers: number): { group: WarmGroup<ContainerEntry>; entries: ContainerEntry[] } {
  const group = new WarmGroup<ContainerEntry>(MAX_COLORS);
  const entries = Array.from({ length: containers }, (_, id) => ({
    ...newEntry(id, 'k', 128),
    state: 'warm' as const,
  }));
  for (const entry of entries) {
    group.members++;
    group.enlist(entry);
  }
  return { group, entries };
}

/** The group told again, with plain lists. */
class Model {
  /** By color, the last one at the end. */
  readonly homes = new Map<string, ContainerEntry[]>();
  /** By container, the last one at the end. */
  readonly colors = new Map<ContainerEntry, string[]>();
  /** Those with room, with the colors that each had when it was put here; the last one at the end. */
  room: { entry: ContainerEntry; colors: number }[] = [];

  colorsOf(entry: ContainerEntry): string[] {
    return this.colors.get(entry) ?? [];
  }

  enlist(entry: ContainerEntry): void {
    this.delist(entry);
    this.room.push({ entry, colors: this.colorsOf(entry).length });
  }

  delist(entry: ContainerEntry): void {
    this.room = this.room.filter((one) => one.entry !== entry);
  }

  serve(entry: ContainerEntry, color: string): void {
    const homes = [...(this.homes.get(color) ?? []).filter((one) => one !== entry), entry];
    this.homes.set(color, homes);
    this.colors.set(entry, [...this.colorsOf(entry).filter((one) => one !== color), color]);
    if (homes.length > MAX_HOMES) {
      const [lost] = homes;
      assert.ok(lost);
      this.forget(lost, color);
      if (this.room.some((one) => one.entry === lost)) this.enlist(lost);
    }
    const [oldest] = this.colorsOf(entry);
    if (this.colorsOf(entry).length > MAX_COLORS && oldest !== undefined) this.forget(entry, oldest);
  }

  forget(entry: ContainerEntry, color: string): void {
    this.homes.set(
      color,
      (this.homes.get(color) ?? []).filter((one) => one !== entry),
    );
    this.colors.set(
      entry,
      this.colorsOf(entry).filter((one) => one !== color),
    );
  }

  remove(entry: ContainerEntry): void {
    this.delist(entry);
    for (const color of this.colorsOf(entry)) this.forget(entry, color);
  }

  home(color: string): ContainerEntry | undefined {
    const homes = (this.homes.get(color) ?? []).filter((home) => this.room.some(({ entry }) => entry === home));
    return homes.findLast(isAwake) ?? homes.at(-1);
  }

  busyHomes(color: string): ContainerEntry[] {
    const busy = (this.homes.get(color) ?? []).filter((home) => this.room.every(({ entry }) => entry !== home));
    return busy.filter(isAwake);
  }

  fewestColors(): ContainerEntry | undefined {
    const awake = this.room.filter(({ entry }) => isAwake(entry));
    const choice = awake.length > 0 ? awake : this.room;
    const fewest = Math.min(...choice.map(({ colors }) => colors));
    return choice.findLast(({ colors }) => colors === fewest)?.entry;
  }
}

const COLORS = ['red', 'green', 'blue', 'white', 'black'];
const steps = fc.array(
  fc.record({
    do: fc.constantFrom('serve', 'serve', 'serve', 'enlist', 'delist', 'sleep', 'wake', 'remove'),
    which: fc.nat(6),
    color: fc.constantFrom(...COLORS),
  }),
  { maxLength: 120, size: 'max' },
);

describe('WarmGroup', () => {
  it('remembers the four containers that last served a color, and no more', () => {
    const homesOf = (containers: number) => served(containers, 'red').map((entry) => entry.colors?.has('red'));
    assert.deepEqual(homesOf(4), [true, true, true, true]);
    assert.deepEqual(homesOf(6), [false, false, true, true, true, true]);
  });

  it('counts one color less for a container that is no longer its home', () => {
    const table = new ContainerTable<ContainerEntry>(4096, 8);
    const entries = Array.from({ length: 5 }, (_, id) => newEntry(id, 'k', 128));
    for (const entry of entries) {
      table.addFor(entry, 'a', 1);
      table.setState(entry, 'warm');
      table.assign(entry, 'red');
    }
    for (const entry of entries) table.release(entry, false, 0);
    assert.equal(table.group('a')?.fewestColors(), entries[0], 'the first one lost its only color to the fifth');
  });

  it('leaves a home that is busy out of the lists, also when it loses a color', () => {
    const { group: warm, entries } = group(5);
    const [busy] = entries;
    assert.ok(busy);
    for (const entry of entries) {
      warm.delist(entry);
      warm.serve(entry, 'red');
    }
    assert.equal(busy.colors?.size, 0);
    assert.equal(warm.fewestColors(), undefined, 'none has room');
  });

  it('knows the busy homes of a color, the latest one last', () => {
    const { group: warm, entries } = group(4);
    const [first, second, free, draining] = entries;
    assert.ok(first && second && free && draining);
    for (const entry of entries) warm.serve(entry, 'red');
    for (const entry of [second, first, draining]) warm.delist(entry);
    draining.state = 'draining';
    assert.deepEqual(
      warm.busyHomes('red').map(({ id }) => id),
      [first.id, second.id],
    );
    assert.deepEqual(warm.busyHomes('blue'), []);
  });

  it('prefers a container without colors to one with colors, regardless of their last use', () => {
    const { group: warm, entries } = group(2);
    const [plain, colored] = entries;
    assert.ok(plain && colored);
    warm.serve(colored, 'red');
    warm.enlist(colored);
    assert.equal(warm.fewestColors(), plain);
  });

  it('is new without members, activations, or a last use, and ends with none after its containers', () => {
    const fresh = new WarmGroup<ContainerEntry>(MAX_COLORS);
    assert.deepEqual([fresh.members, fresh.active, fresh.lastUsed], [0, 0, 0]);
    const table = new ContainerTable<ContainerEntry>(4096, 8);
    const entries = [newEntry(1, 'k', 128), newEntry(2, 'k', 128)];
    for (const entry of entries) {
      table.addFor(entry, 'a', 2);
      table.setState(entry, 'warm');
      table.assign(entry, undefined);
      table.assign(entry, undefined);
    }
    const [first, second] = entries;
    assert.ok(first && second);
    const warm = table.group('a');
    assert.deepEqual([warm?.members, warm?.active], [2, 4]);
    table.retire(first);
    assert.deepEqual([warm?.members, warm?.active], [1, 2]);
    table.retire(second);
    assert.equal(table.group('a'), undefined, 'the group of a removed action does not stay');
  });

  it('finds homes and the fewest colors as plain lists would, whatever happened before (property)', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const { group: warm, entries } = group(7);
        const model = new Model();
        for (const entry of entries) model.enlist(entry);
        const gone = new Set<ContainerEntry>();
        for (const step of script) {
          const entry = entries[step.which];
          assert.ok(entry);
          if (gone.has(entry)) continue;
          if (step.do === 'serve') {
            warm.serve(entry, step.color);
            model.serve(entry, step.color);
            // As the table does after each activation that a container gets.
            warm.enlist(entry);
            model.enlist(entry);
          } else if (step.do === 'delist') {
            warm.delist(entry);
            model.delist(entry);
          } else if (step.do === 'remove') {
            gone.add(entry);
            warm.remove(entry);
            model.remove(entry);
          } else {
            if (step.do === 'sleep') entry.state = 'paused';
            if (step.do === 'wake') entry.state = 'warm';
            warm.enlist(entry);
            model.enlist(entry);
          }
          for (const color of COLORS) {
            assert.equal(warm.home(color)?.id, model.home(color)?.id, `home of ${color}`);
            const idsOf = (homes: readonly ContainerEntry[]): number[] => homes.map(({ id }) => id);
            assert.deepEqual(idsOf(warm.busyHomes(color)), idsOf(model.busyHomes(color)), `busy homes of ${color}`);
          }
          assert.equal(warm.fewestColors()?.id, model.fewestColors()?.id);
          for (const one of entries) {
            if (!gone.has(one)) assert.deepEqual([...(one.colors ?? [])], model.colorsOf(one));
          }
        }
      }),
    );
  });
});
