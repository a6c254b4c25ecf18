import { randomUUID } from 'node:crypto';
import type { Location, Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList, Persistence } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { isWait, OpenWaits } from '../../../shared/objects/OpenWaits.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { ReadCopies } from '../memory/ReadCopies.js';
import type { Elsewhere, ForwardedCall } from '../server/Elsewhere.js';
import { afterWait, NOT_SEARCHED, type Prepared } from '../server/searches.js';
import { Adoption, type Adopted, type Handover } from './Adoption.js';
import { BackgroundCopies } from './BackgroundCopies.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import { CopiesOfReader } from './CopiesOfReader.js';
import { CountedStore } from './CountedStore.js';
import { originalOf } from './copies.js';
import { CopyRequests } from './CopyRequests.js';
import { CopySets, type RaisedEpoch } from './CopySets.js';
import { Departure } from './Departure.js';
import { forward } from './forward.js';
import { Holders } from './Holders.js';
import { Leaving } from './Leaving.js';
import { allLateCopies, forgetLateCopies } from './lateCopies.js';
import { listColor, type ListColorParts } from './listColor.js';
import { formerOwner } from './lostColor.js';
import { Ownership, type Asked } from './Ownership.js';
import { PeerClient } from './PeerClient.js';
import { needsSet } from './place.js';
import { pullSet } from './pullSet.js';
import { Recovery } from './Recovery.js';
import { Replication } from './Replication.js';
import { NO_SECOND, NO_STORE, Safety } from './Safety.js';
import { SetCare } from './SetCare.js';
import { setOfOwner } from './setOfOwner.js';
import { StoredKeyLists } from './StoredKeyLists.js';
import type { SharingCounts, SharingParts } from './sharingParts.js';

/** The limit for changes under way to end before a handover, in ms. */
const QUIET_MS = 4000;
/** For the log. */
export const NO_CONTACT = 'no controller answered in time: objects of memory may be lost';

/**
 * The objects of a color on several invokers: who owns the color, where its objects are, and how safe they are. See
 * `ColorStates.ts` for the states, and docs/objects.md for the resulting consistency.
 */
export class Sharing implements Elsewhere {
  readonly #parts: SharingParts;
  /** See `RaisedEpoch`. */
  readonly #run: string;
  readonly #startedAt: number;
  readonly #store: CountedStore | undefined;
  readonly #ownership: Ownership;
  readonly #sets: CopySets;
  readonly #peers: PeerClient;
  readonly #listParts: ListColorParts;
  readonly #recovery: Recovery;
  readonly #replication: Replication;
  readonly #safety: Safety;
  readonly #departure: Departure;
  readonly #care: SetCare;
  readonly #leaving = new Leaving();
  readonly #copies: CopiesOfReader;
  readonly #waits = new OpenWaits();
  readonly #background: BackgroundCopies;
  readonly #counts = { forwarded: 0, given: 0, fetched: 0 };

