import * as z from 'zod';
import type { Peer } from '../../../shared/objects/Locate.js';
import { homesReplySchema } from '../../../shared/objects/homesReply.js';
import { movedHeader } from '../../../shared/objects/moved.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath } from '../../../shared/objects/objectPath.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { colorKey } from './colorKey.js';
import { baseSets, type SetAt } from './baseSets.js';
import { counted, highestUntold, type ClaimTold, type Counted } from './authority.js';
import { newlyOwned, nextEpoch, type Claim, type CopySet, type Owned } from './ColorStates.js';
import { copySetSchema, type CopySets, type CopySetState, type RaisedEpoch } from './CopySets.js';
import type { Holders } from './Holders.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import type { PulledSet } from './pullSet.js';
import { Silences } from './Silences.js';

/** The limit for an invoker to hand over a color, in ms, and the shortest one after it has been silent. */
const HANDOVER_MS = 6000;
const SILENT_HANDOVER_MS = 500;
/** How often the invokers are asked again because one of them knows a higher epoch. */
const MAX_ROUNDS = 3;
/**
 * The silence of an invoker ends if it is not asked for so long, in ms. The home may have changed meanwhile, and back.
 * `Ownership.beat` asks every second.
 */
const SILENCE_GAP_MS = 3000;

const peersSchema = homesReplySchema.shape.homes;
const runSchema = z.string().max(64);
const handoverSchema = z.object({
  /** The asked invoker adopts the color itself. */
  busy: z.boolean(),
  /** It owns the color with an epoch that is not lower, and has not handed it over. */
  behind: z.boolean(),
  /** The highest epoch of the color that it knew before. */
  epoch: z.number(),
  /** The epochs that it knew before. Missing: its program is an earlier one. */
  raised: z
    .array(z.object({ epoch: z.number(), run: runSchema.optional() }))
    .max(16)
    .optional(),
  /** Its present run, and for how long that has lasted, in ms. */
  run: runSchema.optional(),
  runsForMs: z.number().optional(),
  /** The epoch of its latest ownership; missing: it has had none. */
  ownedEpoch: z.number().optional(),
  /** Whether it was the owner until now for sure. */
  confirmed: z.boolean().optional(),
  /** Whether it has objects of the color. */
  objects: z.boolean(),
  /** Its set of copies. */
  set: copySetSchema.optional(),
  /** The invokers whose objects it counted, the asking one included, and the sets of copies of others. */
  formers: z.array(peersSchema.element).max(64),
  sets: z.array(copySetSchema.extend({ peer: peersSchema.element, lost: z.boolean().optional() })).max(64),
});
/** The reply of an invoker that hands a color over. */
export type Handover = z.infer<typeof handoverSchema>;

/** Another invoker adopts the color. */
export class AdoptedByOther extends Error {
  readonly by: Peer;
  constructor(by: Peer) {
    super(`invoker${by.instance} takes the color over`);
    this.by = by;
  }
}

export interface AdoptedColor {
  readonly namespace: ObjectNamespace;
  readonly color: string;
  readonly self: Peer;
  /** The other invokers that may own the color: those that the controllers reach, and others. */
  readonly up: readonly Peer[];
  readonly away: readonly Peer[];
  /** How long one of them may go on without a reply of a controller, in ms. */
  readonly validMs: number;
  readonly policy: string | undefined;
  /** See `Contact`. */
  readonly lapses: number;
  /** The latest time at which this invoker had its lapsed ownership for sure, in ms. */
  readonly sureAt: number;
  /** Whether this invoker still takes the color over: another one may have got it meanwhile. */
  readonly isCurrent: () => boolean;
  /** The ownership that this invoker has had until it lost the contact, or doubted it; undefined: none. It is retired. */
  readonly lapsed: Owned | undefined;
  /** The latest ownership of this invoker that has ended; undefined: none. */
  readonly claim: Claim | undefined;
}

export interface Adopted {
  readonly owned: Owned;
  /** This invoker's own objects of the color may be out of date: another owner has not counted them. */
  readonly outdated: boolean;
}

export interface AdoptionParts {
  readonly peers: PeerClient;
  readonly sets: CopySets;
  readonly holders: Pick<Holders, 'ask'>;
  /** See `pullSet`. */
  readonly pull: (asked: PulledSet) => Promise<CopySetState | undefined>;
  /** In ms; never decreases. */
  readonly now: () => number;
  /** Of this invoker: see `RaisedEpoch`. */
  readonly run: string;
}

