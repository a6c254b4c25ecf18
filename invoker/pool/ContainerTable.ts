import { namespaceOf, type ContainerEntry, type ContainerState } from './ContainerEntry.js';
import { WarmGroup } from './WarmGroup.js';

/** The most ended activations with unread logs, in addition to the concurrency: logs must not pile up. */
const LOGS_BEHIND = 3;

/** The containers of a pool, with indexes for the decisions. Has no effects and no clock. */
export class ContainerTable<E extends ContainerEntry> {
  readonly capacityMB: number;
  readonly all = new Set<E>();
  readonly #maxColors: number;
  readonly #groups = new Map<string, WarmGroup<E>>();
  /** Free stem cells by kind and memory, in the order of their starts. */
  readonly #stemCells = new Map<string, Set<E>>();
  /** The memory of each namespace's containers in MB, including reserved ones. */
  readonly #namespaceMB = new Map<string, number>();
  /** The number of containers by key. */
  readonly #counts = new Map<string, number>();
  #usedMB = 0;
  #leavingMB = 0;
  #reservedMB = 0;
  #othersMB = 0;

  constructor(capacityMB: number, maxColors: number) {
    this.capacityMB = capacityMB;
    this.#maxColors = maxColors;
  }

  /** The memory of the engine's containers, including those being created or removed. */
  get usedMB(): number {
    return this.#usedMB;
  }

  /** The used memory after all pending removals and reservations. */
  get committedMB(): number {
    return this.#usedMB + this.#reservedMB - this.#leavingMB;
  }

  /** The memory that others than containers use, in MB: no container is created in it. */
  get othersMB(): number {
    return this.#othersMB;
  }

  setOthers(memoryMB: number): void {
    this.#othersMB = memoryMB;
  }

