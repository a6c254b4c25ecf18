import { mix } from './colorKey.js';
import type { ColorChoice, Weight } from './ColorPolicy.js';
import { numberAt } from '../collections/at.js';

/** The most points of a member, as a multiple of `pointsEach`: one invoker may have far more memory than the others. */
const MOST = 16;

/**
 * A ring of 2^32 points for consistent hashing. Each member has many points, in proportion to its weight. The clockwise
 * order of the members from a point hardly changes when a member joins or leaves.
 */
export class Ring {
  readonly #seed: number;
  readonly #pointsEach: number;
  #points = new Uint32Array(0);
  #owners = new Uint16Array(0);
  #members: readonly number[] = [];
  readonly #weights = new Map<number, Weight>();
  /** The number of points by member. */
  readonly #counts = new Map<number, number>();
  #isMember = new Uint8Array(16);
  /** The last walk that visited each member. */
  #met = new Uint32Array(16);
  #walk = 0;

  /** @param pointsEach the points of one member. The shares vary by about 1/√points. */
  constructor(seed: number, pointsEach: number) {
    this.#seed = seed;
    this.#pointsEach = pointsEach;
  }

  get size(): number {
    return this.#members.length;
  }

  get members(): readonly number[] {
    return this.#members;
  }

  has(member: number): boolean {
    return this.#isMember[member] === 1;
  }

  /** Adds members (0 to 65,535). Ignores known ones. */
  add(members: readonly number[]): void {
    const added = [...new Set(members)].filter((member) => !this.has(member));
    if (added.length === 0) return;
    this.#members = [...this.#members, ...added].toSorted((a, b) => a - b);
    const top = (this.#members.at(-1) ?? 0) + 1;
    if (this.#met.length < top) {
      this.#met = new Uint32Array(top * 2);
      this.#isMember = new Uint8Array(top * 2);
    }
    for (const member of this.#members) this.#isMember[member] = 1;
    this.#repoint();
  }

  /** Sets the weights of present or future members. The default weight is 1. */
  weigh(weights: readonly Weight[]): void {
    for (const weight of weights) this.#weights.set(weight.invoker, weight);
    this.#repoint();
  }

  remove(member: number): void {
    if (!this.has(member)) return;
    this.#isMember[member] = 0;
    this.#members = this.#members.filter((other) => other !== member);
    this.#weights.delete(member);
    this.#drop(new Set([member]));
    this.#repoint();
  }

  /** The member of the first point at or after `point`; undefined without members. */
  at(point: number): number | undefined {
    return this.#owners[this.#indexOf(point)];
  }

  /**
   * The first member from a point on that suits; undefined if none does. May call `suits` repeatedly for one member.
   */
  first(point: number, suits: (member: number) => boolean): number | undefined {
    const count = this.#owners.length;
    let index = this.#indexOf(point);
    for (let step = 0; step < count; step++) {
      const owner = this.#owners[index];
      if (owner !== undefined && suits(owner)) return owner;
      index = index + 1 === count ? 0 : index + 1;
    }
    return undefined;
  }

  /**
   * Walks around the ring from a point and stops at the first member that `accepts`. Calls it at most once for each
   * member.
   * @param limit the most members that may refuse. A member with the result undefined does not count.
   * @param skip a member to skip, or -1.
   * @param rank of the first visited member.
   */
  walk(
    point: number,
    limit: number,
    accepts: (member: number, rank: number) => boolean | undefined,
    skip = -1,
    rank = 0,
  ): ColorChoice | undefined {
    const count = this.#owners.length;
    let index = this.#indexOf(point);
    const first = this.#owners[index];
    if (first === undefined) return undefined;
    let met = 0;
    let left = limit;
    if (first !== skip) {
      const answer = accepts(first, rank);
      if (answer === true) return { invoker: first, rank };
      met++;
      if (answer === false) left--;
    }
    const walk = ++this.#walk >>> 0;
    this.#met[first] = walk;
    // Outside of the array, as with -1, this writes nothing.
    this.#met[skip] = walk;
    const all = this.#members.length - (this.has(skip) ? 1 : 0);
    for (let step = 1; step < count && left > 0 && met < all; step++) {
      index = index + 1 === count ? 0 : index + 1;
      const owner = this.#owners[index];
      if (owner === undefined || this.#met[owner] === walk) continue;
      this.#met[owner] = walk;
      const answer = accepts(owner, rank + met);
      if (answer === true) return { invoker: owner, rank: rank + met };
      met++;
      if (answer === false) left--;
    }
    return undefined;
  }

  #indexOf(point: number): number {
    const points = this.#points;
    let low = 0;
    let high = points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((points[middle] ?? Infinity) < point) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }

  /** Gives each member the points for its weight. The first points of a member are always the same. */
  #repoint(): void {
    const unit = this.#unit();
    const shrunk = new Set<number>();
    for (const member of this.#members) {
      if (this.#earned(member, unit) < (this.#counts.get(member) ?? 0)) shrunk.add(member);
    }
    if (shrunk.size > 0) this.#drop(shrunk);
    const added: number[] = [];
    for (const member of this.#members) {
      const earned = this.#earned(member, unit);
      const own = mix(this.#seed ^ mix(member + 1));
      for (let i = this.#counts.get(member) ?? 0; i < earned; i++) {
        added.push(mix(own + Math.imul(i, 0x9e3779b1)) * 65_536 + member);
      }
      this.#counts.set(member, earned);
    }
    // Sort by `point * 65,536 + member`, so that members with the same point are in order.
    if (added.length > 0) this.#merge(Float64Array.from(added).toSorted());
  }

  /**
   * The weight that gets `pointsEach` points: the largest power of two that is at most the smallest weight above 0. It
   * depends on the current weights only, so that controllers with different histories have the same ring.
   */
  #unit(): number {
    let least = Infinity;
    for (const member of this.#members) {
      const weight = this.#weights.get(member)?.weight ?? 1;
      if (weight > 0) least = Math.min(least, weight);
    }
    return 2 ** Math.floor(Math.log2(least));
  }

  #earned(member: number, unit: number): number {
    const weight = this.#weights.get(member);
    if (!weight) return this.#pointsEach;
    const points = Math.min(MOST, weight.weight / unit) * weight.warmth * this.#pointsEach;
    return Math.max(1, Math.round(points));
  }

  /** Removes all points of some members. */
  #drop(members: ReadonlySet<number>): void {
    for (const member of members) this.#counts.delete(member);
    const keep: number[] = [];
    this.#owners.forEach((owner, index) => {
      if (!members.has(owner)) keep.push(index);
    });
    const points = this.#points;
    const owners = this.#owners;
    this.#points = Uint32Array.from(keep, (index) => numberAt(points, index));
    this.#owners = Uint16Array.from(keep, (index) => numberAt(owners, index));
  }

  #merge(added: Float64Array): void {
    const length = this.#points.length + added.length;
    const points = new Uint32Array(length);
    const owners = new Uint16Array(length);
    let old = 0;
    let fresh = 0;
    for (let to = 0; to < length; to++) {
      const key = added[fresh];
      const oldKey =
        old < this.#points.length ? numberAt(this.#points, old) * 65_536 + numberAt(this.#owners, old) : Infinity;
      if (key !== undefined && key < oldKey) {
        points[to] = Math.floor(key / 65_536);
        owners[to] = key % 65_536;
        fresh++;
      } else {
        points[to] = numberAt(this.#points, old);
        owners[to] = numberAt(this.#owners, old++);
      }
    }
    this.#points = points;
    this.#owners = owners;
  }
}
