import * as z from 'zod';
import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath, type ObjectAddress } from '../../../shared/objects/objectPath.js';
import { PERSISTENCE_HEADER, TTL_HEADER } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { colorKey } from './colorKey.js';
import { nextEpoch, type CopySet, type Owned } from './ColorStates.js';
import { copiesOf } from './copies.js';
import type { CopySets } from './CopySets.js';
import { currentSets } from './currentSets.js';
import type { Holders } from './Holders.js';
import { lostColor } from './lostColor.js';
import { asOwner } from './asOwner.js';
import { PeerError, type PeerClient } from './PeerClient.js';

export interface ReplicationParts {
  readonly memory: ObjectMemory;
  readonly peers: PeerClient;
  readonly sets: CopySets;
  readonly holders: Holders;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly owned: (namespace: ObjectNamespace, color: string) => Owned | undefined;
  /** Gets an object into this memory if another invoker has it, without waiting for changes of it that are under way. */
  readonly fetch: (namespace: ObjectNamespace, address: ObjectAddress) => Promise<void>;
}

/** Whether an invoker has completed a set, and whether the set of a changed copy is complete. */
const completedSchema = z.object({ completed: z.boolean() });
const completeSchema = z.object({ complete: z.boolean() });

/** Keeps the copies of replicated objects at a color's next home: see `CopySets.ts`. */
export class Replication {
  readonly #parts: ReplicationParts;

  constructor(parts: ReplicationParts) {
    this.#parts = parts;
  }

  /** Makes the copy of a replicated object like the object. To be called `asOwner`. @throws ObjectError, PeerError */
  async change(
    namespace: ObjectNamespace,
    address: ObjectAddress,
    object: StoredObject | undefined,
    owned: Owned,
    next: Peer,
  ): Promise<void> {
    for (let attempt = 0; attempt < 2; attempt++) {
      const set = await this.ensure(namespace, address.color, owned, next);
      const complete =
        object?.persistence === 'replicated'
          ? await this.#put(next, namespace, address, object, set.epoch)
          : await this.#drop(next, namespace, address, set.epoch);
      if (complete) return;
      // The invoker has lost the set: it has started again.
      if (owned.copiedTo === set) owned.copiedTo = { ...set, lost: true };
    }
    throw new ObjectError(503, `invoker${next.instance} loses the copies.`, { retryAfterS: 1 });
  }

