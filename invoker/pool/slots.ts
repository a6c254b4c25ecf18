import { WarmGroup } from './WarmGroup.js';

/** See the state machine in `ContainerPool.ts`. */
export type SlotState =
  'creating' | 'prewarmed' | 'initializing' | 'warm' | 'pausing' | 'paused' | 'resuming' | 'draining' | 'removing';

/** What the pool's decisions know of a container. Memory in MB, times in ms since the epoch. */
export interface Slot {
  readonly id: number;
  readonly kind: string;
  readonly memoryMB: number;
  state: SlotState;
  /** Whom it serves (action, revision, namespace); undefined for a stem cell. */
  key: string | undefined;
  /** How many activations it takes at once. */
  concurrency: number;
  /** Activations that it has. */
  active: number;
  /** Activations whose logs are still being read; their container stays, but can run the next one already. */
  collecting: number;
  lastUsed: number;
  /** When a stem cell is too old. */
  expires: number | undefined;
  /** Colors lately served, the latest at the end. */
  colors: Set<string> | undefined;
  /** The list of its group that it stands in, where it has room, and its place there: see `WarmGroup`. */
  listed: SlotList | undefined;
  listedColors: number;
  previous: Slot | undefined;
  next: Slot | undefined;
}

/** What a container can be taken out of. */
export interface SlotList {
  delete(slot: Slot): void;
}

export function newSlot(id: number, kind: string, memoryMB: number): Slot {
  return {
    id,
    kind,
    memoryMB,
    state: 'creating',
    key: undefined,
    concurrency: 1,
    active: 0,
    collecting: 0,
    lastUsed: 0,
    expires: undefined,
    colors: undefined,
    listed: undefined,
    listedColors: 0,
    previous: undefined,
    next: undefined,
  };
}

/** So many activations may have gone on before logs are read, besides those that run at once: they must not pile up. */
const LOGS_BEHIND = 3;

/** Who serves an activation: containers are shared by what has the same key, and by nothing else. */
export function slotKey(namespace: string, path: string, revision: string): string {
  return `${namespace}|${path}|${revision}`;
}

/** The books of a pool: its containers, and the indexes in which decisions look them up. No effects, no clock. */
export class Slots<S extends Slot> {
  readonly capacityMB: number;
  readonly all = new Set<S>();
  readonly #maxColors: number;
  readonly #groups = new Map<string, WarmGroup<S>>();
  /** Stem cells that nobody took yet, by kind and memory, in the order of their starts. */
  readonly #stemCells = new Map<string, Set<S>>();
  #usedMB = 0;

  constructor(capacityMB: number, maxColors: number) {
    this.capacityMB = capacityMB;
    this.#maxColors = maxColors;
  }

  /** What its containers take, those under way counted. */
  get usedMB(): number {
    return this.#usedMB;
  }

  group(key: string): WarmGroup<S> | undefined {
    return this.#groups.get(key);
  }

  stemCells(kind: string, memoryMB: number): ReadonlySet<S> {
    return this.#stemCells.get(`${kind}@${memoryMB}`) ?? NONE;
  }

  /** Adds a container that is being created as a stem cell. */
  addStemCell(slot: S): void {
    this.#add(slot);
    const name = `${slot.kind}@${slot.memoryMB}`;
    let cells = this.#stemCells.get(name);
    if (!cells) this.#stemCells.set(name, (cells = new Set()));
    cells.add(slot);
  }

  /** Adds a container that is being created for `key`. */
  addFor(slot: S, key: string, concurrency: number): void {
    this.#add(slot);
    this.#dedicate(slot, key, concurrency);
  }

  /** Gives a stem cell to `key`. */
  take(slot: S, key: string, concurrency: number): void {
    this.#stemCells.get(`${slot.kind}@${slot.memoryMB}`)?.delete(slot);
    if (slot.state === 'prewarmed') slot.state = 'initializing';
    this.#dedicate(slot, key, concurrency);
  }

  /** Gives the container one more activation. */
  assign(slot: S, color: string | undefined): void {
    slot.active++;
    const group = this.#groupOf(slot);
    group.active++;
    if (color !== undefined) group.serve(slot, color);
    this.#index(slot, group);
  }

  /** The activation left the container; `collecting` says whether its logs are still to be read. */
  release(slot: S, collecting: boolean, now: number): void {
    slot.active--;
    if (collecting) slot.collecting++;
    slot.lastUsed = now;
    if (slot.state === 'removing') return;
    const group = this.#groupOf(slot);
    group.active--;
    group.lastUsed = now;
    this.#index(slot, group);
  }

  /** The logs of an activation that left before have been read. */
  collected(slot: S): void {
    slot.collecting--;
    // Where it is in a list already it stays in its place: it was not used.
    if (slot.state !== 'removing' && slot.listed === undefined) this.#index(slot, this.#groupOf(slot));
  }

  setState(slot: S, state: SlotState): void {
    const before = slot.state;
    slot.state = state;
    // What was pausing was counted as asleep already, and was not used since.
    if (slot.key !== undefined && !(before === 'pausing' && state === 'paused')) this.#index(slot, this.#groupOf(slot));
  }

  /** Takes the container out of the books; its memory is free. */
  remove(slot: S): void {
    if (!this.all.delete(slot)) return;
    this.#usedMB -= slot.memoryMB;
    slot.state = 'removing';
    this.#stemCells.get(`${slot.kind}@${slot.memoryMB}`)?.delete(slot);
    if (slot.key === undefined) return;
    const group = this.#groups.get(slot.key);
    group?.remove(slot);
    if (group?.members === 0) this.#groups.delete(slot.key);
  }

  #add(slot: S): void {
    this.all.add(slot);
    this.#usedMB += slot.memoryMB;
  }

  #dedicate(slot: S, key: string, concurrency: number): void {
    slot.key = key;
    slot.concurrency = concurrency;
    let group = this.#groups.get(key);
    if (!group) this.#groups.set(key, (group = new WarmGroup(this.#maxColors)));
    group.members++;
  }

  #groupOf(slot: S): WarmGroup<S> {
    const group = this.#groups.get(slot.key ?? '');
    if (!group) throw new Error(`container ${slot.id} is in state ${slot.state} and serves nobody`);
    return group;
  }

  /** Puts the container where its state and its room say. */
  #index(slot: S, group: WarmGroup<S>): void {
    const { state } = slot;
    const warm = state === 'warm' || state === 'pausing' || state === 'paused' || state === 'resuming';
    const room = slot.active < slot.concurrency && slot.collecting < slot.concurrency + LOGS_BEHIND;
    if (warm && room) group.enlist(slot);
    else group.delist(slot);
    if (!warm && state !== 'draining' && room && slot.active > 0) group.starting.add(slot);
    else group.starting.delete(slot);
  }
}

const NONE: ReadonlySet<never> = new Set();
