import type { Peer } from '../../../shared/objects/Locate.js';
import type { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { CopySetState } from './CopySets.js';

/*
 * The states of a color in one invoker. A color has one owner at a time: the invoker that executes its operations. The
 * controllers name its home; the home becomes the owner when it has asked all invokers that may have been it before.
 *
 *   from      to        when
 *   unknown   adopting  a request, while the controllers name this invoker the home
 *   adopting  owned     the other invokers have handed the color over, or are dead
 *   adopting  unknown   one of them does not answer, or adopts it itself and has a lower number (or owned, as before)
 *   adopting  given     another invoker asks for it, which has a lower number
 *   owned     given     another invoker asks for it
 *   given     unknown   `GIVEN_MS` later: the replies that named this invoker are older than that
 *   owned     unknown   the table is full, and the color is the least recently used one; or a drain has ended
 *   owned     adopting  a request, after a time without contact to the controllers (`Contact.ts`), or if it is doubted: another
 *                       invoker may have taken the color over in silence. Until then nothing is executed
 *
 * Each ownership has an epoch, a number that is higher than those of all earlier ones. The store and the invokers with
 * copies refuse the requests of a lower one.
 *
 * Objects do not move with the ownership, but when they are asked for: `formers` are the invokers that still have some. An
 * invoker that has given a color away remembers its ownership (its claim), for adoptions that come before another one is
 * complete: the highest claim says which objects count. See `authority.ts`.
 */

/** A set of copies in an invoker: see `CopySets.ts`. */
export interface CopySet extends CopySetState {
  readonly peer: Peer;
  /** The invoker is dead, or has started again: the set is lost, and older ones are still out of date. */
  readonly lost?: boolean;
}

/** Another set of copies could not be completed. */
export interface CopyingFailure {
  /** The invoker that was to get it. */
  readonly at: Peer;
  readonly error: unknown;
}

/** An invoker that had no memory for a set of copies. */
export interface RefusedSet {
  readonly at: Peer;
  readonly error: ObjectError;
  /** Before that time, in ms, the removal of an object does not wait for another attempt. */
  readonly until: number;
}

/** The invokers that may have objects of a color that this one owns. */
export interface Owned {
  readonly kind: 'owned';
  readonly namespace: ObjectNamespace;
  readonly color: string;
  /** Of this ownership. It grows when a set of copies begins at another invoker, or the store knows a higher one. */
  epoch: number;
  /** The number of `Contact.lapses` at its begin. */
  readonly lapses: number;
  /**
   * Another invoker may have taken the color over: a controller has named it the home since, or the holder of a copy knows a
   * higher epoch. This one executes nothing any more before it has taken the color over again.
   */
  doubted: boolean;
  /** The invokers that a controller named the home while it did not reach this one: they may have taken it for dead. */
  readonly takers: Set<number>;
  /** The runs of the invokers that handed the color over, by their numbers. */
  readonly runs: ReadonlyMap<number, string>;
  /** When this invoker was the home at a request last, in ms. */
  servedAt: number;
  /** When it was looked after without a request last, in ms; see `ColorStates.idle`. */
  lookedAt: number;
  /** The other homes that a controller has named last: they are up. The first one is the next home, which has the copies. */
  others: readonly Peer[];
  /** How long another invoker may go on without a reply of a controller, in ms. */
  readonly validMs: number;
  /** Former owners with objects. */
  readonly formers: Map<number, Peer>;
  /** The sets of copies of earlier ownerships, which others keep. */
  readonly copies: Map<number, CopySet>;
  /** The set from which its replicated objects came. Undefined: there was none. */
  readonly base: CopySetState | undefined;
  /** The complete set of this ownership. It replaces all earlier ones. Undefined: none yet. */
  copiedTo: CopySet | undefined;
  /** The invokers at which this ownership has begun sets that are not complete, by their numbers. */
  readonly begunAt: Map<number, Peer>;
  /**
   * Other invokers that may have complete sets, by their numbers: those that did not answer when this one became the owner, and
   * all at which it began a set since. See `noSet.ts`.
   */
  readonly mayHold: Map<number, Peer>;
  /** All other invokers have been asked: they have no set, and can get none. */
  allAsked: boolean;
  /** The last set failed since its invoker lacks memory. Undefined: it did not. */
  refused: RefusedSet | undefined;
  /** The copying of another set. Never rejects. */
  copying: Promise<CopyingFailure | undefined> | undefined;
  /** The keys of the copies in which the complete set may differ from this memory. See `lateCopies.ts`. */
  lateCopies: Set<string> | 'many';
  /** Those of the complete set while another one is made. */
  lateBefore: Set<string> | 'many';
  /** Before that time no further set is begun in the background. */
  copyAgainAt: number;
  /** At that time the invoker with the complete set is asked whether it still has it. */
  checkAt: number;
  /** Its replicated objects are not here any more, but a set of copies (`CopySets.demote`), or were out of date. */
  retired: boolean;
  /**
   * The keys of objects that came from a set. The store may have earlier versions of them, which must not come back at the end of a TTL.
   * An object without a TTL may get one. And those of objects whose first write there failed: `stored` may become `many`.
   */
  readonly hidden: Set<string>;
  /** The first write of an object there failed, and `hidden` has no room for its key. So the store may have a version of any object. */
  hiddenMany: boolean;
  /**
   * The keys of objects that came from a set and have not changed since. Former owners may have earlier versions of them, which must not be
   * taken: the set has a change that its owner has taken back. See `Recovery.dropEarlier`.
   */
  readonly superseded: Set<string>;
  /** The policy that a request named for the color. */
  readonly policy: string | undefined;
  /** The keys in the store; `many`: too many to list; undefined: not asked for yet. See `StoredKeyLists.ts`. */
  stored: Set<string> | 'many' | undefined;
  /** The store is asked for its keys. */
  storing: Promise<ReadonlySet<string> | 'many'> | undefined;
}

interface Adopting {
  readonly kind: 'adopting';
  readonly done: Promise<Owned>;
  readonly lapsed: Owned | undefined;
}

export type ColorState = Owned | Adopting | { readonly kind: 'given'; readonly to: Peer; readonly until: number };

/** An ownership that has ended, for the next owner. */
export interface Claim {
  readonly owned: Owned;
  /** The invoker that has got the color last, and when, in ms. Missing: none. */
  readonly given?: { readonly to: Peer; readonly at: number };
}

/** How long an invoker knows to whom it gave a color, in ms: longer than a reply about homes is used. */
const GIVEN_MS = 3000;
const MAX_COLORS = 100_000;
/** The most states that `idle` looks at in one call. */
const MOST_LOOKS = 1000;

/** The states of colors, by namespace and color. Has no clock: `now` comes in as ms. */
export class ColorStates {
  readonly #maxColors: number;
  /** The least recently used color comes first. */
  readonly #states = new Map<string, ColorState>();
  /** Of ownerships that have ended. The least recently given color comes first. */
  readonly #claims = new Map<string, Claim>();

  /** Where `idle` goes on, and how many states are left of its round: those that come to the end meanwhile are used. */
  #next = this.#states.values();
  #left = 0;

  readonly #onDrop: (owned: Owned) => void;

  /** @param onDrop called before an ownership ends since the table is full. */
  constructor(onDrop: (owned: Owned) => void = () => undefined, maxColors = MAX_COLORS) {
    this.#onDrop = onDrop;
    this.#maxColors = maxColors;
  }

  /** The state; undefined: unknown. */
  get(key: string, now: number): ColorState | undefined {
    const state = this.#states.get(key);
    if (!state) return undefined;
    this.#states.delete(key);
    if (state.kind === 'given' && now >= state.until) return undefined;
    this.#states.set(key, state);
    return state;
  }

  /**
   * @param done settles at the end of the adoption.
   * @param lapsed the ownership before a time without contact; undefined: none.
   */
  adopt(key: string, adopting: Omit<Adopting, 'kind'>): void {
    this.#set(key, { kind: 'adopting', ...adopting });
  }

  /** Ends an adoption. @returns whether the color is owned: another invoker may have asked for it in the meantime. */
  adopted(key: string, done: Promise<Owned>, owned: Owned): boolean {
    if (!this.isAdopting(key, done)) return false;
    this.#claims.delete(key);
    this.#set(key, owned);
    return true;
  }

  /** Ends an adoption that failed. A lapsed ownership stays known: its objects may be out of date. */
  notAdopted(key: string, done: Promise<Owned>): void {
    const state = this.#adopting(key, done);
    if (!state) return;
    if (state.lapsed) this.#set(key, state.lapsed);
    else this.#states.delete(key);
  }

  /**
   * Hands a color over to another invoker.
   * @param self the number of this invoker.
   * @returns the latest ownership; `busy` if this invoker adopts the color itself and has the lower number.
   */
  give(key: string, self: number, to: Peer, now: number): Claim | 'busy' | undefined {
    const state = this.get(key, now);
    if (state?.kind === 'adopting' && self < to.instance) return 'busy';
    if (state) this.#keepClaim(key, state);
    this.#set(key, { kind: 'given', to, until: now + GIVEN_MS });
    const claim = this.#claims.get(key);
    if (claim) this.#claims.set(key, { ...claim, given: { to, at: now } });
    return claim;
  }

  /** All ownerships that have not ended, also those that may have been lost. */
  *owned(): Generator<Owned> {
    for (const state of this.#states.values()) if (state.kind === 'owned') yield state;
  }

  /**
   * Ownerships with replicated objects for which there was no request for a time. They count as looked after then. Each call goes on
   * where the one before has ended.
   * @param careMs the time, in ms.
   * @param most how many.
   */
  idle(now: number, careMs: number, most: number): Owned[] {
    const idle: Owned[] = [];
    if (this.#left === 0) {
      this.#next = this.#states.values();
      this.#left = this.#states.size;
    }
    for (let looks = 0; looks < MOST_LOOKS && idle.length < most && this.#left > 0; looks++) {
      const { value: state, done } = this.#next.next();
      this.#left = done === true ? 0 : this.#left - 1;
      if (done === true) break;
      // The objects of a retired one are a set, if any.
      if (state.kind !== 'owned' || state.retired || !(state.copiedTo ?? state.base)) continue;
      if (now - Math.max(state.servedAt, state.lookedAt) < careMs) continue;
      state.lookedAt = now;
      idle.push(state);
    }
    return idle;
  }

  /** The latest ownership. */
  latest(key: string): Owned | undefined {
    const state = this.#states.get(key);
    const owned = state?.kind === 'adopting' ? state.lapsed : state;
    return owned?.kind === 'owned' ? owned : this.#claims.get(key)?.owned;
  }

  /** The claim of an ownership that has ended. */
  claim(key: string): Claim | undefined {
    return this.#claims.get(key);
  }

  /** Forgets where the color went, and not the claim. */
  forget(key: string): void {
    this.#states.delete(key);
  }

  forgetClaim(key: string): void {
    this.#claims.delete(key);
  }

  #keepClaim(key: string, state: ColorState): void {
    const owned = state.kind === 'owned' ? state : state.kind === 'adopting' ? state.lapsed : undefined;
    if (!owned) return;
    this.#claims.delete(key);
    this.#claims.set(key, { owned });
    const [oldest] = this.#claims.keys();
    if (this.#claims.size > this.#maxColors && oldest !== undefined) this.#claims.delete(oldest);
  }

  /** Whether an adoption is under way, and no other invoker has asked for the color in the meantime. */
  isAdopting(key: string, done: Promise<Owned>): boolean {
    return this.#adopting(key, done) !== undefined;
  }

  #adopting(key: string, done: Promise<Owned>): Adopting | undefined {
    const state = this.#states.get(key);
    return state?.kind === 'adopting' && state.done === done ? state : undefined;
  }

  #set(key: string, state: ColorState): void {
    this.#states.delete(key);
    this.#states.set(key, state);
    if (this.#states.size <= this.#maxColors) return;
    for (const [oldest, state] of this.#states) {
      if (state.kind === 'adopting') continue;
      if (state.kind === 'owned') this.#onDrop(state);
      this.#keepClaim(oldest, state);
      this.#states.delete(oldest);
      return;
    }
  }
}

export const newlyOwned = ({
  namespace,
  color,
  policy,
  epoch,
  lapses,
  validMs,
  runs = new Map(),
  formers = new Map(),
  copies = new Map(),
  mayHold = new Map(),
  base,
}: Pick<Owned, 'namespace' | 'color' | 'policy' | 'epoch' | 'lapses' | 'validMs'> &
  Partial<Pick<Owned, 'runs' | 'formers' | 'copies' | 'mayHold' | 'base'>>): Owned => ({
  kind: 'owned',
  namespace,
  color,
  epoch,
  lapses,
  validMs,
  doubted: false,
  takers: new Set(),
  runs,
  servedAt: -Infinity,
  lookedAt: -Infinity,
  others: [],
  formers,
  copies,
  base,
  copiedTo: undefined,
  begunAt: new Map(),
  mayHold,
  allAsked: false,
  refused: undefined,
  copying: undefined,
  lateCopies: new Set(),
  lateBefore: new Set(),
  copyAgainAt: 0,
  checkAt: 0,
  retired: false,
  hidden: new Set(),
  hiddenMany: false,
  superseded: new Set(),
  stored: undefined,
  storing: undefined,
  policy,
});

/** An epoch that is higher than all known ones. The time makes it higher than those that are not known, too. */
export const nextEpoch = (known: number): number => Math.max(known + 1, Date.now());
