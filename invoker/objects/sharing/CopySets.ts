import * as z from 'zod';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { colorKey } from './colorKey.js';
import { copiesOf } from './copies.js';
import { formerOwner } from './lostColor.js';

/*
 * The replicated objects of a color outside of its owner are sets of copies, one in an invoker at most. The copies are not evicted.
 *
 *   from        to          when
 *   none        incomplete  an owner begins a set at its next home, with an epoch of its own, and copies all replicated objects into it
 *   incomplete  complete    the owner has copied them; it acknowledges changes that are in the complete set, and no others
 *   complete    complete    the owner, or the next owner with the same objects, gives the set another epoch: the set then refuses
 *                           earlier requests that come late
 *   complete    complete    the next owner has other objects and makes the set like them. The set counts with its own epoch until that is done,
 *                           and refuses the requests of earlier owners from now on: with the epoch of the owner, it would bring back what
 *                           that owner does not have
 *   complete    owned       this invoker becomes the owner, and has taken its replicated objects from this set (`promote`)
 *   owned       complete    another invoker becomes the owner, or may have become it: the objects are a set again (`demote`)
 *   any         none        another set is complete; or an owner with a higher epoch begins another one here
 *
 * The complete set with the highest epoch has the current objects: see `baseSets.ts`. A new owner fetches all of them before it serves the
 * color (`pullSet.ts`). So an owner has all replicated objects of its color in its memory, and never asks others for them.
 */

export const copySetSchema = z.object({
  epoch: z.number(),
  complete: z.boolean(),
  /** Complete sets from this epoch on contain all acknowledged changes, too. Missing: from its own epoch on. */
  since: z.number().optional(),
  /** It contains all acknowledged changes that complete sets up to this epoch contain. Missing: up to its own epoch. */
  until: z.number().optional(),
  /** It may differ from other sets with its epoch in changes that were not acknowledged. These other ones may have been read since. */
  unsure: z.boolean().optional(),
});
/** A set of copies in one invoker. */
export type CopySetState = Readonly<z.infer<typeof copySetSchema>>;

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

/** See `CopySets.complete`. */
interface CompletionOptions {
  readonly from?: number | undefined;
  readonly aligns?: boolean;
  readonly begun?: boolean;
}

type ColorOfSet = Pick<KeptSet, 'namespace' | 'color' | 'policy'>;

interface FetchedCopies {
  /** See `KeptSet`. */
  readonly policy: string | undefined;
  /** Of all copies. Others are removed. */
  readonly keys: ReadonlySet<string>;
  /** Where the fetched ones are. */
  readonly from: ObjectNamespace;
  /** The state when the fetching began. */
  readonly before: CopySetState | undefined;
  readonly now: number;
}

export interface KeptSet {
  readonly state: CopySetState;
  /** Whether its epoch is of another owner that has told this invoker of it. It is not if this invoker has made or fetched the set. */
  readonly isRaised: boolean;
  readonly namespace: ObjectNamespace;
  readonly color: string;
  /** The policy that a request named for the color. */
  readonly policy: string | undefined;
  /** The epoch of an owner that makes the complete set like its memory. Undefined: none does. */
  readonly alignedBy: number | undefined;
  /** When it was looked after last, in ms; see `due`. */
  lookedAt: number | undefined;
}

/** Beyond so many colors, sets without copies go; see `#requireRoom`. */
const MAX_COLORS = 100_000;
/** The most sets: as many as objects. */
const MAX_SETS = 1_000_000;
/** The most sets that `due` looks at in one call. */
const MOST_LOOKS = 1000;
/** The most epochs of a color to remember: a color has rarely more owners within a short time. */
const MAX_RAISED = 4;

type Kept = Partial<Pick<KeptSet, 'isRaised' | 'policy' | 'alignedBy'>>;

/** The sets of copies that this invoker keeps for other owners, and the highest epochs that it knows. */
export class CopySets {
  readonly #memory: ObjectMemory;
  readonly #maxColors: number;
  readonly #maxSets: number;
  /** With its copies, which are removed with it. */
  readonly #sets = new Map<string, KeptSet>();
  /** By color: the latest one of each run, the highest one first. The least recently raised color comes first. */
  readonly #epochs = new Map<string, readonly RaisedEpoch[]>();

  constructor(memory: ObjectMemory, { maxColors = MAX_COLORS, maxSets = MAX_SETS } = {}) {
    this.#memory = memory;
    this.#maxColors = maxColors;
    this.#maxSets = maxSets;
  }

