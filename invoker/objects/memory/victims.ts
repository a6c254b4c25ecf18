/** An object that may be evicted. */
export interface Evictable {
  /** Its memory in bytes. */
  readonly cost: number;
  /** When it was last used. */
  readonly usedAt: number;
  /** The number of responses that send its bytes: its memory is not free before they end. */
  readonly holds: number;
}

/** The objects of a namespace that may be evicted, the least recently used first, and all its memory in bytes. */
export interface Owner<E extends Evictable> {
  readonly usedBytes: number;
  /** The part of it that is never evicted. */
  readonly keptBytes: number;
  readonly recency: Iterable<E>;
}

/**
 * Chooses the objects to evict for a request of `requester`, the least recently used first. Namespaces share the bound
 * equally: objects of a namespace within its share stay, unless the namespace evicts them itself by a request that
 * exceeds its share. What a namespace keeps beyond its share is taken from the shares of all others.
 * @param needed the memory to free in bytes, above 0.
 * @param requestBytes the memory that the request adds to the requester's.
 * @returns undefined if the eviction of all candidates does not free enough: then none should be evicted.
 */
export function victims<E extends Evictable>(
  owners: Iterable<Owner<E>>,
  bound: number,
  requester: Owner<E> | undefined,
  needed: number,
  requestBytes: number,
): E[] | undefined {
  const { chosen, freed } = choose(owners, bound, requester, needed, requestBytes);
  return freed < needed ? undefined : chosen;
}

/** Like `victims`, for no request: all candidates if their eviction does not free enough. */
export const victimsOfBound = <E extends Evictable>(owners: Iterable<Owner<E>>, bound: number, needed: number): E[] =>
  choose(owners, bound, undefined, needed, 0).chosen;

function choose<E extends Evictable>(
  owners: Iterable<Owner<E>>,
  bound: number,
  requester: Owner<E> | undefined,
  needed: number,
  requestBytes: number,
): { readonly chosen: E[]; readonly freed: number } {
  const all = [...owners];
  const share = fairShare(requester && !all.includes(requester) ? [...all, requester] : all, bound);
  const candidates = all.flatMap((owner): Candidate<E>[] => {
    const used = owner.usedBytes + (owner === requester ? requestBytes : 0);
    return used > share ? [{ used, rest: owner.recency[Symbol.iterator](), next: undefined }] : [];
  });
  for (const candidate of candidates) advance(candidate);
  const chosen: E[] = [];
  let freed = 0;
  while (freed < needed) {
    const from = leastRecent(candidates, share);
    if (!from?.next) break;
    chosen.push(from.next);
    freed += from.next.cost;
    from.used -= from.next.cost;
    advance(from);
  }
  return { chosen, freed };
}

/** The equal part of the bound of each namespace that keeps no more than it. */
function fairShare(owners: readonly Pick<Owner<Evictable>, 'keptBytes'>[], bound: number): number {
  let [rest, count] = [bound, owners.length];
  for (const { keptBytes } of owners.toSorted((a, b) => b.keptBytes - a.keptBytes)) {
    if (keptBytes * count <= rest) break;
    rest -= keptBytes;
    count--;
  }
  return Math.max(0, rest) / Math.max(1, count);
}

interface Candidate<E> {
  used: number;
  readonly rest: Iterator<E>;
  next: E | undefined;
}

/** Moves on to the next object that no response holds. */
function advance<E extends Evictable>(candidate: Candidate<E>): void {
  let step = candidate.rest.next();
  while (step.done !== true && step.value.holds > 0) step = candidate.rest.next();
  candidate.next = step.done === true ? undefined : step.value;
}

function leastRecent<E extends Evictable>(
  candidates: readonly Candidate<E>[],
  share: number,
): Candidate<E> | undefined {
  let found: Candidate<E> | undefined;
  for (const candidate of candidates) {
    if (!candidate.next || candidate.used <= share) continue;
    if (!found?.next || candidate.next.usedAt < found.next.usedAt) found = candidate;
  }
  return found;
}
