import type { InvokerCapacity } from './InvokerCapacity.js';

/*
 * Apache OpenWhisk's sharding algorithm
 * =====================================
 *
 * The statement. Every pair of namespace and action has a hash. Of `n` invokers, the one at `hash mod n` is the action's
 * home, and the search for room always starts there. Where the home is not up or has no room for the action's memory,
 * the search goes on by a fixed step until every invoker was looked at once. The step is taken, by the same hash, from
 * the numbers below `n` that have no divisor in common with `n` nor with each other; so the walk meets each invoker
 * once, and two actions with the same home mostly go separate ways from there. If there is room nowhere, the system
 * is overloaded and an invoker that is up is chosen at random: it queues. If none is up, there is no answer.
 *
 * What it trades. The home is where a warm container most likely is, and the hash makes every controller agree on it
 * without a word between them, also one of Apache OpenWhisk. In return, nothing is known of where containers really are;
 * two heavy actions with one home evict each other's containers though other invokers idle; and when `n` changes nearly
 * every action gets a new home. Capacity is each controller's own estimate: it counts what it sent, and takes an equal
 * share of each invoker (`shares.ts`), so that one busy controller may overload while the share of an idle one lies free.
 */

/** An invoker as the search sees it. */
export interface Candidate {
  /** The number of its topic. */
  readonly instance: number;
  readonly up: boolean;
  /** Whether it ever sent a ping; if not, it only fills a gap in the numbers. */
  readonly seen: boolean;
  /** MB for containers, as its ping says; not only this controller's share. */
  readonly memory: number;
  readonly capacity: InvokerCapacity;
}

/** What one invocation takes of an invoker. */
export interface ResourceRequest {
  /** Name and version of the action: invocations of the same one share a container where `concurrency` lets them. */
  readonly key: string;
  readonly concurrency: number;
  /** MB */
  readonly memory: number;
  /** How long it is expected to run, in ms. Missing: not known. */
  readonly durationMs?: number | undefined;
}

export interface InvokerChoice {
  readonly candidate: Candidate;
  /** There was room nowhere. */
  readonly overloaded: boolean;
}

function hasRoom(candidate: Candidate, resources: ResourceRequest): boolean {
  return candidate.up && candidate.capacity.fits(resources.key, resources.concurrency, resources.memory);
}

/**
 * Finds the invoker for an invocation; takes no slot.
 *
 * An example: 10 invokers, all up, and a hash of 13. The home is `13 mod 10 = 3`. The step sizes for 10 are 1, 3 and 7,
 * and the hash takes the one at `13 mod 3 = 1`, so 3. The search looks at 3, 6, 9, 2, 5, 8, 1, 4, 7, 0.
 *
 * @param stepSizes of `stepSizes(candidates.length)`.
 * @param random a number from 0 up to 1, for the overload.
 * @returns undefined where no invoker is up.
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
    const candidate = candidates[index] as Candidate;
    if (hasRoom(candidate, resources)) return { candidate, overloaded: false };
    index = (index + step) % count;
  }
  return overload(candidates, random);
}

/** Any invoker that is up, all equally likely; undefined where there is none. */
function overload(candidates: readonly Candidate[], random: () => number): InvokerChoice | undefined {
  const up = candidates.filter((candidate) => candidate.up);
  const candidate = up[Math.floor(random() * up.length)];
  return candidate && { candidate, overloaded: true };
}

/**
 * The numbers from 1 to `count` that have no divisor in common with `count` nor with a smaller one of them. For 10: 1, 3, 7
 * (not 9, because of 3). These are 1 and the primes that do not divide `count`: a product of such primes has a divisor in
 * common with each of them. A sieve finds them, so that a high number of invokers does not hold up the process.
 */
export function stepSizes(count: number): number[] {
  if (count < 1) return [];
  const sizes = [1];
  const composite = new Uint8Array(count + 1);
  for (let prime = 2; prime <= count; prime++) {
    if (composite[prime] === 1) continue;
    for (let multiple = prime * prime; multiple <= count; multiple += prime) composite[multiple] = 1;
    if (count % prime !== 0) sizes.push(prime);
  }
  return sizes;
}

/**
 * The hash of an action for the namespace that invokes it: the two strings' Java hash codes, xored, without the sign.
 * @param action path and name, without version or leading slash.
 */
export function generateHash(namespace: string, action: string): number {
  // Java's abs() leaves its smallest number negative, which would be no index; ours is then 2^31.
  return Math.abs(javaHashCode(namespace) ^ javaHashCode(action));
}

/** `String.hashCode` of Java: 31-adic over UTF-16 code units, in 32 bits with sign. */
export function javaHashCode(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0;
  return hash;
}
