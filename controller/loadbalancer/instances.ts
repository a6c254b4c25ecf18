import { hasRoom, searchOrder, type Candidate, type InvokerChoice, type ResourceRequest } from './schedule.js';
import type { Pool } from './Shares.js';

/*
 * The limit `instances` of an action: the most containers that it has at once
 * ===========================================================================
 *
 * Only an invoker knows its containers. So the limit is divided among invokers, and each message tells its invoker the
 * part. The invoker creates no more containers of the action than that; further activations wait there. The invokers are
 * visited in the order of the search for an uncolored invocation (`schedule.ts`). Each gets as many containers as fit
 * its memory, until the limit is used up. Order and memory are the same for all controllers, so all divide alike.
 *
 * Example: at most 5 containers of 256 MB, on invokers of 1024 MB; the order is 2, 0, 1. Invoker 2 gets 4 containers,
 * invoker 0 gets 1, invoker 1 gets none. An invocation goes to invoker 2 while it has room, then to invoker 0. If both
 * are full, it waits on the one with fewer invocations of the action for each container.
 *
 * A limit that takes a part of every invoker leaves colors their homes. With a smaller one, a color chooses only among
 * the containers of an invoker: its home may have no part.
 *
 * Trade-off: when an invoker goes down or returns, the parts move at once. Idle containers on an invoker without a part
 * stay until they are removed as usual, so for that time the action may have more containers than its limit.
 */

/** An invoker's part of the limit. */
export interface InstanceShare {
  readonly candidate: Candidate;
  /** The most containers of the action on this invoker: 1 or more. */
  readonly instances: number;
}

/** The invokers in the order of the search, those to use without room in the others last. */
export function* poolOrder({ candidates, stepSizes, fallback }: Pool, hash: number): Generator<Candidate> {
  yield* searchOrder(candidates, stepSizes, hash);
  if (fallback) yield* searchOrder(fallback.candidates, fallback.stepSizes, hash);
}

/**
 * Divides the limit. Invokers that are down get no part.
 * @param order the invokers in the order of the search.
 * @param instances the limit.
 * @param memory of one container in MB.
 */
export function divideInstances(order: Iterable<Candidate>, instances: number, memory: number): InstanceShare[] {
  const shares: InstanceShare[] = [];
  let left = instances;
  for (const candidate of order) {
    if (left <= 0) break;
    if (!candidate.up) continue;
    const part = Math.min(left, Math.floor(candidate.memory / Math.max(1, memory)));
    if (part > 0) shares.push({ candidate, instances: part });
    left -= part;
  }
  return shares;
}

/**
 * Whether each invoker that may get a colored invocation has a part.
 * @param candidates the invokers of the color's policy.
 * @param memory of one container in MB.
 */
export function coversAll(shares: readonly InstanceShare[], candidates: readonly Candidate[], memory: number): boolean {
  const parts = new Set(shares.map(({ candidate }) => candidate));
  return candidates.every((candidate) => !candidate.up || candidate.memory < memory || parts.has(candidate));
}

/**
 * The first share with room, else the one with the fewest invocations of the action in flight for each container;
 * undefined without shares.
 */
export function chooseShare(
  shares: readonly InstanceShare[],
  resources: ResourceRequest,
): (InvokerChoice & InstanceShare) | undefined {
  let least: InstanceShare | undefined;
  let leastLoad = Infinity;
  for (const share of shares) {
    if (hasRoom(share.candidate, resources)) return { ...share, overloaded: false };
    const load = (share.candidate.capacity.underWayOf(resources.key) + 1) / share.instances;
    if (load >= leastLoad) continue;
    least = share;
    leastLoad = load;
  }
  return least && { ...least, overloaded: true };
}
