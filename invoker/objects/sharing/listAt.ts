import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import { objectPath } from '../../../shared/objects/objectPath.js';
import type { ListRequest, ObjectList } from '../../../shared/objects/ObjectRequest.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { objectListSchema } from './lists.js';
import { PeerError, type PeerClient } from './PeerClient.js';

/** The objects of a color in the memory of another invoker; undefined: it is dead. @throws ObjectError 503 */
export async function listAt(
  peers: PeerClient,
  peer: Peer,
  namespace: ObjectNamespace,
  { color, prefix, after, limit }: Pick<ListRequest, 'color' | 'prefix' | 'after' | 'limit'>,
  timeoutMs?: number,
): Promise<ObjectList | undefined> {
  const query = new URLSearchParams({ prefix, limit: String(limit), ...(after === undefined ? {} : { after }) });
  const path = `${objectPath(color)}?${query.toString()}`;
  try {
    return objectListSchema.parse(
      await peers.ask(peer, { operation: 'list', method: 'GET', path, namespace, timeoutMs }),
    );
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    if (error.fault !== 'dead') throw new ObjectError(503, error.message, { retryAfterS: 1, cause: error });
    return undefined;
  }
}