  /** The highest epoch of the color that this invoker has heard of; 0: none. */
  epoch(key: string): number {
    const set = this.#sets.get(key);
    return Math.max(this.#epochs.get(key)?.[0]?.epoch ?? 0, set?.state.epoch ?? 0, set?.alignedBy ?? 0);
  }

  /** The epochs of other owners of the color that this invoker has heard of, and of its own attempts. */
  raised(key: string): RaisedEpoch[] {
    const set = this.#sets.get(key);
    const ofSet = [set?.isRaised === true ? set.state.epoch : undefined, set?.alignedBy];
    const raised = ofSet.flatMap((epoch) => (epoch === undefined ? [] : [{ epoch }]));
    return [...(this.#epochs.get(key) ?? []), ...raised];
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

  /** Whether another owner has made or renamed the set. */
  isRaised(key: string): boolean {
    return this.#sets.get(key)?.isRaised === true;
  }

  /**
   * Refuses requests of earlier owners from now on.
   * @param epoch of an owner that fetches the set, and its run.
   * @returns the set.
   * @throws ObjectError 421 for a former owner
   */
  fence(namespace: ObjectNamespace, color: string, epoch: number, run?: string): CopySetState | undefined {
    const key = colorKey(namespace, color);
    this.#requireCurrent(key, epoch);
    this.raise(key, epoch, run);
    return this.get(key);
  }

  /**
   * Checks a change of a copy. A higher epoch begins another set.
   * @returns the set.
   * @throws ObjectError 421 for a former owner; 503 if there are too many sets
   */
  admit(namespace: ObjectNamespace, color: string, epoch: number): AdmittedSet {
    const key = colorKey(namespace, color);
    this.#requireCurrent(key, epoch);
    const known = this.#sets.get(key);
    if (known && [known.state.epoch, known.alignedBy].includes(epoch)) return { ...known.state, begun: false };
    if (!known) this.#requireRoom();
    this.#memory.clear(copiesOf(namespace), color);
    const set = { epoch, complete: false };
    this.#keep(namespace, color, set);
    return { ...set, begun: true };
  }

  /**
   * Completes a set.
   * @param from the epoch of an earlier complete set with the same content, which becomes this one; undefined: none. A set with an
   * epoch in between is the same one: the owner has not got the answer that it was renamed.
   * @param aligns whether the owner still makes the set like its memory: until it completes the set again, that keeps its epoch.
   * @param begun whether the owner has put objects into the set: it is not complete if this invoker does not know it.
   * @param policy see `KeptSet`.
   * @returns false if this invoker does not have that set.
   * @throws ObjectError 421 for a former owner; 503 if there are too many sets
   */
  complete(
    { namespace, color, policy }: ColorOfSet,
    epoch: number,
    { from, aligns = false, begun = false }: CompletionOptions = {},
  ): boolean {
    const key = colorKey(namespace, color);
    this.#requireCurrent(key, epoch);
    const set = this.get(key);
    if (from !== undefined && !(set?.complete === true && set.epoch >= from)) return false;
    if (begun && set?.epoch !== epoch) return false;
    if (aligns && set) {
      // Another set with its epoch may have been read since.
      this.#keep(
        namespace,
        color,
        { ...set, unsure: true },
        { policy, isRaised: this.isRaised(key), alignedBy: epoch },
      );
      return true;
    }
    if (from === undefined) this.admit(namespace, color, epoch);
    this.#keep(namespace, color, { epoch, complete: true }, { policy });
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

  /**
   * The sets that nobody has looked after for a time. They count as looked after then, and new ones as well.
   * @param careMs the time, in ms.
   * @param most how many.
   */
  due(now: number, careMs: number, most: number): KeptSet[] {
    const due: KeptSet[] = [];
    const looked: [string, KeptSet][] = [];
    // The set that was looked after least recently comes first.
    for (const [key, set] of this.#sets) {
      const { lookedAt } = set;
      if (due.length === most || looked.length === MOST_LOOKS) break;
      if (lookedAt !== undefined && now - lookedAt < careMs) break;
      if (lookedAt !== undefined) due.push(set);
      looked.push([key, set]);
    }
    for (const [key, set] of looked) {
      set.lookedAt = now;
      this.#sets.delete(key);
      this.#sets.set(key, set);
    }
    return due;
  }

  /** The policy that a request named for the color of a set. */
  policy(key: string): string | undefined {
    return this.#sets.get(key)?.policy;
  }

  /** Removes a set if it has not changed. */
  dropIf(namespace: ObjectNamespace, color: string, state: CopySetState): void {
    if (this.get(colorKey(namespace, color)) === state) this.drop(namespace, color);
  }

  /** Removes a set. The copies may not go alone: an owner would believe that this invoker still has them. */
  drop(namespace: ObjectNamespace, color: string): void {
    this.#sets.delete(colorKey(namespace, color));
    this.#memory.clear(copiesOf(namespace), color);
  }

  /**
   * Makes the fetched copies a complete set, together with those that are here already.
   * @throws ObjectError 421 if another set was begun here meanwhile
   */
  fetched(
    namespace: ObjectNamespace,
    color: string,
    state: CopySetState,
    { keys, from, before, now, policy }: FetchedCopies,
  ): void {
    if (this.get(colorKey(namespace, color)) !== before) throw formerOwner();
    const copies = copiesOf(namespace);
    this.#memory.move(copies, undefined, color, (_, key) => !keys.has(key), now);
    this.#memory.move(from, copies, color, () => true, now);
    this.#keep(namespace, color, state, { policy, isRaised: false });
  }

  /**
   * Makes the copies of a set the objects of this invoker, which has become the owner.
   * @returns their keys.
   */
  promote(namespace: ObjectNamespace, color: string, now: number): string[] {
    this.#sets.delete(colorKey(namespace, color));
    this.#memory.move(namespace, undefined, color, isReplicated, now);
    return this.#memory.move(copiesOf(namespace), namespace, color, () => true, now).map(({ key }) => key);
  }

  /**
   * Makes the replicated objects of this invoker a complete set of copies, since it is not the owner any more.
   * @param state undefined: they are out of date.
   */
  demote({ namespace, color, policy }: ColorOfSet, state: CopySetState | undefined, now: number): void {
    const copies = copiesOf(namespace);
    const known = this.get(colorKey(namespace, color));
    // A later owner may have begun its set here already.
    const isCurrent = state !== undefined && !(known && known.epoch >= state.epoch);
    if (isCurrent) {
      this.#memory.clear(copies, color);
      this.#keep(namespace, color, state, { isRaised: false, policy });
    }
    const to = isCurrent ? copies : undefined;
    const moved = this.#memory.move(namespace, to, color, isReplicated, now);
    // There may have been very many colors, and nothing else removes such a set.
    if (isCurrent && moved.length === 0 && this.#sets.size > this.#maxColors) this.drop(namespace, color);
  }

  #keep(
    namespace: ObjectNamespace,
    color: string,
    state: CopySetState,
    { isRaised = true, policy, alignedBy }: Kept = {},
  ): void {
    const key = colorKey(namespace, color);
    const known = this.#sets.get(key);
    const kept: KeptSet = {
      state,
      isRaised,
      namespace,
      color,
      policy: policy ?? known?.policy,
      alignedBy,
      lookedAt: undefined,
    };
    this.#sets.delete(key);
    this.#sets.set(key, kept);
  }

  /**
   * Before an owner begins a set of another color: copies stay, since they may be the only ones. A set without copies may go: its owner
   * makes another one. Sets that this invoker makes or fetches itself need no room: they go if they have no copies (`demote`).
   * @throws ObjectError 503
   */
  #requireRoom(): void {
    if (this.#sets.size < this.#maxColors) return;
    let looks = 0;
    for (const { namespace, color } of this.#sets.values()) {
      if (this.#memory.isEmpty(copiesOf(namespace), color)) return this.drop(namespace, color);
      if (++looks === MOST_LOOKS) break;
    }
    if (this.#sets.size < this.#maxSets) return;
    throw new ObjectError(503, `This invoker has copies of ${this.#sets.size} colors, the most that it can have.`, {
      retryAfterS: 5,
    });
  }

  #requireCurrent(key: string, epoch: number): void {
    if (epoch < this.epoch(key)) throw formerOwner();
  }
}

const isReplicated = ({ persistence }: StoredObject): boolean => persistence === 'replicated';

/** The highest epochs come first. Beyond the bound, the lowest ones become one of an unknown run. */
function withEpoch(known: readonly RaisedEpoch[], next: RaisedEpoch): readonly RaisedEpoch[] {
  const before = known.find(({ run }) => run === next.run)?.epoch ?? 0;
  const latest = { run: next.run, epoch: Math.max(before, next.epoch) };
  const all = [latest, ...known.filter(({ run }) => run !== next.run)].toSorted((a, b) => b.epoch - a.epoch);
  const rest = all[MAX_RAISED - 1];
  return all.length <= MAX_RAISED || !rest ? all : [...all.slice(0, MAX_RAISED - 1), { epoch: rest.epoch }];
}

function put<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > most && oldest !== undefined) map.delete(oldest);
}
