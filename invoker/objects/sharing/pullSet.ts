import type { Peer } from '../../../shared/objects/Locate.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import type { ObjectMemory } from '../memory/ObjectMemory.js';
import { colorKey } from './colorKey.js';
import { copiesOf, fetchedOf } from './copies.js';
import type { CopyRequests } from './CopyRequests.js';
import type { CopySets, CopySetState } from './CopySets.js';
import { listAt } from './listAt.js';
import { pages } from './lists.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { takeObject } from './takeObject.js';

export interface PullParts {
  readonly peers: PeerClient;
  readonly requests: Pick<CopyRequests, 'fence'>;
  readonly memory: ObjectMemory;
  readonly sets: CopySets;
  /** Of this invoker: see `RaisedEpoch`. */
  readonly run: string;
  /** In ms; never decreases. */
  readonly now: () => number;
  /** Called with the number of fetched objects. */
  readonly onFetched: (objects: number) => void;
}

export interface PulledSet {
  readonly namespace: ObjectNamespace;
  readonly color: string;
  readonly policy: string | undefined;
  readonly from: Peer;
  readonly set: CopySetState;
  /** The set of this invoker if that has all acknowledged changes, too; undefined: not known. */
  readonly own?: CopySetState | undefined;
  /** Of the new owner. */
  readonly epoch: number;
  /** Whether the new owner still takes the color over. */
  readonly isCurrent: () => boolean;
}

/** The most objects in one list, and that are fetched at the same time. */
const PAGE = 1000;
const AT_ONCE = 8;
/** The limit for an invoker to begin to send an object, in ms. */
const TAKE_MS = 4000;

/** Of this process, so that two of them do not meet. */
let fetches = 0;

/**
 * Fetches a whole set of copies from another invoker, which keeps it and refuses requests of earlier owners from now on. Until it is here,
 * a set of this invoker with all acknowledged changes stays, since the other one may die. What both have is not fetched.
 * @returns undefined: it does not have the set any more, or is dead.
 * @throws ObjectError 503. Its cause is a `PeerError` if the invoker does not answer.
 */
export async function pullSet(parts: PullParts, asked: PulledSet): Promise<CopySetState | undefined> {
  const { sets, memory, now } = parts;
  const { namespace, color, policy, set, own } = asked;
  const space = fetchedOf(namespace, fetches++);
  try {
    if (!(await isThere(parts, asked))) return undefined;
    const known = sets.get(colorKey(namespace, color));
    const isOfUse =
      known?.complete === true &&
      (known === own || known.epoch >= (set.since ?? set.epoch) || (known.until ?? 0) >= set.epoch);
    if (!isOfUse) sets.drop(namespace, color);
    const before = isOfUse ? known : undefined;
    const keys = await fetchObjects(parts, asked, space);
    // The invoker may have started again meanwhile, or removed some of them for another owner.
    if (!keys || !(await isThere(parts, asked))) return undefined;
    sets.fetched(namespace, color, set, { policy, keys, from: space, before, now: now() });
    return set;
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    if (error.fault === 'dead') return undefined;
    throw new ObjectError(503, error.message, { retryAfterS: 1, cause: error });
  } finally {
    memory.clear(space, color);
  }
}

/** Fetches the objects that are not here into a space of their own. @returns the keys of all; undefined: the invoker is dead. @throws ObjectError 503 */
async function fetchObjects(
  { peers, memory, now, onFetched }: PullParts,
  { namespace, color, from, isCurrent }: PulledSet,
  space: ObjectNamespace,
): Promise<Set<string> | undefined> {
  const copies = copiesOf(namespace);
  const target = { peers, memory, now, namespace: space, space: copies, from };
  const fetch = (key: string) =>
    takeObject({ ...target, address: { color, key }, timeoutMs: TAKE_MS, stillOwned: isCurrent });
  const keys = new Set<string>();
  const page = (after: string | undefined) => listAt(peers, from, copies, { color, prefix: '', after, limit: PAGE });
  for await (const list of pages(page)) {
    if (!list) return undefined;
    for (const { key } of list.objects) keys.add(key);
    const missing = list.objects.filter(({ key, etag }) => memory.peek(copies, { color, key }, now())?.etag !== etag);
    for (let begin = 0; begin < missing.length; begin += AT_ONCE) {
      const some = missing.slice(begin, begin + AT_ONCE);
      // All must have ended before their space is cleared.
      const ended = await Promise.allSettled(some.map(({ key }) => fetch(key)));
      const taken = ended.map((outcome) => {
        if (outcome.status === 'rejected') throw outcome.reason;
        return outcome.value;
      });
      onFetched(taken.filter((outcome) => outcome === 'taken').length);
      if (taken.includes('dead')) return undefined;
      // Their time is over.
      for (const [index, { key }] of some.entries()) if (taken[index] !== 'taken') keys.delete(key);
    }
  }
  return keys;
}

/** Whether the invoker has the set. @throws ObjectError 503 if it has a later one; PeerError */
async function isThere(
  { requests, run }: PullParts,
  { namespace, color, from, set, epoch, isCurrent }: PulledSet,
): Promise<boolean> {
  if (!isCurrent()) throw movesOn();
  const { set: known } = await requests.fence(from, namespace, color, { epoch, run });
  // A set of this invoker that another one counts on must stay as it is.
  if (!isCurrent()) throw movesOn();
  if (known && known.epoch > set.epoch) throw movesOn();
  return known?.epoch === set.epoch && known.complete;
}

const movesOn = (): ObjectError => new ObjectError(503, 'Another invoker takes the color over.', { retryAfterS: 1 });