  constructor(parts: SharingParts) {
    this.#parts = parts;
    this.#run = `${parts.instance}-${randomUUID()}`;
    this.#startedAt = parts.now();
    const { memory, now, instance, onWarning } = parts;
    const store = parts.store && new CountedStore(parts.store);
    this.#store = store;
    this.#peers = new PeerClient(parts.secret, `invoker${instance}`, parts.peerTls);
    this.#sets = new CopySets(memory);
    this.#copies = new CopiesOfReader(memory, parts.copies ?? new ReadCopies());
    const requests = new CopyRequests(this.#peers, now);
    const owned = (namespace: ObjectNamespace, color: string): Owned | undefined =>
      this.#ownership.owned(namespace, color);
    const storedKeys = new StoredKeyLists();
    const holders = new Holders(this.#peers, now, onWarning);
    const onFetched = (objects: number): void => void (this.#counts.fetched += objects);
    const common = { instance, memory, store, storedKeys, now, owned, peers: this.#peers, sets: this.#sets, requests };
    this.#ownership = new Ownership({
      instance,
      memory,
      adoption: new Adoption({
        ...common,
        holders,
        run: this.#run,
        pull: (asked) => pullSet({ ...common, run: this.#run, onFetched }, asked),
      }),
      askHomes: parts.askHomes,
      now,
      onEnd: (owned) => this.#retire(owned, false),
      onAdopted: (adopted) => this.#take(adopted),
      onServe: (...served) => this.#background.tend(...served),
      onLapse: (silentMs) => {
        this.#leaving.leaveAll();
        if (silentMs < Infinity) onWarning(NO_CONTACT, `no reply for ${Math.round(silentMs)} ms`);
      },
    });
    this.#recovery = new Recovery(common);
    this.#replication = new Replication({
      ...common,
      holders,
      askInvokers: parts.askInvokers,
      changing: {
        changingKeys: (color) => this.#safety.changingKeys(color),
        toCopy: (...object) => this.#safety.toCopy(...object),
      },
    });
    this.#background = new BackgroundCopies({
      ...common,
      replication: this.#replication,
      isOwned: (ownership) => owned(ownership.namespace, ownership.color) === ownership,
      onWarning,
    });
    this.#safety = new Safety({
      ...common,
      replication: this.#replication,
      recovery: this.#recovery,
      held: (ownership) => this.#ownership.held(ownership),
    });
    this.#care = new SetCare({
      ...common,
      careMs: parts.careMs,
      locate: (asked) => this.#ownership.locateAnew(asked),
      idle: (...care) => this.#ownership.idle(...care),
    });
    this.#listParts = { ...common, recovery: this.#recovery, safety: this.#safety };
    this.#departure = new Departure({
      ...common,
      latest: (namespace, color) => this.#ownership.latest(colorKey(namespace, color)),
      replication: this.#replication,
      recovery: this.#recovery,
      freshHomes: (namespace, color, policy) => this.#ownership.homes({ namespace, color, policy }),
      freshLocation: (namespace, color, policy) => this.#ownership.locateAnew({ namespace, color, policy }),
      ready: (...object) => this.#ready(...object),
      onWarning,
    });
  }

  get counts(): SharingCounts {
    const { moved, loaded } = this.#recovery;
    const { validated } = this.#copies;
    const storeBytes = this.#store?.bytes ?? 0;
    const { adopted } = this.#ownership;
    const { forwarded, given, fetched } = this.#counts;
    return {
      forwarded,
      given,
      adopted,
      moved: moved + fetched,
      loaded,
      validated,
      peerBytes: this.#peers.bytes,
      storeBytes,
    };
  }

  locate(namespace: ObjectNamespace, color: string, policy: string | undefined): Location | Promise<Location> {
    return this.#ownership.locate({ namespace, color, policy });
  }

  /** Like `locate`, for a request of another invoker: it may know of a change of the home earlier than this one. */
  async locateForPeer(namespace: ObjectNamespace, color: string, policy: string | undefined): Promise<Location> {
    const found = await this.locate(namespace, color, policy);
    if (found.kind === 'here') return found;
    return this.#ownership.locateAnew({ namespace, color, policy });
  }

  owns(namespace: ObjectNamespace, color: string): boolean {
    return this.#ownership.owned(namespace, color) !== undefined;
  }

  /** See `Ownership.beat`, `Recovery.tend`, `StaleSets.tend` and `SetCare.tend`. */
  beat(): void {
    this.#ownership.beat();
    void this.#recovery.tend();
    void this.#replication.tend();
    void this.#care.tend();
  }

  async forward(call: ForwardedCall): Promise<void> {
    const end = isWait(call.path) ? this.#waits.begin(call.namespace.uuid) : undefined;
    this.#counts.forwarded++;
    try {
      await forward(this.#peers, call, this.#copies);
    } catch (error) {
      // The home may have changed.
      const { namespace, color, policy } = call;
      void this.#ownership.homes({ namespace, color, policy });
      throw error;
    } finally {
      end?.();
    }
  }

  admit(namespace: ObjectNamespace, address: ObjectAddress, persistence: Persistence | undefined): void {
    const { memory, now } = this.#parts;
    // What an object leaves must change, too: a copy of it would come back.
    const needed = [persistence, memory.peek(namespace, address, now())?.persistence];
    if (needed.includes('stored') && !this.#store) throw new ObjectError(503, NO_STORE);
    if (needed.includes('replicated') && this.#ownership.owned(namespace, address.color)?.others.length === 0) {
      throw new ObjectError(503, NO_SECOND, { retryAfterS: 5 });
    }
  }

  prepare(namespace: ObjectNamespace, address: ObjectAddress, mayRecover: boolean): Promise<Prepared> | undefined {
    const busy = this.#safety.busy(namespace, address);
    const isThere = (): boolean => !!this.#parts.memory.peek(namespace, address, this.#parts.now());
    if (!busy && (!mayRecover || isThere())) return undefined;
    const owned = this.#ownership.owned(namespace, address.color);
    // That an earlier ownership found nothing says nothing.
    const still = (prepared: Prepared): Prepared =>
      prepared === 'missing' && this.#ownership.owned(namespace, address.color) !== owned ? 'over' : prepared;
    if (busy) return busy.then(still);
    if (!owned || !this.#recovery.isPossible(address, owned)) return undefined;
    const search = (): Promise<Prepared> => this.#recovery.recover(namespace, address, owned);
    return this.#safety.alone(namespace, address, search).then(still);
  }

  settle(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    object: StoredObject | undefined,
    before: StoredObject | undefined,
  ): Promise<void> | undefined {
    return this.#safety.settle({ namespace, address, object, before });
  }

  /** Calls `leave` once if this invoker gives the color away or may have lost it. @returns a function that ends this. */
  onLeave(namespace: ObjectNamespace, color: string, leave: () => void): () => void {
    return this.#leaving.add(colorKey(namespace, color), leave);
  }

  /** See `listColor`. */
  list(namespace: ObjectNamespace, asked: ListRequest): Promise<ObjectList> {
    return listColor(this.#listParts, namespace, asked);
  }

  /**
   * Hands a color over to another invoker: see `ColorStates.ts`. Resolves when no change of its objects is under way.
   * @param by the epoch of the other invoker's ownership, and its run.
   * @throws ObjectError 503 if that takes too long
   */
  async handOver(namespace: ObjectNamespace, color: string, to: Peer, { epoch, run }: RaisedEpoch): Promise<Handover> {
    const { memory, now } = this.#parts;
    const key = colorKey(namespace, color);
    const raised = this.#sets.raised(key);
    const known = { epoch: this.#sets.epoch(key), raised, run: this.#run, runsForMs: now() - this.#startedAt };
    const nothing = { busy: false, behind: false, ...known, objects: false, formers: [], sets: [] };
    const current = this.#ownership.owned(namespace, color);
    if (current && current.epoch >= epoch) return { ...nothing, behind: true, epoch: current.epoch };
    const claim = this.#ownership.give(key, to);
    if (claim === 'busy') return { ...nothing, busy: true };
    const before = claim?.owned;
    if (current) this.#counts.given++;
    this.#sets.raise(key, epoch, run);
    this.#leaving.leave(key);
    await this.#safety.quiet(key, QUIET_MS);
    // It may have been lost in silence while its changes were waited for.
    const isConfirmed = current !== undefined && this.#ownership.held(current);
    if (before) this.#retire(before, isConfirmed);
    // Another invoker may have owned it since.
    const held = before !== undefined && this.#ownership.held(before);
    if (before ? !held : !this.#ownership.inContact) memory.clear(namespace, color);
    const sets = before ? [...before.copies.values(), ...(before.copiedTo ? [before.copiedTo] : [])] : [];
    const set = this.#sets.get(key);
    return {
      ...nothing,
      epoch: Math.max(nothing.epoch, before?.epoch ?? 0),
      objects: !memory.isEmpty(namespace, color),
      ...(set ? { set } : {}),
      ...(before ? { ownedEpoch: before.epoch, confirmed: isConfirmed } : {}),
      formers: [...(before?.formers.values() ?? [])],
      sets,
    };
  }

  /**
   * Checks that another invoker may take an object. One that was not taken while this invoker had no contact may be out
   * of date: the other one did not wait for it. @throws ObjectError 421
   */
  release(namespace: ObjectNamespace, { color }: ObjectAddress): void {
    this.requireNotOwned(namespace, color);
    if (this.#ownership.inContact || originalOf(namespace).uuid !== namespace.uuid) return;
    // It may have been the owner until it lost the contact.
    const latest = this.#ownership.latest(colorKey(namespace, color));
    if (latest) this.#retire(latest, false);
    this.#parts.memory.clear(namespace, color);
  }

  /**
   * @param epoch of the other invoker's ownership; missing: its program is an earlier one.
   * @throws ObjectError 421 if another invoker may not change the objects of a color here
   */
  requireNotOwned(namespace: ObjectNamespace, color: string, epoch = Infinity): void {
    if (this.owns(namespace, color)) throw new ObjectError(421, 'This invoker has taken the color over.');
    if (epoch < this.#sets.epoch(colorKey(namespace, color))) throw formerOwner();
  }

  /** Whether the objects of an ownership that may have ended are not a set of copies yet. */
  mayMakeSet(namespace: ObjectNamespace, color: string): boolean {
    return this.#ownership.latest(colorKey(namespace, color))?.retired === false;
  }

  /** The copies that this invoker keeps for others. */
  get sets(): CopySets {
    return this.#sets;
  }

  /**
   * See `Departure.gather`.
   * @param from the invoker that asks for it, and the epoch of its ownership; 0: it does not own the color.
   */
  gather(
    namespace: ObjectNamespace,
    color: string,
    policy: string | undefined,
    from: { readonly name: string; readonly epoch: number },
  ): Promise<boolean> {
    const key = colorKey(namespace, color);
    const state = this.#ownership.state(key);
    // It gave the color to the one that gives it back.
    if (state?.kind === 'given' && `invoker${state.to.instance}` === from.name) this.#ownership.forget(key);
    if (state?.kind === 'owned' && state.epoch < from.epoch) {
      this.#leaving.leave(key);
      this.#retire(state, false);
      this.#parts.memory.clear(namespace, color);
      this.#ownership.forget(key);
      this.#ownership.forgetClaim(key);
      // Without its own claim, that of an earlier owner could count if the one that drains dies now.
      this.#sets.raise(key, from.epoch);
    }
    return this.#departure.gather(namespace, color, policy, from.name);
  }

  /**
   * Whether another invoker is to keep its set of copies. @param from the name of that invoker.
   */
  async keeps(asked: Asked, from: string): Promise<boolean> {
    await this.#ownership.locate(asked);
    const owned = this.#ownership.owned(asked.namespace, asked.color);
    // Only the owner knows.
    return !owned || needsSet(owned, from);
  }

  drain(signal: AbortSignal): Promise<{ readonly moved: number; readonly left: number }> {
    return this.#departure.drain(signal);
  }

  async close(): Promise<void> {
    await this.#peers.close();
  }

  async #ready(namespace: ObjectNamespace, address: ObjectAddress): Promise<void> {
    let searches = NOT_SEARCHED;
    for (let wait = this.prepare(namespace, address, searches.mayRecover); wait;) {
      searches = afterWait(searches, await wait);
      wait = this.prepare(namespace, address, searches.mayRecover);
    }
  }

  /** Makes the replicated objects of an ownership that has ended a set of copies. @param isConfirmed see `setOfOwner`. */
  #retire(owned: Owned, isConfirmed: boolean): void {
    if (owned.retired) return;
    owned.retired = true;
    const { namespace, color } = owned;
    const key = colorKey(namespace, color);
    const late = allLateCopies(owned);
    const doubtful = late === 'many' ? late : new Set([...late, ...this.#safety.changingKeys(key)]);
    const wasQuiet = !this.#safety.takeBack(key);
    const set = setOfOwner(owned, isConfirmed, wasQuiet, this.#ownership.held(owned));
    this.#sets.demote(owned, set, this.#parts.now());
    if (!isConfirmed) this.#forgetDoubtful(namespace, color, doubtful);
    owned.hidden.clear();
    owned.superseded.clear();
    forgetLateCopies(owned);
  }

  /**
   * Removes the objects of memory that the complete set may have as replicated ones, by a change that was taken back. Another owner may
   * take these: without them, at the end of a TTL, an object of memory would come back.
   */
  #forgetDoubtful(namespace: ObjectNamespace, color: string, keys: Owned['lateCopies']): void {
    if (keys !== 'many' && keys.size === 0) return;
    const isDoubtful = ({ persistence }: StoredObject, key: string): boolean =>
      persistence === 'memory' && (keys === 'many' || keys.has(key));
    this.#parts.memory.move(namespace, undefined, color, isDoubtful, this.#parts.now());
  }

  /** Makes the objects of a color this invoker's own: it is the owner. */
  #take({ owned, outdated }: Adopted): void {
    const { memory, now } = this.#parts;
    const { namespace, color, base } = owned;
    if (outdated) memory.clear(namespace, color);
    // It may have been removed in this moment, for another owner. There is nothing then to make a set of.
    if (base && this.#sets.get(colorKey(namespace, color))?.epoch !== base.epoch) owned.doubted = owned.retired = true;
    else if (base) {
      for (const key of this.#sets.promote(namespace, color, now())) {
        owned.hidden.add(key);
        if (owned.formers.size > 0) owned.superseded.add(key);
      }
    } else this.#sets.drop(namespace, color);
  }
}
