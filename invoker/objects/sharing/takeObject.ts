import type { Peer } from '../../../shared/objects/Locate.js';
import { dropBody } from '../../../shared/objects/dropBody.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath, type ObjectAddress } from '../../../shared/objects/objectPath.js';
import { PERSISTENCE_HEADER, PERSISTENCES, TTL_HEADER } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { ObjectBytes } from '../memory/ObjectBytes.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { unlessRenewed } from './asOwner.js';
import type { Owned } from './ColorStates.js';
import { formerOwner } from './lostColor.js';
import type { Reservation } from '../memory/Reservation.js';
import type { StoredObject } from '../memory/StoredObject.js';
import { PeerError, type PeerClient } from './PeerClient.js';

/** The header of a response 404 to `take`: whether the invoker has other objects of the color. */
export const LEFT_HEADER = 'x-palette-left';

export interface TakeParts {
  readonly peers: PeerClient;
  readonly memory: ObjectMemory;
  /** In ms; never decreases. */
  readonly now: () => number;
  readonly namespace: ObjectNamespace;
  readonly address: ObjectAddress;
  readonly from: Peer;
  /** Where the other invoker has it: among its objects, or among its copies. */
  readonly space: ObjectNamespace;
  readonly stillOwned: () => boolean;
  /** The ownership for which it moves. Missing: it stays there, as a copy. */
  readonly owned?: Pick<Owned, 'epoch'>;
  /** The limit for the response's headers, in ms. */
  readonly timeoutMs?: number;
}

/**
 * Moves an object from another invoker into this memory. The other one removes it only when it is here, so that it is
 * not lost, and until then it is not evicted here. If it cannot be removed there, it is removed here again: otherwise it could come back after a deletion.
 * @throws ObjectError 503; 421 if the other invoker owns the color
 */
export async function takeObject(parts: TakeParts): Promise<'taken' | 'missing' | 'nothing left' | 'dead'> {
  const { peers, memory, now, namespace, address, from, space, stillOwned, owned, timeoutMs } = parts;
  const path = objectPath(address.color, address.key);
  const asked = { operation: 'take', method: 'GET', path, namespace: space, timeoutMs } as const;
  // It was written within the limit of its time: otherwise nobody could read or delete it any more.
  const unlimited = { ...namespace, limitBytes: undefined };
  let release: (() => void) | undefined;
  let object: StoredObject;
  try {
    const response = await peers.send(from, asked);
    const { statusCode, headers, body } = response;
    if (statusCode === 404) {
      await body.dump();
      return headers[LEFT_HEADER] === 'no' ? 'nothing left' : 'missing';
    }
    if (statusCode !== 200) {
      await body.dump();
      throw statusCode === 421 ? formerOwner() : away(from);
    }
    const length = Number(headers['content-length']);
    let reservation: Reservation | undefined;
    let etag: string;
    try {
      reservation = memory.reserve(unlimited, address, length, now());
      const bytes = Buffer.allocUnsafeSlow(length);
      let filled = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) filled += chunk.copy(bytes, filled);
      if (filled !== length || !stillOwned()) throw away(from);
      const ttl = Number(headers[TTL_HEADER]);
      etag = String(headers['etag']);
      const options = {
        condition: undefined,
        persistence: PERSISTENCES.find((name) => name === headers[PERSISTENCE_HEADER]),
        ttlMs: ttl > 0 ? ttl * 1000 : undefined,
        contentType: headers['content-type']?.toString(),
        etag,
        isMoved: true,
      };
      ({ object } = memory.put(unlimited, address, ObjectBytes.of(bytes), options, reservation, now()));
      release = memory.hold(namespace, address, object);
    } finally {
      reservation?.release();
      // The memory may have no room for the object.
      dropBody(body);
    }
    if (!owned) return 'taken';
    const drop = async (by: number): Promise<unknown> => {
      const headers = { 'if-match': etag };
      const request = { ...asked, operation: 'drop', method: 'DELETE', path: `${path}?by=${by}`, headers } as const;
      // If only the response was lost, it is removed there already: the second request then says so.
      return peers.ask(from, request).catch(() => peers.ask(from, request));
    };
    try {
      // The object may come back there with the same tag. Without the epoch, a late request would remove it then.
      let dropped: unknown;
      while (dropped === undefined) {
        const { epoch } = owned;
        dropped = await unlessRenewed(owned, epoch, () => drop(epoch));
      }
    } catch (error) {
      if (error instanceof PeerError && error.fault === 'dead') return 'taken';
      // Its time may be over meanwhile, and it may have gone with the color: another one in its place stays.
      const time = now();
      if (memory.peek(namespace, address, time) === object) memory.delete(namespace, address, undefined, time);
      throw error;
    }
    return 'taken';
  } catch (error) {
    if (error instanceof ObjectError) throw error;
    if (error instanceof PeerError && error.fault === 'dead') return 'dead';
    throw away(from, error);
  } finally {
    release?.();
  }
}

/**
 * Removes an object from another invoker, which does not own the color.
 * @param by the epoch of the owner: the request may come late, when the other invoker has become the owner.
 * @throws ObjectError 503; 421 if the other invoker owns the color, or knows a later owner
 */
export async function dropAt(
  peers: PeerClient,
  from: Peer,
  namespace: ObjectNamespace,
  { color, key }: ObjectAddress,
  { by, timeoutMs }: { readonly by: number; readonly timeoutMs: number },
): Promise<'dropped' | 'dead'> {
  const path = `${objectPath(color, key)}?by=${by}`;
  try {
    await peers.ask(from, { operation: 'drop', method: 'DELETE', path, namespace, timeoutMs });
    return 'dropped';
  } catch (error) {
    if (error instanceof ObjectError) throw error;
    if (error instanceof PeerError && error.fault === 'dead') return 'dead';
    throw away(from, error);
  }
}

const away = ({ instance }: Peer, cause?: unknown): ObjectError =>
  new ObjectError(503, `invoker${instance}, which has the object, does not hand it over.`, { retryAfterS: 1, cause });
