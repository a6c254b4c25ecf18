import type { HomesReply } from '../../../shared/objects/homesReply.js';
import type { Location, Peer } from '../../../shared/objects/Locate.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { within } from '../../../shared/process/within.js';
import { AdoptedByOther, type Adopted, type Adoption } from './Adoption.js';
import { colorKey } from './colorKey.js';
import { ColorStates, type Claim, type ColorState, type Owned } from './ColorStates.js';
import { Contact } from './Contact.js';
import { originalOf } from './copies.js';
import { HomesCache, type AskHomes, type KnownHomes } from './HomesCache.js';
import { placeOf } from './place.js';

export interface OwnershipParts {
  /** The number of this invoker. */
  readonly instance: number;
  readonly memory: ObjectMemory;
  readonly adoption: Pick<Adoption, 'run' | 'endSilences'>;
  readonly askHomes: AskHomes;
  /** In ms; never decreases. */
  readonly now: () => number;
  /** How long a request waits for an adoption, in ms. Missing: `LOCATE_MS`. */
  readonly locateMs?: number;
  /** Called when an ownership may have been lost, before this invoker takes the color over again, and when one is forgotten. */
  readonly onEnd: (owned: Owned) => void;
  /** Called when this invoker becomes the owner. */
  readonly onAdopted: (adopted: Adopted) => void;
  /** Called when this invoker serves a color. @param next the color's next home. */
  readonly onServe: (owned: Owned, next: Peer | undefined) => void;
  /**
   * Called after a time without contact: this invoker may have lost its colors.
   * @param silentMs the age of the last reply; infinite: this is the first contact.
   */
  readonly onLapse: (silentMs: number) => void;
}

/** A color as a controller is asked for it. */
export interface Asked {
  readonly namespace: ObjectNamespace;
  readonly color: string;
  readonly policy: string | undefined;
}

/** The age of the latest reply of a controller at which `beat` asks for another one, in ms. */
const BEAT_MS = 1000;
/**
 * How long an adoption that is not complete is tried again without a request, in ms, and for how many colors.
 */
const RETRY_MS = 30_000;
/** How long an invoker that has got a color is asked for it before it is taken back, in ms: longer than controllers differ. */
const TAKER_MS = 30_000;
const MAX_RETRIES = 1000;
/** The limit for a request to wait for an adoption, in ms. The adoption itself goes on. */
const LOCATE_MS = 8000;
const MOVING = 'its replicated objects are on their way to the home';

/** Which colors this invoker owns, and where the others are: see `ColorStates.ts` for the states. */
export class Ownership {
  readonly #parts: OwnershipParts;
  readonly #homes: HomesCache;
  readonly #contact = new Contact();
  readonly #states: ColorStates;
  #adopted = 0;
  /** The color that was owned last, for `beat`. */
  #latest: Asked | undefined;
  /** Colors whose adoption is not complete, and until when `beat` looks after them. The earliest one comes first. */
  readonly #retries = new Map<string, { readonly asked: Asked; readonly until: number }>();

  constructor(parts: OwnershipParts) {
    this.#parts = parts;
    this.#states = new ColorStates(parts.onEnd);
    this.#homes = new HomesCache((...asked) => this.#ask(...asked), parts.now);
  }

  /** The number of colors that it has taken over. */
  get adopted(): number {
    return this.#adopted;
  }

  /** The ownership of a color, unless it may have been lost in silence. */
  owned(namespace: ObjectNamespace, color: string): Owned | undefined {
    const state = this.state(colorKey(namespace, color));
    return state?.kind === 'owned' && !state.doubted && this.held(state) ? state : undefined;
  }

  /** Whether an ownership was not lost in silence. */
  held({ lapses }: Pick<Owned, 'lapses'>): boolean {
    return this.#contact.heldSince(lapses, this.#parts.now());
  }

  /** Whether a controller has replied in time. */
  get inContact(): boolean {
    return this.#contact.heldSince(this.#contact.lapses, this.#parts.now());
  }

  /** @param key see `colorKey`. */
  state(key: string): ColorState | undefined {
    return this.#states.get(key, this.#parts.now());
  }