/** Takes colors over from the invokers that may own them. */
export class Adoption {
  readonly #parts: AdoptionParts;
  readonly #silences = new Silences(SILENCE_GAP_MS);

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
  }

  /** Another invoker is the home of the color. @param key see `colorKey`. */
  endSilences(key: string): void {
    this.#silences.endAll(key);
  }

  /**
   * Asks all candidates to hand the color over, and fetches its replicated objects. The set of copies with them is complete in this
   * invoker then, unless the color has none.
   * @throws AdoptedByOther, ObjectError 503
   */
  async run(asked: AdoptedColor): Promise<Adopted> {
    const { sets, run } = this.#parts;
    const { namespace, color, self, up, away, policy, lapses, lapsed, validMs } = asked;
    const key = colorKey(namespace, color);
    const parts = new Gathered(self.instance, run, sets.raised(key));
    let known = Math.max(sets.epoch(key), lapsed?.epoch ?? 0);
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const epoch = nextEpoch(known);
      // If this invoker restarts, it does not know this epoch any more, and others do.
      sets.raise(key, epoch, run);
      parts.tries(epoch);
      const candidates = [...up, ...away];
      const replies = await Promise.all(candidates.map((peer) => this.#ask(peer, asked, epoch)));
      const taken = replies.flatMap((reply) => (typeof reply === 'object' ? [reply] : []));
      parts.add(taken);
      const highest = Math.max(0, ...taken.map(({ reply }) => reply.epoch));
      if (highest >= epoch) {
        known = highest;
        continue;
      }
      const latest = { owned: lapsed ?? asked.claim?.owned, taken: mayBeTaken(asked, taken), set: sets.get(key) };
      const { formers, countsSelf, copies } = parts.known(lapsed, latest);
      const base = await this.#fetch(asked, epoch, copies, parts.untold);
      const owned = newlyOwned({
        namespace,
        color,
        policy,
        epoch,
        lapses,
        validMs,
        runs: runsOf(taken),
        formers,
        copies,
        mayHold: mayHold(lapsed, candidates, replies),
        base,
      });
      return { owned, outdated: !countsSelf };
    }
    throw new ObjectError(503, 'other invokers take the color over at the same time', { retryAfterS: 1 });
  }

  /**
   * Fetches the set of copies that counts.
   * @param copies the sets of other invokers. Those that are lost are marked.
   * @param untold see `Gathered.untold`.
   * @returns the set, which is in this invoker; undefined: there is none.
   * @throws ObjectError 503
   */
  async #fetch(
    { namespace, color, policy, isCurrent }: AdoptedColor,
    epoch: number,
    copies: Map<number, CopySet>,
    untold: number,
  ): Promise<CopySetState | undefined> {
    const { sets, holders, pull } = this.#parts;
    const key = colorKey(namespace, color);
    const own = sets.get(key);
    const known: SetAt[] = [...copies.values(), ...(own ? [{ ...own, peer: undefined }] : [])];
    const bases = baseSets(known);
    // Until one of them is here, this one must stay: the newest one that says so may be lost, and the others do not know it.
    const counting = bases.some(({ peer }) => !peer) ? own : undefined;
    let unheard: ObjectError | undefined;
    for (const [index, { peer: from, ...set }] of bases.entries()) {
      const asked = { namespace, color, policy, set, own: counting, epoch, isCurrent };
      // The owner that made this set has kept another set that is as good. But a later owner may have begun with this set. Then only this set
      // has for sure what callers of that owner have read.
      const isReplaced = bases.slice(index + 1).some(({ until = 0 }) => until >= Math.max(set.epoch, untold));
      const pulled =
        from &&
        (await holders
          .ask(from, () => pull({ ...asked, from }))
          .catch((error: unknown) => {
            if (isReplaced && isUnheard(error)) return error;
            throw error;
          }));
      if (pulled instanceof ObjectError) {
        unheard ??= pulled;
        continue;
      }
      if (!from || pulled) {
        // It may have been removed here meanwhile, for others.
        const here = sets.get(key);
        if (here?.epoch === set.epoch && here.complete) return here;
        throw new ObjectError(503, 'The copies of the color move.', { retryAfterS: 1 });
      }
      copies.set(from.instance, { ...set, peer: from, lost: true });
    }
    // The sets that were as good are lost: this one is waited for.
    if (unheard) throw unheard;
    return undefined;
  }

  async #ask(
    peer: Peer,
    { namespace, color, self, up, validMs }: AdoptedColor,
    epoch: number,
  ): Promise<Reply | 'dead' | 'silent'> {
    const query = new URLSearchParams({ to: movedHeader(self), epoch: String(epoch), run: this.#parts.run });
    const path = `${objectPath(color)}?${query.toString()}`;
    const key = colorKey(namespace, color);
    const askedAt = this.#parts.now();
    const isUp = up.includes(peer);
    const since = isUp ? undefined : this.#silences.since(key, peer.instance, askedAt);
    const restMs = since === undefined ? HANDOVER_MS : Math.max(SILENT_HANDOVER_MS, since + validMs - askedAt);
    const timeoutMs = Math.min(HANDOVER_MS, validMs, restMs);
    try {
      const answer = await this.#parts.peers.ask(peer, {
        operation: 'handover',
        method: 'POST',
        path,
        namespace,
        timeoutMs,
      });
      this.#silences.end(key, peer.instance);
      const reply = handoverSchema.parse(answer);
      if (reply.busy) throw new AdoptedByOther(peer);
      return { peer, reply, startedAt: this.#parts.now() - (reply.runsForMs ?? 0) };
    } catch (error) {
      if (!(error instanceof PeerError)) {
        // It has answered.
        this.#silences.end(key, peer.instance);
        throw error;
      }
      this.#excuse(key, peer, error, askedAt, isUp ? Infinity : validMs);
      return error.fault === 'dead' ? 'dead' : 'silent';
    }
  }

  /**
   * An invoker that is dead has nothing to hand over. One that does not answer may still own the color until it has
   * got no reply of a controller for `validMs`; one that the controllers reach has got replies. @throws ObjectError
   */
  #excuse(key: string, { instance }: Peer, { fault }: PeerError, askedAt: number, validMs: number): void {
    if (fault === 'dead') return;
    const now = this.#parts.now();
    if (now - this.#silences.note(key, instance, askedAt, now) >= validMs) return;
    throw new ObjectError(503, `invoker${instance}, which may have its objects, does not answer`, { retryAfterS: 1 });
  }
}

