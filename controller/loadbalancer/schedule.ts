import type { InvokerCapacity } from './InvokerCapacity.js';

/*
 * Apache OpenWhisk's sharding algorithm
 * =====================================
 *
 * Every pair of namespace and action has a hash. Of `n` invokers, the one at `hash mod n` is the action's home, and the
 * search for room starts there. If the home is not up or has no room for the action's memory, the search continues by a
 * fixed step until it has visited every invoker once. The hash also chooses the step, from the numbers below `n` that
 * are coprime to `n` and to each other. So the search visits each invoker once, and two actions with the same home
 * usually take different paths. If no invoker has room, the system is overloaded: the invocation queues on a random
 * invoker that is up. If no invoker is up, there is no result.
 *
 * Trade-off: a warm container is most likely at the home, and the hash makes every controller, also one of Apache
 * OpenWhisk, choose the same home without communication. On the other hand, the search does not know where containers
 * really are. Two heavy actions with one home evict each other's containers while other invokers are idle. When `n`
 * changes, nearly every action gets a new home. Capacity is each controller's own estimate: it counts its own
 * invocations and takes an equal share of each invoker (`Shares.ts`), so a busy controller may be overloaded while the
 * share of an idle one is free.
 */

/** An invoker as the search sees it. */
export interface Candidate {
  /** The number of its topic. */
  readonly instance: number;
  readonly up: boolean;
  /** Whether it ever sent a ping. Otherwise it only fills a gap in the numbers. */
  readonly seen: boolean;
  /** The memory for containers in MB, from its ping; not only this controller's share. */
  readonly memory: number;
  readonly capacity: InvokerCapacity;
}

/** The resources that one invocation takes. */
export interface ResourceRequest {
  /** The action's name and version. Invocations with the same key may share a container, up to `concurrency`. */
  readonly key: string;
  readonly concurrency: number;
  /** MB */
  readonly memory: number;
  /** The expected duration in ms. Missing: unknown. */
  readonly durationMs?: number | undefined;
  /** The time that a run takes longer if it misses its color, in ms. Missing: unknown. */
  readonly missCostMs?: number | undefined;
  /** The most containers of the action by invoker: see `instances.ts`. Missing: no limit. */
  readonly parts?: ReadonlyMap<number, number> | undefined;
}

export interface InvokerChoice {
  readonly candidate: Candidate;
  /** Whether no invoker had room. */
  readonly overloaded: boolean;
  /** The resources with the limits on containers, if the action has a limit. */
  readonly resources?: ResourceRequest | undefined;
}

export function hasRoom(candidate: Candidate, resources: ResourceRequest): boolean {
  const { key, concurrency, memory, parts } = resources;
  return candidate.up && candidate.capacity.fits(key, concurrency, memory, parts?.get(candidate.instance));
}

/**
 * Finds the invoker for an invocation; takes no slot.
 *
 * Example: 10 invokers are up, and the hash is 13. The home is `13 mod 10 = 3`. The step sizes for 10 are 1, 3 and 7,
 * and the hash chooses index `13 mod 3 = 1`, so the step is 3. The search visits 3, 6, 9, 2, 5, 8, 1, 4, 7, 0.
 *
 * @param stepSizes the result of `stepSizes(candidates.length)`.
 * @param random returns a number from 0 up to 1, for an overload.
 * @returns undefined if no invoker is up.
 */
export function schedule(
  candidates: readonly Candidate[],
  stepSizes: readonly number[],
  hash: number,
  resources: ResourceRequest,
  random: () => number,
): InvokerChoice | undefined {
  const count = candidates.length;
  if (count === 0) return undefined;
  const step = stepSizes[hash % stepSizes.length] ?? 1;
  let index = hash % count;
  for (let looked = 0; looked < count; looked++) {
    const candidate = candidates[index];
    if (candidate && hasRoom(candidate, resources)) return { candidate, overloaded: false };
    index = (index + step) % count;
  }
  return overload(candidates, random);
}

/** A random invoker that is up; undefined if no invoker is up. */
function overload(candidates: readonly Candidate[], random: () => number): InvokerChoice | undefined {
  const up = candidates.filter((candidate) => candidate.up);
  const candidate = up[Math.floor(random() * up.length)];
  return candidate && { candidate, overloaded: true };
}

/**
 * The numbers from 1 to `count` that are coprime to `count` and to each other. For 10: 1, 3, 7 (not 9, because of 3).
 * They are 1 and the primes that do not divide `count`. A sieve finds them, so that a large number of invokers does not
 * block the process.
 */
export function stepSizes(count: number): number[] {
  if (count < 1) return [];
  const sizes = [1];
  const composite = new Uint8Array(count);
  for (let prime = 2; prime < count; prime++) {
    if (composite[prime] === 1) continue;
    for (let multiple = prime * prime; multiple < count; multiple += prime) composite[multiple] = 1;
    if (count % prime !== 0) sizes.push(prime);
  }
  return sizes;
}

/**
 * The hash of an action for its invoking namespace: the xor of the two strings' Java hash codes, without the sign.
 * @param action the path and name, without version or leading slash.
 */
export function generateHash(namespace: string, action: string): number {
  // Java's abs() of the smallest integer is negative and not an index; here it becomes 2^31.
  return Math.abs(javaHashCode(namespace) ^ javaHashCode(action));
}

/** Java's `String.hashCode`: base 31 over UTF-16 code units, as a signed 32-bit integer. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}

/** The invokers in the order of the search of `schedule`. */
export function* searchOrder(
  candidates: readonly Candidate[],
  stepSizes: readonly number[],
  hash: number,
): Generator<Candidate> {
  const count = candidates.length;
  const step = stepSizes[hash % stepSizes.length] ?? 1;
  let index = hash % count;
  for (let looked = 0; looked < count; looked++) {
    const candidate = candidates[index];
    if (candidate) yield candidate;
    index = (index + step) % count;
  }
}