  /** See `ColorStates.give`. */
  give(key: string, to: Peer): Claim | 'busy' | undefined {
    return this.#states.give(key, this.#parts.instance, to, this.#parts.now());
  }

  forget(key: string): void {
    this.#states.forget(key);
  }

  /** See `ColorStates.idle`. */
  idle(careMs: number, most: number): Owned[] {
    return this.#states.idle(this.#parts.now(), careMs, most);
  }

  /** The latest ownership of a color, which may have ended. @param key see `colorKey`. */
  latest(key: string): Owned | undefined {
    return this.#states.latest(key);
  }

  forgetClaim(key: string): void {
    this.#states.forgetClaim(key);
  }

  /** Where a color is. Takes it over if this invoker is its home. */
  locate(asked: Asked): Location | Promise<Location> {
    const known = this.#homes.get(asked.namespace.name, asked.color, asked.policy);
    return known instanceof Promise ? known.then((found) => this.#place(asked, found)) : this.#place(asked, known);
  }

  /** Like `locate`, with the homes as a controller names them now. */
  async locateAnew(asked: Asked): Promise<Location> {
    return this.#place(asked, await this.homes(asked));
  }

  /** The homes of a color as a controller names them now. */
  homes({ namespace, color, policy }: Asked): Promise<KnownHomes> {
    return this.#homes.fresh(namespace.name, color, policy);
  }

  /**
   * Keeps the contact with the controllers while this invoker owns colors. To be called every second: a time without
   * contact must not go unnoticed because nobody asked for an object. Tries failed adoptions again, too: the silence of
   * an invoker counts only while it is asked (`Silences.ts`).
   */
  beat(): void {
    for (const [key, { asked, until }] of this.#retries) {
      if (this.#parts.now() > until) this.#retries.delete(key);
      else void this.locateAnew(asked);
    }
    if (!this.#latest || this.#contact.age(this.#parts.now()) < BEAT_MS) return;
    void this.homes(this.#latest);
  }

  async #ask(...asked: Parameters<AskHomes>): Promise<HomesReply> {
    const askedAt = this.#parts.now();
    const reply = await this.#parts.askHomes(...asked);
    const now = this.#parts.now();
    const silentMs = this.#contact.age(now);
    if (this.#contact.note(askedAt, reply.validMs, now)) this.#lapse(silentMs);
    return reply;
  }

  /**
   * After a time without contact: the colors that this invoker owned are taken over again at their next requests. Objects
   * of other colors, which their owners have not taken yet, may be out of date.
   */
  #lapse(silentMs: number): void {
    const { memory, onLapse, onEnd } = this.#parts;
    // Their replicated objects must not stay for ever if nobody asks for them.
    for (const owned of this.#states.owned()) if (!this.held(owned)) onEnd(owned);
    for (const { namespace, color } of memory.colors()) {
      const isCopy = originalOf(namespace).uuid !== namespace.uuid;
      const key = colorKey(namespace, color);
      const state = this.state(key);
      if (isCopy || (state && state.kind !== 'given')) continue;
      // A handover may still wait for its changes: its replicated objects must be a set of copies before the others are removed.
      const ended = this.#states.latest(key);
      if (ended) onEnd(ended);
      memory.clear(namespace, color);
    }
    onLapse(silentMs);
  }

  #place(asked: Asked, known: KnownHomes): Location | Promise<Location> {
    const { instance, onServe } = this.#parts;
    const { namespace, color } = asked;
    const state = this.state(colorKey(namespace, color));
    const place = placeOf(instance, state, known);
    if (place.kind === 'elsewhere') this.#isElsewhere(colorKey(namespace, color), state, place.homes);
    if (place.kind !== 'home') return place;
    this.#latest = asked;
    const { self, others } = place;
    const owned = this.owned(namespace, color);
    if (owned) {
      this.#serves(owned, others);
      onServe(owned, others[0]);
      return { kind: 'here', others };
    }
    const lapsed = state?.kind === 'owned' ? state : undefined;
    const done = state?.kind === 'adopting' ? state.done : this.#adopt(asked, self, others, place.reply, lapsed);
    const located = done.then(
      () => this.#settled(asked, others),
      (error: unknown): Location => {
        if (error instanceof AdoptedByOther) return { kind: 'elsewhere', homes: [error.by] };
        return { kind: 'unknown', reason: error instanceof Error ? error.message : String(error) };
      },
    );
    return within(located, this.#parts.locateMs ?? LOCATE_MS, () => ({ kind: 'unknown', reason: MOVING }));
  }

  #isElsewhere(key: string, state: ColorState | undefined, homes: readonly Peer[]): void {
    const owned = state?.kind === 'adopting' ? state.lapsed : state;
    const [home] = homes;
    if (owned?.kind === 'owned' && home) {
      owned.doubted = true;
      if (!homes.some(({ instance }) => instance === this.#parts.instance)) owned.takers.add(home.instance);
    }
    this.#retries.delete(key);
    this.#parts.adoption.endSilences(key);
  }

  /** The location after an adoption: another invoker may have got the color already. */
  #settled(asked: Asked, others: readonly Peer[]): Location {
    const { namespace, color } = asked;
    const state = this.state(colorKey(namespace, color));
    if (state?.kind === 'given') return { kind: 'elsewhere', homes: [state.to] };
    const owned = this.owned(namespace, color);
    if (!owned) return { kind: 'unknown', reason: 'the home is changing' };
    this.#serves(owned, others);
    this.#parts.onServe(owned, others[0]);
    return { kind: 'here', others };
  }

  #serves(owned: Owned, others: readonly Peer[]): void {
    owned.servedAt = this.#parts.now();
    owned.others = others;
  }

  /** Takes a color over from all invokers that may own it. */
  #adopt(
    asked: Asked,
    self: Peer,
    others: readonly Peer[],
    { away, validMs }: HomesReply,
    lapsed: Owned | undefined,
  ): Promise<Owned> {
    const { adoption, onEnd, onAdopted } = this.#parts;
    const { namespace, color, policy } = asked;
    const key = colorKey(namespace, color);
    const isOther = ({ instance }: Peer): boolean => instance !== self.instance;
    const { lapses } = this.#contact;
    // The reply that it was served by last may have been so old.
    const servedAt = lapsed ? lapsed.servedAt - lapsed.validMs : -Infinity;
    const sureAt = lapsed && lapsed.lapses !== lapses ? this.#contact.sureAt(lapsed.lapses) : servedAt;
    const claim = this.#states.claim(key);
    for (const ended of [lapsed, claim?.owned]) if (ended) onEnd(ended);
    const isKnown = ({ instance }: Peer): boolean =>
      [self, ...others, ...away].some((one) => one.instance === instance);
    // The controller that has named this invoker may not know the invoker that has just got the color.
    const taker =
      claim?.given && this.#parts.now() - claim.given.at < TAKER_MS && !isKnown(claim.given.to) ? [claim.given.to] : [];
    let adopted: Adopted | undefined;
    const done: Promise<Owned> = adoption
      .run({
        namespace,
        color,
        self,
        up: others.filter(isOther),
        away: [...away.filter(isOther), ...taker],
        validMs,
        policy,
        lapses,
        sureAt,
        lapsed,
        claim,
        isCurrent: () => this.#states.isAdopting(key, done),
      })
      .then((outcome) => {
        adopted = outcome;
        return outcome.owned;
      });
    this.#states.adopt(key, { done, lapsed });
    this.#lookAfter(key, asked);
    const own = (owned: Owned): void => {
      this.#retries.delete(key);
      // Another invoker may have got the color meanwhile, and given it back.
      if (!adopted || !this.#states.adopted(key, done, owned)) return;
      this.#adopted++;
      onAdopted(adopted);
      if (!this.held(owned)) onEnd(owned);
    };
    done.then(own, (error: unknown) => {
      this.#states.notAdopted(key, done);
      if (error instanceof AdoptedByOther) this.#retries.delete(key);
    });
    return done;
  }

  #lookAfter(key: string, asked: Asked): void {
    const now = this.#parts.now();
    // The earlier ones stay: otherwise no silence would last long enough while there are requests for ever more colors.
    if (this.#retries.has(key) || this.#retries.size >= MAX_RETRIES) return;
    this.#retries.set(key, { asked, until: now + RETRY_MS });
  }
}