/** Whether an invoker did not answer. */
const isUnheard = (error: unknown): error is ObjectError =>
  error instanceof ObjectError && error.cause instanceof PeerError;

interface Reply {
  readonly peer: Peer;
  readonly reply: Handover;
  /** The latest time at which its present run may have begun, by the clock of this invoker, in ms. */
  readonly startedAt: number;
}

/** The invokers that may have sets, and were not heard of: see `Owned.mayHold`. */
function mayHold(
  lapsed: Owned | undefined,
  candidates: readonly Peer[],
  replies: readonly (Reply | 'dead' | 'silent')[],
): Map<number, Peer> {
  const unheard = new Map(lapsed?.mayHold);
  for (const [index, peer] of candidates.entries()) {
    if (replies[index] === 'silent') unheard.set(peer.instance, peer);
    else unheard.delete(peer.instance);
  }
  return unheard;
}

const runsOf = (replies: readonly Reply[]): ReadonlyMap<number, string> =>
  new Map(replies.flatMap(({ peer, reply: { run } }) => (run === undefined ? [] : [[peer.instance, run] as const])));

/**
 * Whether an invoker may have taken the lapsed ownership over that cannot tell: it does not reply, or it has started again
 * since. After a time without contact it may be any of them, and otherwise those that a controller has named the home since,
 * while it did not reach this one.
 */
function mayBeTaken({ lapsed, lapses, sureAt, up, away }: AdoptedColor, replies: readonly Reply[]): boolean {
  if (!lapsed) return false;
  // The run of a late reply may have begun earlier than it seems. So the run that handed the color over to it counts, too.
  const isSame = ({ peer, reply: { run } }: Reply): boolean =>
    run !== undefined && lapsed.runs.get(peer.instance) === run;
  const canTell = (one: Reply): boolean => one.startedAt <= sureAt || isSame(one);
  const known = new Set(replies.filter(canTell).map(({ peer }) => peer.instance));
  const doubted = [...up, ...away].filter(({ instance }) => !known.has(instance));
  return lapsed.lapses !== lapses ? doubted.length > 0 : doubted.some(({ instance }) => lapsed.takers.has(instance));
}

/** What the new owner itself knows. */
interface OfNewOwner {
  /** Its latest ownership. */
  readonly owned: Owned | undefined;
  /** Whether an invoker that cannot tell may have taken that over. */
  readonly taken: boolean;
  /** The set of copies that it keeps. */
  readonly set: CopySetState | undefined;
}

/** What the new owner knows of others. */
interface Known {
  readonly formers: Map<number, Peer>;
  readonly copies: Map<number, CopySet>;
  /** Whether the objects of the new owner itself count. */
  readonly countsSelf: boolean;
}

