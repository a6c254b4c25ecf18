import type { Slot, Slots } from './slots.js';
import { isAwake } from './WarmGroup.js';

/*
 * The pool's decisions, as functions of its books (`Slots`) and of what is asked. Nothing is changed here.
 */

/** What an activation needs. */
export interface Demand {
  /** Whose container: see `slotKey`. */
  readonly key: string;
  readonly kind: string;
  readonly memoryMB: number;
  readonly color: string | undefined;
}

/**
 * `warm`: this container serves the key already (or is being initialized for it, and has room); the color's home was not
 * awake, so it shall be, for what comes next. `stemCell`: this one is taken for it. `cold`: make a new one, after those in
 * `evict` are gone. `wait`: nothing can make room now. `never`: it is larger than the whole pool.
 */
export type Placement<S extends Slot> =
  | { readonly kind: 'warm'; readonly slot: S; readonly wake?: S }
  | { readonly kind: 'stemCell'; readonly slot: S }
  | { readonly kind: 'cold'; readonly evict: readonly S[] }
  | { readonly kind: 'wait' }
  | { readonly kind: 'never' };

/**
 * Where an activation runs. In this order: the container with room that last served its color; the one with the fewest
 * colors; one that is just being initialized and will have room; a stem cell of its kind and memory, ready or at least
 * under way; a new container in free memory, or in the memory of idle ones. One that has to be resumed comes after one
 * that need not be, the home too: a color never waits where no color would not. Homes do not sleep while their action is
 * in use (`dueSlots`), so it seldom comes to that.
 */
export function place<S extends Slot>(slots: Slots<S>, demand: Demand, now: number): Placement<S> {
  const group = slots.group(demand.key);
  if (group) {
    const home = demand.color === undefined ? undefined : group.home(demand.color);
    if (home && isAwake(home)) return { kind: 'warm', slot: home };
    const other = group.fewestColors();
    if (home) return other && isAwake(other) ? { kind: 'warm', slot: other, wake: home } : { kind: 'warm', slot: home };
    if (other) return { kind: 'warm', slot: other };
    for (const starting of group.starting) return { kind: 'warm', slot: starting };
  }
  const cell = readiest(slots.stemCells(demand.kind, demand.memoryMB));
  if (cell) return { kind: 'stemCell', slot: cell };
  if (demand.memoryMB > slots.capacityMB) return { kind: 'never' };
  const missing = slots.usedMB + demand.memoryMB - slots.capacityMB;
  if (missing <= 0) return { kind: 'cold', evict: [] };
  const evict = evictions(slots, missing, now);
  return evict.length === 0 ? { kind: 'wait' } : { kind: 'cold', evict };
}

/**
 * The idle containers to remove so that at least `missing` MB come free: none, where all of them are not enough, and
 * never one more than needed. Stem cells go last.
 */
export function evictions<S extends Slot>(slots: Slots<S>, missing: number, now: number): S[] {
  const candidates: S[] = [];
  for (const slot of slots.all) if (isIdle(slot) || slot.state === 'prewarmed') candidates.push(slot);
  candidates.sort((a, b) => compareStemCell(a, b) || compareIdle(a, b, now));
  const chosen: S[] = [];
  let freed = 0;
  for (const slot of candidates) {
    if (freed >= missing) break;
    chosen.push(slot);
    freed += slot.memoryMB;
  }
  if (freed < missing) return [];
  // A large one at the end may have made an earlier one unnecessary; the most valuable is spared first.
  for (let i = chosen.length - 2; i >= 0; i--) {
    const memoryMB = chosen[i]?.memoryMB ?? 0;
    if (freed - memoryMB >= missing) {
      freed -= memoryMB;
      chosen.splice(i, 1);
    }
  }
  return chosen;
}

/** A warm container with nothing to do, paused or not. */
export function isIdle(slot: Slot): boolean {
  return slot.active === 0 && slot.collecting === 0 && (slot.state === 'warm' || slot.state === 'paused');
}

