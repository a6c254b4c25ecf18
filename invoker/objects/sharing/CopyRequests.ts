import * as z from 'zod';
import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath, type ObjectAddress } from '../../../shared/objects/objectPath.js';
import { PERSISTENCE_HEADER, TTL_HEADER } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { copiesOf } from './copies.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import type { StaleSet } from './StaleSets.js';

/** Whether an invoker has completed a set. */
const completedSchema = z.object({ completed: z.boolean() });
const changedSchema = z.object({
  /** Whether the set of the changed copy is complete. */
  complete: z.boolean(),
  /** Whether the change has begun the set. Missing: the program of the invoker is an earlier one. */
  begun: z.boolean().optional(),
});
export type Changed = z.infer<typeof changedSchema>;

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

  /** Puts an object into a set, as a replicated one, whatever its persistence is. @throws ObjectError, PeerError */
  async put(
    to: Peer,
    namespace: ObjectNamespace,
    { color, key }: ObjectAddress,
    { bytes, contentType, etag, expiresAt }: StoredObject,
    epoch: number,
  ): Promise<Changed> {
    const ttl = expiresAt === undefined ? undefined : Math.max(0.001, (expiresAt - this.#now()) / 1000);
    const reply = await this.#peers.ask(to, {
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
    return changedSchema.parse(reply);
  }

  /** Removes an object from a set. @throws ObjectError, PeerError */
  async drop(at: Peer, namespace: ObjectNamespace, { color, key }: ObjectAddress, epoch: number): Promise<Changed> {
    const path = `${objectPath(color, key)}?epoch=${epoch}`;
    const asked = { operation: 'drop', method: 'DELETE', path, namespace: copiesOf(namespace) } as const;
    return changedSchema.parse(await this.#peers.ask(at, asked));
  }

  /** See `CopySets.complete`. @throws ObjectError, PeerError */
  async complete(
    at: Peer,
    namespace: ObjectNamespace,
    color: string,
    { epoch, from, begun }: { readonly epoch: number; readonly from?: number; readonly begun?: boolean },
  ): Promise<boolean> {
    const query = `epoch=${epoch}${from === undefined ? '' : `&from=${from}`}${begun === true ? '&begun=yes' : ''}`;
    const path = `${objectPath(color)}?${query}`;
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
