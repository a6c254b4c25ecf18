import * as z from 'zod';
import { transferMs } from '../../../shared/objects/bounds.js';
import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath, type ObjectAddress } from '../../../shared/objects/objectPath.js';
import { PERSISTENCE_HEADER, TTL_HEADER, type ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { copiesOf } from './copies.js';
import { copySetSchema, type RaisedEpoch } from './CopySets.js';
import { listAt } from './listAt.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import type { StaleSet } from './StaleSets.js';

/** An invoker does not take a copy, and has not changed the one that it has: it lacks memory. */
export class CopyRefused extends ObjectError {}

/** See `CopySets.complete`. */
export interface Completion {
  readonly epoch: number;
  readonly from?: number;
  readonly aligns?: boolean;
  readonly begun?: boolean;
  readonly policy: string | undefined;
}

/** Whether an invoker has completed a set. */
const completedSchema = z.object({ completed: z.boolean() });
const changedSchema = z.object({
  /** Whether the set of the changed copy is complete. */
  complete: z.boolean(),
  /** Whether the change has begun the set. Missing: the program of the invoker is an earlier one. */
  begun: z.boolean().optional(),
});
export type Changed = z.infer<typeof changedSchema>;

const fencedSchema = z.object({
  /** The set of the invoker. */
  set: copySetSchema.optional(),
  /** Whether it was an owner whose objects are not a set yet. Missing: its program is an earlier one. */
  owner: z.boolean().optional(),
});
export type Fenced = z.infer<typeof fencedSchema>;

/** The most objects in one list. */
const PAGE = 1000;
/** The limit for an invoker to take a copy, in ms, in addition to the time for its bytes. */
const COPY_MS = 6000;
/** The limit for an invoker to forget its set, in ms. */
const FORGET_MS = 1000;

/** The requests of an owner to the invokers with its copies. */
export class CopyRequests {
  readonly #peers: PeerClient;
  readonly #now: () => number;

  /** @param now in ms; never decreases. */
  constructor(peers: PeerClient, now: () => number) {
    this.#peers = peers;
    this.#now = now;
  }

  /** Puts an object into a set. @throws CopyRefused; ObjectError, PeerError */
  async put(
    to: Peer,
    namespace: ObjectNamespace,
    { color, key }: ObjectAddress,
    { bytes, contentType, etag, expiresAt }: StoredObject,
    epoch: number,
  ): Promise<Changed> {
    const ttl = expiresAt === undefined ? undefined : Math.max(0.001, (expiresAt - this.#now()) / 1000);
    const asked = {
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
      timeoutMs: COPY_MS + transferMs(bytes.length),
    } as const;
    try {
      return changedSchema.parse(await this.#peers.ask(to, asked));
    } catch (error) {
      if (!(error instanceof ObjectError && error.status === 503)) throw error;
      const text = `invoker${to.instance} does not take the copy, since it may lack memory.`;
      throw new CopyRefused(503, text, { retryAfterS: 5, cause: error });
    }
  }

  /** Asks an invoker for its set. It refuses the requests of earlier owners from now on. @throws ObjectError, PeerError */
  async fence(
    at: Peer,
    namespace: ObjectNamespace,
    color: string,
    { epoch, run }: Required<RaisedEpoch>,
  ): Promise<Fenced> {
    const query = new URLSearchParams({ epoch: String(epoch), ...(run === undefined ? {} : { run }) });
    const path = `${objectPath(color)}?${query.toString()}`;
    return fencedSchema.parse(await this.#peers.ask(at, { operation: 'fence', method: 'POST', path, namespace }));
  }

  /** Removes an object from a set. @throws ObjectError, PeerError */
  async drop(at: Peer, namespace: ObjectNamespace, { color, key }: ObjectAddress, epoch: number): Promise<Changed> {
    const path = `${objectPath(color, key)}?epoch=${epoch}`;
    const asked = { operation: 'drop', method: 'DELETE', path, namespace: copiesOf(namespace) } as const;
    return changedSchema.parse(await this.#peers.ask(at, asked));
  }

  /** The copies of an invoker, by pages. @param after the last key of the page before. @throws ObjectError 503 */
  async list(at: Peer, namespace: ObjectNamespace, color: string, after: string | undefined): Promise<ObjectList> {
    const list = await listAt(this.#peers, at, copiesOf(namespace), { color, prefix: '', after, limit: PAGE });
    if (list) return list;
    throw new ObjectError(503, `invoker${at.instance}, which has the copies, is away.`, { retryAfterS: 1 });
  }

  /** See `CopySets.complete`. @throws ObjectError, PeerError */
  async complete(
    at: Peer,
    namespace: ObjectNamespace,
    color: string,
    { epoch, from, aligns, begun, policy }: Completion,
  ): Promise<boolean> {
    const query = new URLSearchParams({
      epoch: String(epoch),
      ...(from === undefined ? {} : { from: String(from) }),
      ...(aligns === true ? { aligns: 'yes' } : {}),
      ...(begun === true ? { begun: 'yes' } : {}),
      ...(policy === undefined ? {} : { policy }),
    });
    const path = `${objectPath(color)}?${query.toString()}`;
    const reply = await this.#peers.ask(at, { operation: 'complete', method: 'POST', path, namespace });
    return completedSchema.parse(reply).completed;
  }

  /**
   * Tells an invoker that its set is out of date. It is refused as such in any case, so nobody waits long for that.
   * @returns false if the invoker may not know.
   */
  async forget({ at, namespace, color, epoch }: StaleSet): Promise<boolean> {
    const path = `${objectPath(color)}?epoch=${epoch}`;
    const asked = { operation: 'forget', method: 'POST', path, namespace, timeoutMs: FORGET_MS } as const;
    try {
      await this.#peers.ask(at, asked);
      return true;
    } catch (error) {
      if (error instanceof PeerError) return error.fault === 'dead';
      if (error instanceof ObjectError) return true;
      throw error;
    }
  }
}
