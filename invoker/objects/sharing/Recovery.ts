import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectAddress } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { colorKey } from './colorKey.js';
import type { Owned } from './ColorStates.js';
import type { ObjectStore } from './ObjectStore.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { Silences } from './Silences.js';
import { listAt } from './listAt.js';
import { lostColor } from './lostColor.js';
import { asOwner, unlessRenewed } from './asOwner.js';
import type { Prepared } from '../server/searches.js';
import type { StoredKeyLists } from './StoredKeyLists.js';
import { dropAt, takeObject } from './takeObject.js';

export interface RecoveryParts {
  readonly memory: ObjectMemory;
  readonly peers: PeerClient;
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
/** The most former owners to ask again without a request, and how many of them at the same time. */
const MAX_UNHEARD = 1000;
const AT_ONCE = 100;

/** A former owner of a color that did not answer. */
interface Unheard {
  readonly owned: Owned;
  readonly from: Peer;
}

/** Gets objects that this invoker owns and does not have: from former owners, and from the store. */
export class Recovery {
  readonly #parts: RecoveryParts;
  readonly #silences = new Silences(SILENCE_GAP_MS);
  /** By color and invoker. */
  readonly #unheard = new Map<string, Unheard>();
  #tending = false;
  /** Objects that came from other invokers, and from the store. */
  moved = 0;
  loaded = 0;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /**
   * Asks former owners again that did not answer, until they do or have been silent for so long that their objects are lost. To be called
   * each second: otherwise a color with few requests would wait for ever for an invoker that has gone, since the silence counts only while
   * it is asked. Never rejects.
   */
  async tend(): Promise<void> {
    if (this.#tending || this.#unheard.size === 0) return;
    this.#tending = true;
    // The same ones until they are over: a silence ends if there is too much time between two requests.
    const first = [...this.#unheard].slice(0, AT_ONCE);
    await Promise.all(
      first.map(async ([place, unheard]) => {
        if (await this.#hears(unheard)) this.#unheard.delete(place);
      }),
    );
    this.#tending = false;
  }

  /** Whether a former owner need not be asked again. */
  async #hears({ owned, from }: Unheard): Promise<boolean> {
    const { namespace, color } = owned;
    if (this.#parts.owned(namespace, color) !== owned || !owned.formers.has(from.instance)) return true;
    try {
      await this.listAt(namespace, { color, prefix: '', after: undefined, limit: 1 }, owned, from);
      return true;
    } catch (error) {
      return !isUnheard(error);
    }
  }

  /** Whether another invoker or the store may have an object that this invoker does not have. */
  isPossible({ key }: ObjectAddress, owned: Owned): boolean {
    if (owned.formers.size > 0) return true;
    return this.#parts.store !== undefined && !(owned.stored instanceof Set && !owned.stored.has(key));
  }

  /** Puts the object into this memory if it exists. @throws ObjectError 503 */
  async recover(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<Prepared> {
    const search = async (): Promise<boolean> => {
      const isMoved = await this.#take(namespace, address, owned);
      if (isMoved) this.moved++;
      return isMoved || this.#load(namespace, address, owned);
    };
    const found = await asOwner(owned, search);
    // This invoker may have lost the color and own it again: the object may be elsewhere since.
    const current = this.#parts.owned(namespace, address.color);
    if (current && current !== owned) throw lostColor();
    return found ? 'found' : 'missing';
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

  /**
   * Removes the earlier versions of an object from former owners: see `Owned.superseded`.
   * @throws ObjectError 421; 503 if one of them does not answer
   */
  async dropEarlier(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<void> {
    const { color, key } = address;
    if (!owned.superseded.has(key)) return;
    for (const from of owned.formers.values()) {
      let dropped: 'dropped' | 'dead' | undefined;
      while (dropped === undefined) {
        if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
        const { epoch } = owned;
        const ask = (): Promise<'dropped' | 'dead'> =>
          this.#ask(colorKey(namespace, color), owned, from, (timeoutMs) =>
            dropAt(this.#parts.peers, from, namespace, address, { by: epoch, timeoutMs }),
          );
        dropped = await unlessRenewed(owned, epoch, ask);
      }
      if (dropped === 'dead') owned.formers.delete(from.instance);
    }
    owned.superseded.delete(key);
  }

  /** From a former owner, which then has it no more. */
  async #take(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<boolean> {
    const color = colorKey(namespace, address.color);
    if (owned.superseded.has(address.key)) {
      await this.dropEarlier(namespace, address, owned);
      return false;
    }
    for (const from of owned.formers.values()) {
      const parts = { ...this.#common(namespace, address, owned), owned, from, space: namespace };
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
    from: Peer,
    request: (timeoutMs: number) => Promise<T | 'dead'>,
  ): Promise<T | 'dead'> {
    const { now } = this.#parts;
    const { instance } = from;
    const askedAt = now();
    const since = this.#silences.since(color, instance, askedAt);
    const restMs = since === undefined ? TAKE_MS : Math.max(SILENT_TAKE_MS, since + owned.validMs - askedAt);
    try {
      const answer = await request(Math.min(TAKE_MS, restMs));
      if (answer !== 'dead') this.#silences.end(color, instance);
      return answer;
    } catch (error) {
      if (!isUnheard(error)) throw error;
      // It may be dead, or cut off. Its objects are lost: they are out of date from now on, and it removes them before
      // it serves the color again, since this owner does not name it any more (`Adoption.ts`).
      if (now() - this.#silences.note(color, instance, askedAt, now()) >= owned.validMs) return 'dead';
      if (this.#unheard.size < MAX_UNHEARD) this.#unheard.set(`${color}\n${instance}`, { owned, from });
      throw error;
    }
  }

  async #load(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<boolean> {
    const { memory, now, store, storedKeys } = this.#parts;
    if (!store) return false;
    const isOwned = (): boolean => this.#parts.owned(namespace, address.color) === owned;
    const keys = await storedKeys.of({ store, isOwned }, owned, namespace, address.color);
    if (!isOwned()) throw lostColor();
    if (keys !== 'many' && !keys.has(address.key)) return false;
    if (owned.hidden.has(address.key)) {
      await this.removeHidden(namespace, address, owned);
      return false;
    }
    const object = await store.read(namespace, address, owned.epoch);
    if (!object || !isOwned()) return false;
    const reservation = memory.reserveLoaded(namespace, address, object.bytes.length, now());
    const options = { ...object, persistence: 'stored', condition: undefined } as const;
    memory.put({ ...namespace, limitBytes: undefined }, address, object.bytes, options, reservation, now());
    this.loaded++;
    return true;
  }

  /** Removes an earlier version of an object from the store: see `Owned.hidden`. @throws ObjectError 421, 503 */
  async removeHidden(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned): Promise<void> {
    const { store, storedKeys } = this.#parts;
    if (this.#parts.owned(namespace, address.color) !== owned) throw lostColor();
    await store?.remove(namespace, address, owned.epoch);
    storedKeys.delete(owned, address.key);
    owned.hidden.delete(address.key);
  }

  #common(namespace: ObjectNamespace, address: ObjectAddress, owned: Owned) {
    const { peers, memory, now } = this.#parts;
    const stillOwned = (): boolean => this.#parts.owned(namespace, address.color) === owned;
    return { peers, memory, now, namespace, address, stillOwned };
  }
}

/** Whether another invoker did not answer. */
const isUnheard = (error: unknown): boolean => error instanceof ObjectError && error.cause instanceof PeerError;