  /**
   * The most memory of containers with a further one of this size. What others use is left to them, unless the container
   * needs it even if it is the only one: it would wait for as long as they use it.
   */
  mostMB(memoryMB: number): number {
    return Math.max(this.capacityMB - this.#othersMB, Math.min(memoryMB, this.capacityMB));
  }

  /** The memory that containers neither use nor wait for, in MB, with that of others. */
  get freeMB(): number {
    return Math.max(0, this.capacityMB - Math.max(this.usedMB, this.committedMB));
  }

  /** The memory of a namespace's containers, without those being removed. */
  memoryOf(namespace: string): number {
    return this.#namespaceMB.get(namespace) ?? 0;
  }

  /**
   * The number of containers of a key, including those being created, reserved, draining or removed. A container whose
   * processes have ended does not count, nor one whose removal failed: its action would wait until the removal succeeds.
   */
  containersOf(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  group(key: string): WarmGroup<E> | undefined {
    return this.#groups.get(key);
  }

  stemCells(kind: string, memoryMB: number): ReadonlySet<E> {
    return this.#stemCells.get(`${kind}@${memoryMB}`) ?? NONE;
  }

  /** Adds a stem cell that is being created. */
  addStemCell(entry: E): void {
    this.#add(entry);
    const name = `${entry.kind}@${entry.memoryMB}`;
    let cells = this.#stemCells.get(name);
    if (!cells) this.#stemCells.set(name, (cells = new Set()));
    cells.add(entry);
  }

  /** Adds a container for `key` that is being created, or is `reserved` until memory is free. */
  addFor(entry: E, key: string, concurrency: number): void {
    this.#add(entry);
    this.#dedicate(entry, key, concurrency);
  }

  /** Whether a container of this size can be created now. Reserved containers come first. */
  fits(memoryMB: number): boolean {
    return this.#reservedMB === 0 && this.#usedMB + memoryMB <= this.mostMB(memoryMB);
  }

  /** Turns a reserved container into one that is being created. @returns false if memory is not free yet. */
  claim(entry: E): boolean {
    const { memory, memoryMB } = entry;
    if (memory !== 'reserved' || this.#usedMB + memoryMB > this.mostMB(memoryMB)) return false;
    entry.memory = 'held';
    this.#reservedMB -= entry.memoryMB;
    this.#usedMB += entry.memoryMB;
    return true;
  }

  /** Assigns a stem cell to `key`. */
  take(entry: E, key: string, concurrency: number): void {
    this.#stemCells.get(`${entry.kind}@${entry.memoryMB}`)?.delete(entry);
    if (entry.state === 'prewarmed') entry.state = 'initializing';
    this.#dedicate(entry, key, concurrency);
  }

  /** Assigns one more activation to the container. */
  assign(entry: E, color: string | undefined): void {
    entry.active++;
    const group = this.#groupOf(entry);
    group.active++;
    if (color !== undefined) group.serve(entry, color);
    this.#index(entry, group);
  }

  /** To be called when an activation leaves the container. @param collecting whether its logs are still being read. */
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

  /** To be called when the logs of an ended activation are read. */
  collected(entry: E): void {
    entry.collecting--;
    // Keep its position in a list: it was not used.
    if (entry.state !== 'removing' && entry.listed === undefined) this.#index(entry, this.#groupOf(entry));
  }

  setState(entry: E, state: ContainerState): void {
    const before = entry.state;
    entry.state = state;
    // A pausing container is already in the list of paused ones and was not used since.
    if (entry.key !== undefined && !(before === 'pausing' && state === 'paused'))
      this.#index(entry, this.#groupOf(entry));
  }

  /** Takes a container out of service and out of the indexes. Its memory counts until it is `freed` or `removed`. */
  retire(entry: E): void {
    if (entry.state === 'removing') return;
    entry.state = 'removing';
    if (entry.memory === 'held') {
      entry.memory = 'leaving';
      this.#leavingMB += entry.memoryMB;
    }
    this.#stemCells.get(`${entry.kind}@${entry.memoryMB}`)?.delete(entry);
    if (entry.key === undefined) return;
    this.#charge(entry, -entry.memoryMB);
    const group = this.#groups.get(entry.key);
    group?.remove(entry);
    if (group?.members === 0) this.#groups.delete(entry.key);
  }

  /** To be called when the processes of a retired container have ended: its memory is free before it is `removed`. */
  freed(entry: E): void {
    if (entry.memory !== 'leaving' && entry.memory !== 'stuck') return;
    if (entry.memory === 'leaving') {
      this.#count(entry, -1);
      this.#leavingMB -= entry.memoryMB;
    }
    entry.memory = 'freed';
    this.#usedMB -= entry.memoryMB;
  }

  /** To be called when the removal of a retired container failed: its memory is not expected until it is `removed`. */
  stuck(entry: E): void {
    if (entry.memory !== 'leaving') return;
    entry.memory = 'stuck';
    this.#count(entry, -1);
    this.#leavingMB -= entry.memoryMB;
  }

  /** To be called when the engine has removed a retired container: its memory is free. */
  removed(entry: E): void {
    if (!this.all.delete(entry) || entry.memory === 'freed') return;
    if (entry.memory !== 'stuck') this.#count(entry, -1);
    if (entry.memory === 'reserved') {
      this.#reservedMB -= entry.memoryMB;
      return;
    }
    this.#usedMB -= entry.memoryMB;
    if (entry.memory === 'leaving') this.#leavingMB -= entry.memoryMB;
  }

  #add(entry: E): void {
    this.all.add(entry);
    if (entry.memory === 'reserved') this.#reservedMB += entry.memoryMB;
    else this.#usedMB += entry.memoryMB;
  }

  #dedicate(entry: E, key: string, concurrency: number): void {
    entry.key = key;
    entry.namespace = namespaceOf(key);
    this.#charge(entry, entry.memoryMB);
    this.#count(entry, 1);
    entry.concurrency = concurrency;
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = new WarmGroup(this.#maxColors)));
    group.members++;
  }

  #charge({ namespace = '' }: E, memoryMB: number): void {
    const total = this.memoryOf(namespace) + memoryMB;
    if (total === 0) this.#namespaceMB.delete(namespace);
    else this.#namespaceMB.set(namespace, total);
  }

  #count({ key }: E, by: 1 | -1): void {
    if (key === undefined) return;
    const count = this.containersOf(key) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }

  #groupOf(entry: E): WarmGroup<E> {
    const group = this.#groups.get(entry.key ?? '');
    if (!group) throw new Error(`container ${entry.id} in state ${entry.state} has no group`);
    return group;
  }

  /** Moves the container to the list for its state and room. */
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
