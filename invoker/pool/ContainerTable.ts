import type { ContainerEntry, ContainerState } from './ContainerEntry.js';
import { WarmGroup } from './WarmGroup.js';

/** So many activations may have gone on before logs are read, besides those that run at once: they must not pile up. */
const LOGS_BEHIND = 3;

/** The containers of a pool, and the indexes in which decisions look them up. No effects, no clock. */
export class ContainerTable<E extends ContainerEntry> {
  readonly capacityMB: number;
  readonly all = new Set<E>();
  readonly #maxColors: number;
  readonly #groups = new Map<string, WarmGroup<E>>();
  /** Stem cells that nobody took yet, by kind and memory, in the order of their starts. */
  readonly #stemCells = new Map<string, Set<E>>();
  #usedMB = 0;

  constructor(capacityMB: number, maxColors: number) {
    this.capacityMB = capacityMB;
    this.#maxColors = maxColors;
  }

  /** What its containers take, those under way counted. */
  get usedMB(): number {
    return this.#usedMB;
  }

  group(key: string): WarmGroup<E> | undefined {
    return this.#groups.get(key);
  }

  stemCells(kind: string, memoryMB: number): ReadonlySet<E> {
    return this.#stemCells.get(`${kind}@${memoryMB}`) ?? NONE;
  }

  /** Adds a container that is being created as a stem cell. */
  addStemCell(entry: E): void {
    this.#add(entry);
    const name = `${entry.kind}@${entry.memoryMB}`;
    let cells = this.#stemCells.get(name);
    if (!cells) this.#stemCells.set(name, (cells = new Set()));
    cells.add(entry);
  }

  /** Adds a container that is being created for `key`. */
  addFor(entry: E, key: string, concurrency: number): void {
    this.#add(entry);
    this.#dedicate(entry, key, concurrency);
  }

  /** Gives a stem cell to `key`. */
  take(entry: E, key: string, concurrency: number): void {
    this.#stemCells.get(`${entry.kind}@${entry.memoryMB}`)?.delete(entry);
    if (entry.state === 'prewarmed') entry.state = 'initializing';
    this.#dedicate(entry, key, concurrency);
  }

  /** Gives the container one more activation. */
  assign(entry: E, color: string | undefined): void {
    entry.active++;
    const group = this.#groupOf(entry);
    group.active++;
    if (color !== undefined) group.serve(entry, color);
    this.#index(entry, group);
  }

  /** The activation left the container; `collecting` says whether its logs are still to be read. */
  release(entry: E, collecting: boolean, now: number): void {
    entry.active--;
    if (collecting) entry.collecting++;
    entry.lastUsed = now;
    if (entry.state === 'removing') return;
    const group = this.#groupOf(entry);
    group.active--;
    group.lastUsed = now;
    this.#index(entry, group);
  }

  /** The logs of an activation that left before have been read. */
  collected(entry: E): void {
    entry.collecting--;
    // Where it is in a list already it stays in its place: it was not used.
    if (entry.state !== 'removing' && entry.listed === undefined) this.#index(entry, this.#groupOf(entry));
  }

  setState(entry: E, state: ContainerState): void {
    const before = entry.state;
    entry.state = state;
    // What was pausing was counted as asleep already, and was not used since.
    if (entry.key !== undefined && !(before === 'pausing' && state === 'paused'))
      this.#index(entry, this.#groupOf(entry));
  }

  /** Removes the container from the table; its memory is free. */
  remove(entry: E): void {
    if (!this.all.delete(entry)) return;
    this.#usedMB -= entry.memoryMB;
    entry.state = 'removing';
    this.#stemCells.get(`${entry.kind}@${entry.memoryMB}`)?.delete(entry);
    if (entry.key === undefined) return;
    const group = this.#groups.get(entry.key);
    group?.remove(entry);
    if (group?.members === 0) this.#groups.delete(entry.key);
  }

  #add(entry: E): void {
    this.all.add(entry);
    this.#usedMB += entry.memoryMB;
  }

  #dedicate(entry: E, key: string, concurrency: number): void {
    entry.key = key;
    entry.concurrency = concurrency;
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = new WarmGroup(this.#maxColors)));
    group.members++;
  }

  #groupOf(entry: E): WarmGroup<E> {
    const group = this.#groups.get(entry.key ?? '');
    if (!group) throw new Error(`container ${entry.id} is in state ${entry.state} and serves nobody`);
    return group;
  }

  /** Moves the container to the list that fits its state and its room. */
  #index(entry: E, group: WarmGroup<E>): void {
    const { state } = entry;
    const warm = state === 'warm' || state === 'pausing' || state === 'paused' || state === 'resuming';
    const room = entry.active < entry.concurrency && entry.collecting < entry.concurrency + LOGS_BEHIND;
    if (warm && room) group.enlist(entry);
    else group.delist(entry);
    if (!warm && state !== 'draining' && room && entry.active > 0) group.starting.add(entry);
    else group.starting.delete(entry);
  }
}

const NONE: ReadonlySet<never> = new Set();
