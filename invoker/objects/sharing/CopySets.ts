import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { colorKey } from './colorKey.js';
import { copiesOf } from './copies.js';
import { formerOwner } from './lostColor.js';

/*
 * The copies of a color's replicated objects in an invoker are a set. An owner begins a set with an epoch, copies all
 * replicated objects, and completes it; it acknowledges no change before. So the complete set with the highest epoch is
 * the current one, and a set with a lower epoch, such as that of an invoker that was frozen, is out of date as a whole.
 */

/** A set of copies in one invoker. */
export interface CopySetState {
  readonly epoch: number;
  readonly complete: boolean;
}

/** A set that takes a change of a copy. */
export interface AdmittedSet extends CopySetState {
  /** Whether the change has begun it. */
  readonly begun: boolean;
}

/** An epoch that an invoker has taken a color over with, or has tried to. */
export interface RaisedEpoch {
  readonly epoch: number;
  /** The run of the invoker, which is another one after each start; undefined: not known. */
  readonly run?: string | undefined;
}

interface KeptSet {
  readonly state: CopySetState;
  readonly namespace: ObjectNamespace;
  readonly color: string;
}

const MAX_COLORS = 100_000;
/** The most epochs of a color to remember: a color has rarely more owners within a short time. */
const MAX_RAISED = 4;

/** The sets of copies that this invoker keeps for other owners, and the highest epochs that it knows. */
export class CopySets {
  readonly #memory: ObjectMemory;
  readonly #maxColors: number;
  /** With its copies, which are removed with it. */
  readonly #sets = new Map<string, KeptSet>();
  /** By color: the latest one of each run, the highest one first. The least recently raised color comes first. */
  readonly #epochs = new Map<string, readonly RaisedEpoch[]>();

  constructor(memory: ObjectMemory, maxColors = MAX_COLORS) {
    this.#memory = memory;
    this.#maxColors = maxColors;
  }

  /** The highest epoch of the color that this invoker has heard of; 0: none. */
  epoch(key: string): number {
    return Math.max(this.#epochs.get(key)?.[0]?.epoch ?? 0, this.get(key)?.epoch ?? 0);
  }

  /** The epochs of the color that this invoker has heard of. */
  raised(key: string): RaisedEpoch[] {
    const set = this.get(key);
    return [...(this.#epochs.get(key) ?? []), ...(set ? [{ epoch: set.epoch }] : [])];
  }

  /**
   * Takes note of an owner's epoch: from now on requests of earlier owners are refused.
   * @param run of the owner.
   */
  raise(key: string, epoch: number, run?: string): void {
    put(this.#epochs, key, withEpoch(this.#epochs.get(key) ?? [], { epoch, run }), this.#maxColors);
  }

  get(key: string): CopySetState | undefined {
    return this.#sets.get(key)?.state;
  }

  /**
   * Checks a change of a copy. A higher epoch begins another set.
   * @returns the set.
   * @throws ObjectError 421 for a former owner
   */
  admit(namespace: ObjectNamespace, color: string, epoch: number): AdmittedSet {
    const key = colorKey(namespace, color);
    this.#requireCurrent(key, epoch);
    const known = this.get(key);
    if (known?.epoch === epoch) return { ...known, begun: false };
    this.#memory.clear(copiesOf(namespace), color);
    const set = { epoch, complete: false };
    this.#keep(namespace, color, set);
    return { ...set, begun: true };
  }

  /**
   * Completes a set.
   * @param from the epoch of an earlier complete set with the same content, which becomes this one; undefined: none. A set with an
   * epoch in between is the same one: the owner has not got the answer that it was renamed.
   * @param begun whether the owner has put objects into the set: it is not complete if this invoker does not know it.
   * @returns false if this invoker does not have that set.
   * @throws ObjectError 421 for a former owner
   */
  complete(namespace: ObjectNamespace, color: string, epoch: number, from: number | undefined, begun = false): boolean {
    const key = colorKey(namespace, color);
    this.#requireCurrent(key, epoch);
    const set = this.get(key);
    if (from !== undefined && !(set?.complete === true && set.epoch >= from)) return false;
    if (begun && set?.epoch !== epoch) return false;
    if (from === undefined) this.admit(namespace, color, epoch);
    this.#keep(namespace, color, { epoch, complete: true });
    return true;
  }

  /** Removes a set that is older than an epoch. */
  forget(namespace: ObjectNamespace, color: string, before: number): void {
    const key = colorKey(namespace, color);
    this.raise(key, before);
    const set = this.get(key);
    if (set && set.epoch >= before) return;
    this.drop(namespace, color);
  }

  /** Removes a set. The copies may not go alone: an owner would believe that this invoker still has them. */
  drop(namespace: ObjectNamespace, color: string): void {
    this.#sets.delete(colorKey(namespace, color));
    this.#memory.clear(copiesOf(namespace), color);
  }

  #keep(namespace: ObjectNamespace, color: string, state: CopySetState): void {
    const forgotten = put(this.#sets, colorKey(namespace, color), { state, namespace, color }, this.#maxColors);
    if (forgotten) this.#memory.clear(copiesOf(forgotten.namespace), forgotten.color);
  }

  #requireCurrent(key: string, epoch: number): void {
    if (epoch < this.epoch(key)) throw formerOwner();
  }
}

/** The highest epochs come first. Beyond the bound, the lowest ones become one of an unknown run. */
function withEpoch(known: readonly RaisedEpoch[], next: RaisedEpoch): readonly RaisedEpoch[] {
  const before = known.find(({ run }) => run === next.run)?.epoch ?? 0;
  const latest = { run: next.run, epoch: Math.max(before, next.epoch) };
  const all = [latest, ...known.filter(({ run }) => run !== next.run)].toSorted((a, b) => b.epoch - a.epoch);
  const rest = all[MAX_RAISED - 1];
  return all.length <= MAX_RAISED || !rest ? all : [...all.slice(0, MAX_RAISED - 1), { epoch: rest.epoch }];
}

/** @returns the oldest value, if it had to go. */
function put<Value>(map: Map<string, Value>, key: string, value: Value, most: number): Value | undefined {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map;
  if (map.size <= most || !oldest) return undefined;
  map.delete(oldest[0]);
  return oldest[1];
}
