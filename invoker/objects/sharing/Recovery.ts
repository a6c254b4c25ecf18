import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import { copiesOf } from './copies.js';
import type { CopySets } from './CopySets.js';
import { currentSets } from './currentSets.js';
import type { ObjectStore } from './ObjectStore.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { Silences } from './Silences.js';
import type { Holders } from './Holders.js';
import { listAt } from './listAt.js';
import { lostColor } from './lostColor.js';
import { asOwner } from './asOwner.js';
import type { Prepared } from '../server/searches.js';
import type { StoredKeyLists } from './StoredKeyLists.js';
import { takeObject } from './takeObject.js';

export interface RecoveryParts {
  readonly memory: ObjectMemory;
  readonly peers: PeerClient;
  readonly sets: CopySets;
  readonly holders: Holders;
  readonly store: ObjectStore | undefined;
  readonly storedKeys: StoredKeyLists;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
}

/** How long the silence of an invoker is remembered when it is not asked, in ms. */
const SILENCE_GAP_MS = 10_000;
/** The limit for an invoker to begin to send an object, in ms, and the shortest one after it has been silent. */
const TAKE_MS = 4000;
const SILENT_TAKE_MS = 500;

/** Gets objects that this invoker owns and does not have: from former owners, from copies, and from the store. */
export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #silences = new Silences(SILENCE_GAP_MS);
  /** Objects that came from other invokers, and from the store. */
  moved = 0;
  loaded = 0;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Whether another invoker or the store may have an object that this invoker does not have. */
  isPossible(namespace: ObjectNamespace, { color, key }: ObjectAddress, owned: Owned): boolean {
    if (owned.formers.size > 0) return true;
    if (currentSets(owned, this.#parts.sets.get(colorKey(namespace, color))).length > 0) return true;
    return this.#parts.store !== undefined && !(owned.stored instanceof Set && !owned.stored.has(key));
  }

  /** Puts the object into this memory if it exists. `over`: it may exist, and is to be searched for again. @throws ObjectError 503 */
  async recover(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    owned: Owned,
    { forCopy = false } = {},
  ): Promise<Prepared> {
    const counting = owned.copiedTo?.epoch;
    const search = async (): Promise<boolean> => {
      const isMoved =
        (await this.#take(namespace, address, owned)) || (await this.#copied(namespace, address, owned, forCopy));
      if (isMoved) this.moved++;
      return isMoved || this.#load(namespace, address, owned);
    };
    const found = await asOwner(owned, search);
    // This invoker may have lost the color and own it again: the object may be elsewhere since.
    const current = this.#parts.owned(namespace, address.color);
    if (current && current !== owned) throw lostColor();
    if (found) return 'found';
    // Another set counts meanwhile. Its object may be evicted here, and the former set may have been removed before it was asked.
    return owned.copiedTo?.epoch === counting ? 'missing' : 'over';
  }

  /**
   * The objects of a color at a former owner. @returns undefined: it has none any more, since it is dead or has been silent for
   * too long. @throws ObjectError 503
   */
  async listAt(
    namespace: ObjectNamespace,
    asked: Pick<ListRequest, 'color' | 'prefix' | 'after' | 'limit'>,
    owned: Owned,
    former: Peer,
  ): Promise<ObjectList | undefined> {
    const color = colorKey(namespace, asked.color);
    const list = await this.#ask(color, owned, former, async (timeoutMs) => {
      return (await listAt(this.#parts.peers, former, namespace, asked, timeoutMs)) ?? 'dead';
    });
    if (list !== 'dead') return list;
    owned.formers.delete(former.instance);
    return undefined;
  }

  /** From a former owner, which then has it no more. */
  async #take(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<boolean> {
    const color = colorKey(namespace, address.color);
    for (const from of owned.formers.values()) {
      const parts = { ...this.#common(namespace, address, owned), from, space: namespace };
      const taken = await this.#ask(color, owned, from, (timeoutMs) => takeObject({ ...parts, timeoutMs }));
      if (taken === 'nothing left' || taken === 'dead') owned.formers.delete(from.instance);
      if (taken === 'taken') return true;
    }
    return false;
  }

  /** Asks a former owner. @throws ObjectError 503 */
  async #ask<T>(
    color: string,
    owned: Owned,
    { instance }: Peer,
    request: (timeoutMs: number) => Promise<T | 'dead'>,
  ): Promise<T | 'dead'> {
    const { now } = this.#parts;
    const askedAt = now();
    const since = this.#silences.since(color, instance, askedAt);
    const restMs = since === undefined ? TAKE_MS : Math.max(SILENT_TAKE_MS, since + owned.validMs - askedAt);
    try {
      const answer = await request(Math.min(TAKE_MS, restMs));
      if (answer !== 'dead') this.#silences.end(color, instance);
      return answer;
    } catch (error) {
      if (!(error instanceof ObjectError && error.cause instanceof PeerError)) throw error;
      // It may be dead, or cut off. Its objects are lost: they are out of date from now on, and it removes them before
      // it serves the color again, since this owner does not name it any more (`Adoption.ts`).
      if (now() - this.#silences.note(color, instance, askedAt, now()) < owned.validMs) throw error;
      return 'dead';
    }
  }

  /**
   * From a copy. The store may have an earlier version, if it failed when the object was replicated: that is removed before anybody reads
   * the object, since it would come back when the object's time is over.
   */
  async #copied(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned, forCopy: boolean): Promise<boolean> {
    const { memory, now, store, storedKeys } = this.#parts;
    if (!(await this.#copy(namespace, address, owned))) return false;
    // Copies must be able to move while the store fails: their invoker may be about to leave.
    if (forCopy || !store || !(owned.stored instanceof Set && owned.stored.has(address.key))) return true;
    try {
      if (this.#parts.owned(namespace, address.color) !== owned) throw lostColor();
      await store.remove(namespace, address, owned.epoch);
      storedKeys.delete(owned, address.key);
      return true;
    } catch (error) {
      const time = now();
      if (memory.peek(namespace, address, time)) memory.delete(namespace, address, undefined, time);
      owned.evictions++;
      throw error;
    }
  }

  /** From a copy, which stays: it is the second one until a set of this owner is complete. */
  async #copy(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<boolean> {
    const { memory, now, sets, holders } = this.#parts;
    const color = colorKey(namespace, address.color);
    const space = copiesOf(namespace);
    for (const set of currentSets(owned, sets.get(color))) {
      if (!set.peer) {
        const copy = memory.peek(space, address, now());
        if (!copy) continue;
        if (this.#parts.owned(namespace, address.color) !== owned) throw lostColor();
        const ttlMs = copy.expiresAt === undefined ? undefined : copy.expiresAt - now();
        const reservation = memory.reserve(namespace, address, copy.bytes.length, now());
        memory.put(namespace, address, copy.bytes, { ...copy, ttlMs, condition: undefined }, reservation, now());
        return true;
      }
      const parts = { ...this.#common(namespace, address, owned), from: set.peer, space, stays: true };
      const taken = await holders.ask(owned, set.peer, async () => {
        const outcome = await takeObject(parts);
        return outcome === 'dead' ? undefined : outcome;
      });
      if (taken === 'taken') return true;
    }
    return false;
  }

  async #load(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<boolean> {
    const { memory, now, store, storedKeys } = this.#parts;
    if (!store) return false;
    const isOwned = (): boolean => this.#parts.owned(namespace, address.color) === owned;
    const keys = await storedKeys.of({ store, isOwned }, owned, namespace, address.color);
    if (!isOwned()) throw lostColor();
    if (keys !== 'many' && !keys.has(address.key)) return false;
    const object = await store.read(namespace, address, owned.epoch);
    if (!object || !isOwned()) return false;
    const reservation = memory.reserve(namespace, address, object.bytes.length, now());
    const options = { ...object, persistence: 'stored', condition: undefined } as const;
    memory.put(namespace, address, object.bytes, options, reservation, now());
    this.loaded++;
    return true;
  }

  #common(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned) {
    const { peers, memory, now } = this.#parts;
    const stillOwned = (): boolean => this.#parts.owned(namespace, address.color) === owned;
    return { peers, memory, now, namespace, address, stillOwned };
  }
}
