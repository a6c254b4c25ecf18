import fc from 'fast-check';
import { isIdle, place } from '../../../../invoker/pool/decide.js';
import { newEntry, type ContainerEntry } from '../../../../invoker/pool/ContainerEntry.js';
import { ContainerTable } from '../../../../invoker/pool/ContainerTable.js';

export const CAPACITY = 1024;
export const MAX_COLORS = 3;
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

export const steps = fc.array(
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
  { maxLength: 50, size: 'max' },
);

/** Memory and concurrency of an action belong to its key. */
export const memoryOf = (key: string): number => MEMORIES[key.charCodeAt(0) % 3] ?? 128;
const concurrencyOf = (key: string): number => (key === 'd' ? 3 : 1);

/** Plays the steps, and lets `check` look before each placement and after each step. */
export function play(
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
export function withRoom(model: Model, key: string): ContainerEntry[] {
  return [...model.table.all].filter(
    (entry) =>
      entry.key === key && (entry.state === 'warm' || entry.state === 'paused') && entry.active < entry.concurrency,
  );
}