/**
 * The order in which idle containers are given up: the least recently used first; of those that have been idle for about
 * as long (within a factor of two), the one that served the fewest colors first, since less that somebody may ask for
 * again is lost with it. Without colors this is the order of last use.
 */
export function compareIdle(a: Slot, b: Slot, now: number): number {
  return idleClass(b, now) - idleClass(a, now) || colors(a) - colors(b) || a.lastUsed - b.lastUsed || a.id - b.id;
}

export interface SweepTimes {
  /** Idle for so long a container is paused. */
  readonly pauseGraceMs: number;
  /** Idle for so long after that it is removed. */
  readonly idleContainerMs: number;
}

/**
 * The idle containers that it is time to pause or to remove, the least valuable first. One that has colors stays awake
 * while any container of its action is in use: what comes for those colors finds it ready.
 */
export function dueSlots<S extends Slot>(
  slots: Slots<S>,
  times: SweepTimes,
  now: number,
): { pause: S[]; remove: S[]; expired: S[] } {
  const pause: S[] = [];
  const remove: S[] = [];
  const expired: S[] = [];
  for (const slot of slots.all) {
    if (slot.state === 'prewarmed') {
      if (slot.expires !== undefined && slot.expires <= now) expired.push(slot);
    } else if (isIdle(slot)) {
      const idle = now - slot.lastUsed;
      if (idle >= times.pauseGraceMs + times.idleContainerMs) remove.push(slot);
      else if (slot.state === 'warm' && idle >= times.pauseGraceMs && !isNeeded(slots, slot, times, now))
        pause.push(slot);
    }
  }
  pause.sort((a, b) => compareIdle(a, b, now));
  remove.sort((a, b) => compareIdle(a, b, now));
  expired.sort((a, b) => (a.expires ?? 0) - (b.expires ?? 0));
  return { pause, remove, expired };
}

function isNeeded<S extends Slot>(slots: Slots<S>, slot: S, { pauseGraceMs }: SweepTimes, now: number): boolean {
  if (!slot.colors?.size || slot.key === undefined) return false;
  const group = slots.group(slot.key);
  return group !== undefined && (group.active > 0 || now - group.lastUsed < pauseGraceMs);
}

/** How many stem cells of a kind and memory an installation wants, as the runtimes manifest says. */
export interface StemCellPlan {
  readonly initialCount: number;
  /** Follow the demand: so many more for each `threshold` cold starts in the last interval, within bounds. */
  readonly reactive?:
    | {
        readonly minCount: number;
        readonly maxCount: number;
        readonly ttlMs: number;
        readonly threshold: number;
        readonly increment: number;
      }
    | undefined;
}

/**
 * How many stem cells there shall be: so many as the plan begins with, or what the cold starts of the last interval
 * (undefined: there was none yet) ask for.
 */
export function wantedStemCells({ initialCount, reactive }: StemCellPlan, coldStarts: number | undefined): number {
  if (coldStarts === undefined || !reactive) return initialCount;
  const grown = Math.floor(coldStarts / reactive.threshold) * reactive.increment;
  return Math.min(Math.max(reactive.minCount, grown), reactive.maxCount);
}

/** A stem cell that is ready, or else the one that will be first. */
function readiest<S extends Slot>(cells: ReadonlySet<S>): S | undefined {
  let first: S | undefined;
  for (const cell of cells) {
    if (cell.state === 'prewarmed') return cell;
    first ??= cell;
  }
  return first;
}

const colors = (slot: Slot): number => slot.colors?.size ?? 0;

/** 0 for less than a second, then 1 for each doubling. */
function idleClass(slot: Slot, now: number): number {
  return 32 - Math.clz32(Math.max(0, now - slot.lastUsed) / 1000);
}

function compareStemCell(a: Slot, b: Slot): number {
  return Number(a.state === 'prewarmed') - Number(b.state === 'prewarmed');
}
