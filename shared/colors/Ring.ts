import { mix } from './colorKey.js';

/** An invoker that was chosen, and the how-manieth choice it was: 0 is the home. */
export interface Choice {
  readonly invoker: number;
  readonly rank: number;
}

/**
 * A circle of 2^32 points on which each member has many: from any point on, clockwise, the members come in an order that
 * hardly changes when one joins or leaves.
 */
export class Ring {
  readonly #seed: number;
  readonly #pointsEach: number;
  #points = new Uint32Array(0);
  #owners = new Uint16Array(0);
  #members: readonly number[] = [];
  #isMember = new Uint8Array(16);
  /** By member: the last walk that met it. */
  #met = new Uint32Array(16);
  #walk = 0;

  /** @param pointsEach of one member: the more, the more even the shares (they vary by about 1/√points). */
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

  /** Adds members (0 to 65,535); one that is there is left alone. */
  add(members: readonly number[]): void {
    const added = [...new Set(members)].filter((member) => !this.has(member));
    if (added.length === 0) return;
    this.#members = [...this.#members, ...added].toSorted((a, b) => a - b);
    const top = (this.#members.at(-1) as number) + 1;
    if (this.#met.length < top) {
      this.#met = new Uint32Array(top * 2);
      this.#isMember = new Uint8Array(top * 2);
    }
    for (const member of this.#members) this.#isMember[member] = 1;
    this.#merge(this.#pointsOf(added));
  }

  remove(member: number): void {
    if (!this.has(member)) return;
    this.#isMember[member] = 0;
    this.#members = this.#members.filter((other) => other !== member);
    const points = new Uint32Array(this.#members.length * this.#pointsEach);
    const owners = new Uint16Array(points.length);
    let to = 0;
    for (let from = 0; from < this.#owners.length; from++) {
      if (this.#owners[from] === member) continue;
      points[to] = this.#points[from] as number;
      owners[to++] = this.#owners[from] as number;
    }
    this.#points = points;
    this.#owners = owners;
  }

  /** The member whose point is the first at or after `point`; undefined without members. */
  at(point: number): number | undefined {
    return this.#owners[this.#indexOf(point)];
  }

  /** The first member from a point on that suits; one may be asked again and again. Undefined where none does. */
  first(point: number, suits: (member: number) => boolean): number | undefined {
    const count = this.#owners.length;
    let index = this.#indexOf(point);
    for (let step = 0; step < count; step++) {
      const owner = this.#owners[index] as number;
      if (suits(owner)) return owner;
      index = index + 1 === count ? 0 : index + 1;
    }
    return undefined;
  }

  /**
   * Goes from a point around and stops at the first member that `accepts` takes; each member is asked at most once.
   * @param limit goes no further than so many members that said no; one that says undefined does not count as asked.
   * @param skip a member that is not asked (already was), or -1.
   * @param rank of the first one that is met.
   */
  walk(
    point: number,
    limit: number,
    accepts: (member: number) => boolean | undefined,
    skip = -1,
    rank = 0,
  ): Choice | undefined {
    const count = this.#owners.length;
    if (count === 0) return undefined;
    let index = this.#indexOf(point);
    const first = this.#owners[index] as number;
    let met = 0;
    let left = limit;
    if (first !== skip) {
      const answer = accepts(first);
      if (answer === true) return { invoker: first, rank };
      met++;
      if (answer === false) left--;
    }
    const walk = ++this.#walk >>> 0;
    this.#met[first] = walk;
    if (skip >= 0 && skip < this.#met.length) this.#met[skip] = walk;
    const all = this.#members.length - (this.has(skip) ? 1 : 0);
    for (let step = 1; step < count && left > 0 && met < all; step++) {
      index = index + 1 === count ? 0 : index + 1;
      const owner = this.#owners[index] as number;
      if (this.#met[owner] === walk) continue;
      this.#met[owner] = walk;
      const answer = accepts(owner);
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
      if ((points[middle] as number) < point) low = middle + 1;
      else high = middle;
    }
    return low === points.length ? 0 : low;
  }

  /** The points of members as `point * 65,536 + member`, sorted: members with the same point come in their own order. */
  #pointsOf(members: readonly number[]): Float64Array {
    const points = new Float64Array(members.length * this.#pointsEach);
    let at = 0;
    for (const member of members) {
      const own = mix(this.#seed ^ mix(member + 1));
      for (let i = 0; i < this.#pointsEach; i++) points[at++] = mix(own + Math.imul(i, 0x9e3779b1)) * 65_536 + member;
    }
    return points.toSorted();
  }

  #merge(added: Float64Array): void {
    const length = this.#points.length + added.length;
    const points = new Uint32Array(length);
    const owners = new Uint16Array(length);
    let old = 0;
    let fresh = 0;
    for (let to = 0; to < length; to++) {
      const key = added[fresh];
      const oldKey = old < this.#points.length ? keyOf(this.#points[old], this.#owners[old]) : Infinity;
      if (key !== undefined && key < oldKey) {
        points[to] = Math.floor(key / 65_536);
        owners[to] = key % 65_536;
        fresh++;
      } else {
        points[to] = this.#points[old] as number;
        owners[to] = this.#owners[old++] as number;
      }
    }
    this.#points = points;
    this.#owners = owners;
  }
}

const keyOf = (point: number | undefined, owner: number | undefined): number =>
  (point as number) * 65_536 + (owner as number);