  /** Completes a set of copies at the next home. @throws ObjectError, PeerError */
  async ensure(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<CopySet> {
    while (owned.copying) await owned.copying;
    const { copiedTo } = owned;
    if (copiedTo?.peer.instance === next.instance && copiedTo.lost !== true) return copiedTo;
    const copying = asOwner(owned, () => this.#begin(namespace, color, owned, next));
    // Who waits for it starts it again after a failure.
    owned.copying = copying.then(
      () => undefined,
      () => undefined,
    );
    try {
      return await copying;
    } finally {
      owned.copying = undefined;
    }
  }

  /**
   * Asks the next home whether it still has the complete set of this ownership, and completes another one if it has not: it has
   * started again so fast that the controllers did not notice it. @throws ObjectError, PeerError
   */
  async check(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<void> {
    const { copiedTo } = owned;
    if (copiedTo?.peer.instance !== next.instance || copiedTo.lost === true) return;
    const { epoch } = copiedTo;
    if (await asOwner(owned, () => this.#complete(next, namespace, color, epoch, epoch))) return;
    if (owned.copiedTo === copiedTo) owned.copiedTo = { ...copiedTo, lost: true };
    await this.ensure(namespace, color, owned, next);
  }

  /** Gets all objects that only copies have into this memory. @throws ObjectError 503 */
  async gather(namespace: ObjectNamespace, color: string, owned: Owned): Promise<void> {
    for await (const key of this.#keys(namespace, color, owned)) await this.#parts.fetch(namespace, { color, key });
  }

  async #begin(namespace: ObjectNamespace, color: string, owned: Owned, next: Peer): Promise<CopySet> {
    const { sets } = this.#parts;
    // A change may have waited for the set before, while the color was given away: its set must not get a higher epoch.
    if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
    const key = colorKey(namespace, color);
    const [current] = currentSets(owned, sets.get(key));
    owned.epoch = nextEpoch(owned.epoch);
    const { epoch } = owned;
    const kept =
      current?.complete === true &&
      current.peer?.instance === next.instance &&
      (await this.#complete(next, namespace, color, epoch, current.epoch));
    const set: CopySet = { peer: next, epoch, complete: true, ...(kept ? { kept } : {}) };
    if (!kept) {
      await this.#copyAll(namespace, color, owned, set);
      await this.#complete(next, namespace, color, epoch, undefined);
    }
    if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
    const stale = [...owned.copies.values(), ...(owned.copiedTo ? [owned.copiedTo] : [])];
    owned.copiedTo = set;
    owned.copies.clear();
    sets.forget(namespace, color, epoch);
    const others = stale.filter(({ peer, lost }) => peer.instance !== next.instance && lost !== true);
    await Promise.all(others.map(({ peer }) => this.#forget(peer, namespace, color, epoch)));
    return set;
  }

  async #copyAll(namespace: ObjectNamespace, color: string, owned: Owned, { peer, epoch }: CopySet): Promise<void> {
    const { memory, now } = this.#parts;
    const copied = new Set<string>();
    const copy = async (key: string): Promise<void> => {
      if (this.#parts.owned(namespace, color) !== owned) throw lostColor();
      const object = memory.peek(namespace, { color, key }, now());
      if (object?.persistence !== 'replicated') return;
      await this.#put(peer, namespace, { color, key }, object, epoch);
      copied.add(key);
    };
    for await (const key of this.#keys(namespace, color, owned)) {
      await this.#parts.fetch(namespace, { color, key });
      await copy(key);
    }
    for (let after: string | undefined, more = true; more;) {
      const list = memory.list(namespace, { color, prefix: '', after, limit: PAGE }, now());
      for (const { key, persistence } of list.objects) {
        if (persistence === 'replicated' && !copied.has(key)) await copy(key);
      }
      ({ more } = list);
      after = list.objects.at(-1)?.key;
    }
  }

  /**
   * The keys of all current copies. A holder that has got all its copies from this ownership, and does not answer, has none that
   * this invoker lacks, unless it evicted them: it is not waited for.
   */
  async *#keys(namespace: ObjectNamespace, color: string, owned: Owned): AsyncGenerator<string> {
    const { memory, now, holders, sets } = this.#parts;
    const space = copiesOf(namespace);
    for (const set of currentSets(owned, sets.get(colorKey(namespace, color)))) {
      const { peer } = set;
      for (let after: string | undefined, more = true; more;) {
        const asked = { color, prefix: '', after, limit: PAGE };
        const list = peer
          ? await holders.list(owned, peer, space, asked, LIST_MS).catch((error: unknown) => {
              if (set !== owned.copiedTo || set.kept === true) throw error;
              return undefined;
            })
          : memory.list(space, asked, now());
        for (const { key } of list?.objects ?? []) yield key;
        more = list?.more ?? false;
        after = list?.objects.at(-1)?.key;
      }
    }
  }

  async #put(
    to: Peer,
    namespace: ObjectNamespace,
    { color, key }: ObjectAddress,
    { bytes, contentType, etag, expiresAt }: StoredObject,
    epoch: number,
  ): Promise<boolean> {
    const ttl = expiresAt === undefined ? undefined : Math.max(0.001, (expiresAt - this.#parts.now()) / 1000);
    const reply = await this.#parts.peers.ask(to, {
      operation: 'copy',
      method: 'PUT',
      path: `${objectPath(color, key)}?epoch=${epoch}`,
      namespace,
      headers: {
        'content-type': contentType,
        'content-length': String(bytes.length),
        etag,
        [PERSISTENCE_HEADER]: 'replicated',
        ...(ttl === undefined ? {} : { [TTL_HEADER]: ttl.toFixed(3) }),
      },
      body: Buffer.concat(bytes.pieces()),
    });
    return completeSchema.parse(reply).complete;
  }

  async #drop(at: Peer, namespace: ObjectNamespace, { color, key }: ObjectAddress, epoch: number): Promise<boolean> {
    const path = `${objectPath(color, key)}?epoch=${epoch}`;
    const asked = { operation: 'drop', method: 'DELETE', path, namespace: copiesOf(namespace) } as const;
    return completeSchema.parse(await this.#parts.peers.ask(at, asked)).complete;
  }

  async #complete(
    at: Peer,
    namespace: ObjectNamespace,
    color: string,
    epoch: number,
    from: number | undefined,
  ): Promise<boolean> {
    const path = `${objectPath(color)}?epoch=${epoch}${from === undefined ? '' : `&from=${from}`}`;
    const reply = await this.#parts.peers.ask(at, { operation: 'complete', method: 'POST', path, namespace });
    return completedSchema.parse(reply).completed;
  }

  /** Tells an invoker that its set is out of date. It is refused as such in any case, so nobody waits for that. */
  async #forget(at: Peer, namespace: ObjectNamespace, color: string, epoch: number): Promise<void> {
    const path = `${objectPath(color)}?epoch=${epoch}`;
    const asked = { operation: 'forget', method: 'POST', path, namespace, timeoutMs: FORGET_MS } as const;
    await this.#parts.peers.ask(at, asked).catch((error: unknown) => {
      if (!(error instanceof PeerError || error instanceof ObjectError)) throw error;
    });
  }
}

const PAGE = 1000;
/** The limit for an invoker to list its copies, in ms. */
const LIST_MS = 2000;
/** The limit for an invoker to forget its set, in ms. */
const FORGET_MS = 1000;
