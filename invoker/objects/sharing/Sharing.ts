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
import { Adoption, type Handover } from './Adoption.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import { CopiesOfReader } from './CopiesOfReader.js';
import { CountedStore } from './CountedStore.js';
import { originalOf } from './copies.js';
import { CopySets, type RaisedEpoch } from './CopySets.js';
import { Departure } from './Departure.js';
import { forward } from './forward.js';
import { Holders } from './Holders.js';
import { Leaving } from './Leaving.js';
import { listColor, type ListColorParts } from './listColor.js';
import { Ownership, type Asked } from './Ownership.js';
import { PeerClient } from './PeerClient.js';
import { needsNewSet } from './place.js';
import { Recovery } from './Recovery.js';
import { Replication } from './Replication.js';
import { NO_SECOND, NO_STORE, Safety } from './Safety.js';
import { StoredKeyLists } from './StoredKeyLists.js';
import type { SharingCounts, SharingParts } from './sharingParts.js';

/** The limit for changes under way to end before a handover, in ms. */
const QUIET_MS = 4000;
/** The pause after a failure to begin another set of copies in the background, in ms. */
const COPY_AGAIN_MS = 1000;
/** How often the next home is asked for its copies, if there are requests for the color, in ms. */
const CHECK_MS = 5000;
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
  readonly #leaving = new Leaving();
  readonly #copies: CopiesOfReader;
  readonly #waits = new OpenWaits();
  readonly #counts = { forwarded: 0, given: 0 };

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
    const owned = (namespace: ObjectNamespace, color: string): Owned | undefined =>
      this.#ownership.owned(namespace, color);
    const storedKeys = new StoredKeyLists();
    const holders = new Holders(this.#peers, now, onWarning);
    const common = { memory, store, storedKeys, now, owned, peers: this.#peers, sets: this.#sets, holders };
    this.#ownership = new Ownership({
      instance,
      memory,
      adoption: new Adoption(this.#peers, this.#sets, now, this.#run),
      askHomes: parts.askHomes,
      now,
      onDoubt: (key) => this.#safety.takeBack(key),
      onServe: (...served) => this.#copyAnew(...served),
      onLapse: (silentMs) => {
        this.#leaving.leaveAll();
        if (silentMs < Infinity) onWarning(NO_CONTACT, `no reply for ${Math.round(silentMs)} ms`);
      },
    });
    memory.onEviction((namespace, address, { persistence }) => {
      // Also an unsafe change of another persistence: an earlier version may be in the copies.
      if (persistence !== 'replicated' && !this.#safety.isChanging(namespace, address)) return;
      this.#ownership.evicted(colorKey(namespace, address.color));
    });
    this.#recovery = new Recovery(common);
    this.#replication = new Replication({
      ...common,
      fetch: (...object) => this.#fetch(...object),
      replaces: (...object) => this.#safety.replaces(...object),
    });
    this.#safety = new Safety({
      ...common,
      replication: this.#replication,
      held: (ownership) => this.#ownership.held(ownership),
    });
    this.#listParts = { ...common, recovery: this.#recovery, safety: this.#safety };
    this.#departure = new Departure({
      ...common,
      latest: (namespace, color) => this.#ownership.latest(colorKey(namespace, color)),
      instance,
      replication: this.#replication,
      recovery: this.#recovery,
      freshHomes: (namespace, color, policy) => this.#ownership.homes({ namespace, color, policy }),
      freshLocation: (namespace, color, policy) => this.#ownership.locateAnew({ namespace, color, policy }),
      ready: (...object) => this.#ready(...object),
      quiet: (namespace, color) => this.#safety.quiet(colorKey(namespace, color), QUIET_MS),
      onWarning,
    });
  }

  get counts(): SharingCounts {
    const { moved, loaded } = this.#recovery;
    const { validated } = this.#copies;
    const storeBytes = this.#store?.bytes ?? 0;
    const { adopted } = this.#ownership;
    return { ...this.#counts, adopted, moved, loaded, validated, peerBytes: this.#peers.bytes, storeBytes };
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

  /** See `Ownership.beat`, `Safety.tend` and `StaleSets.tend`. */
  beat(): void {
    this.#ownership.beat();
    void this.#safety.tend();
    void this.#replication.tend();
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
    const unsafe = this.#safety.unsafe(namespace, address);
    const isThere = (): boolean => !!this.#parts.memory.peek(namespace, address, this.#parts.now());
    if (!unsafe && (!mayRecover || isThere())) return undefined;
    const owned = this.#ownership.owned(namespace, address.color);
    // That an earlier ownership found nothing says nothing.
    const still = (prepared: Prepared): Prepared =>
      prepared === 'missing' && this.#ownership.owned(namespace, address.color) !== owned ? 'over' : prepared;
    if (unsafe) return unsafe.then(still);
    if (!owned || !this.#recovery.isPossible(namespace, address, owned)) return undefined;
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
    const before = this.#ownership.give(key, to);
    if (before === 'busy') return { ...nothing, busy: true };
    if (current) this.#counts.given++;
    this.#sets.raise(key, epoch, run);
    this.#leaving.leave(key);
    await this.#safety.quiet(key, QUIET_MS);
    // Another invoker may have owned it since.
    const held = before !== undefined && this.#ownership.held(before);
    if (before ? !held : !this.#ownership.inContact) memory.clear(namespace, color);
    const sets = before ? [...before.copies.values(), ...(before.copiedTo ? [before.copiedTo] : [])] : [];
    const set = this.#sets.get(key);
    return {
      ...nothing,
      epoch: Math.max(nothing.epoch, before?.epoch ?? 0),
      objects: memory.list(namespace, { color, prefix: '', after: undefined, limit: 1 }, now()).objects.length > 0,
      ...(set ? { set } : {}),
      ...(before ? { ownedEpoch: before.epoch, confirmed: current !== undefined } : {}),
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
    if (!this.#ownership.inContact && originalOf(namespace).uuid === namespace.uuid)
      this.#parts.memory.clear(namespace, color);
  }

  /** @throws ObjectError 421 if another invoker may not change the objects of a color here */
  requireNotOwned(namespace: ObjectNamespace, color: string): void {
    if (this.owns(namespace, color)) throw new ObjectError(421, 'This invoker has taken the color over.');
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
      this.#parts.memory.clear(namespace, color);
      this.#ownership.forget(key);
      this.#ownership.forgetClaim(key);
      // Without its own claim, that of an earlier owner could count if the one that drains dies now.
      this.#sets.raise(key, from.epoch);
    }
    return this.#departure.gather(namespace, color, policy, from.name);
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

  /**
   * Gets an object for a copy of it. A change that is under way waits for that copy, so it is not waited for.
   * @returns whether the object exists nowhere, or is being deleted.
   */
  async #fetch(namespace: ObjectNamespace, address: ObjectAddress): Promise<boolean> {
    const { memory, now } = this.#parts;
    // No other operation may begin between the last look and the search: two searches could undo a change.
    for (let search = this.#safety.recovering(namespace, address); search;) {
      await search;
      search = this.#safety.recovering(namespace, address);
    }
    const owned = this.#ownership.owned(namespace, address.color);
    if (!owned || memory.peek(namespace, address, now())) return false;
    if (this.#safety.isChanging(namespace, address)) return true;
    const search = (): Promise<Prepared> => this.#recovery.recover(namespace, address, owned, { forCopy: true });
    return (await this.#safety.alone(namespace, address, search)) === 'missing';
  }

  /** Begins another set of copies if the color's next home has changed, or has lost the copies. */
  #copyAnew({ namespace, color }: Asked, owned: Owned, next: Peer | undefined): void {
    const { now, onWarning } = this.#parts;
    if (!next) return;
    const kept = this.#sets.get(colorKey(namespace, color)) !== undefined;
    const isNeeded = needsNewSet(owned, next, kept, now());
    if (!isNeeded && (!owned.copiedTo || owned.copying || now() < owned.checkAt)) return;
    if (isNeeded) owned.copyAgainAt = now() + COPY_AGAIN_MS;
    owned.checkAt = now() + CHECK_MS;
    const copied = isNeeded
      ? this.#replication.ensure(namespace, color, owned, next)
      : this.#replication.check(namespace, color, owned, next);
    copied.catch((error: unknown) => {
      if (this.#ownership.owned(namespace, color) === owned) {
        onWarning('could not copy replicated objects to their next home', error);
      }
    });
  }
}