/** What the invokers have told in all rounds. */
class Gathered {
  readonly #self: number;
  readonly #run: string;
  readonly #formers = new Map<number, Peer>();
  readonly #told = new Map<number, CopySet>();
  readonly #own = new Map<number, CopySet | undefined>();
  readonly #ownEpochs = new Map<string, number>();
  readonly #raised: RaisedEpoch[];
  readonly #claims: ClaimTold[] = [];
  /** An invoker of an earlier program makes no claims. */
  #claimless = false;

  /** @param raised the epochs that this invoker has heard of. */
  constructor(self: number, run: string, raised: readonly RaisedEpoch[]) {
    this.#self = self;
    this.#run = run;
    this.#raised = [...raised];
    for (const one of raised) if (one.run === run) this.tries(one.epoch);
  }

  /** This invoker tries to take the color over with this epoch. */
  tries(epoch: number): void {
    this.#tells(this.#run, epoch);
  }

  #tells(run: string, epoch: number): void {
    this.#ownEpochs.set(run, Math.max(this.#ownEpochs.get(run) ?? 0, epoch));
  }

  add(replies: readonly Reply[]): void {
    for (const { peer, reply } of replies) {
      if (reply.behind) continue;
      const { raised, ownedEpoch, confirmed = false, objects, formers } = reply;
      if (!raised) this.#claimless = true;
      for (const { epoch, run } of raised ?? []) if (run !== undefined && run === reply.run) this.#tells(run, epoch);
      if (ownedEpoch !== undefined && reply.run !== undefined) this.#tells(reply.run, ownedEpoch);
      this.#raised.push(...(raised ?? []));
      if (ownedEpoch !== undefined) this.#claims.push({ peer, epoch: ownedEpoch, confirmed, objects, formers });
      for (const former of reply.formers) this.#former(former);
      if (reply.objects) this.#former(peer);
      for (const { lost, ...set } of reply.sets) {
        const { instance } = set.peer;
        const told = { ...set, ...(lost === true ? { lost } : {}) };
        if (set.epoch > (this.#told.get(instance)?.epoch ?? 0)) this.#told.set(instance, told);
      }
      this.#own.set(peer.instance, reply.set && { peer, ...reply.set });
    }
  }

  /** The highest epoch of an invoker that may have become the owner with it, and has not answered, or has started again. */
  get untold(): number {
    return this.#claimless ? Infinity : highestUntold({ raised: this.#raised, own: this.#ownEpochs });
  }

  /** @param lapsed see `AdoptedColor`. */
  known(lapsed: Owned | undefined, { owned, taken, set: ownSet }: OfNewOwner): Known {
    const told = this.#counted(owned, taken);
    const counting = told.formers === 'all' ? [...this.#formers.values()] : told.formers;
    const copies = new Map(lapsed?.copies);
    if (lapsed?.copiedTo) copies.set(lapsed.copiedTo.peer.instance, lapsed.copiedTo);
    for (const [instance, set] of this.#told) {
      if (set.epoch >= (copies.get(instance)?.epoch ?? 0)) copies.set(instance, set);
    }
    // An invoker knows its own set best. If it does not know a set that others know, it has started again: the set is lost.
    const isLost = (instance: number, set: CopySetState | undefined): boolean => {
      const told = copies.get(instance);
      if (!told || told.epoch <= (set?.epoch ?? 0)) return false;
      copies.set(instance, { ...told, lost: true });
      return true;
    };
    for (const [instance, set] of this.#own) {
      if (isLost(instance, set)) continue;
      if (set) copies.set(instance, set);
      else copies.delete(instance);
    }
    if (!isLost(this.#self, ownSet)) copies.delete(this.#self);
    // The first one of equal sets is fetched: an invoker that has just answered need not be waited for.
    const answered = (instance: number): number => Number(this.#own.has(instance));
    const ordered = new Map([...copies].toSorted(([a], [b]) => answered(b) - answered(a)));
    const formers = new Map(counting.map((former) => [former.instance, former]));
    return { formers, copies: ordered, countsSelf: told.self };
  }

  #counted(own: Owned | undefined, taken: boolean): Counted {
    if (this.#claimless) return { formers: 'all', self: !taken };
    const ownClaim: ClaimTold[] =
      own && !taken
        ? [{ peer: undefined, epoch: own.epoch, confirmed: false, objects: true, formers: [...own.formers.values()] }]
        : [];
    // Its claim may be out of date, and so its objects are.
    const raised = own && taken ? [...this.#raised, { epoch: own.epoch }] : this.#raised;
    return counted({ self: this.#self, claims: [...this.#claims, ...ownClaim], raised, own: this.#ownEpochs });
  }

  #former(peer: Peer): void {
    if (peer.instance !== this.#self) this.#formers.set(peer.instance, peer);
  }
}
