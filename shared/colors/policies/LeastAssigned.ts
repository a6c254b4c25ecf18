import { pointOf, type ColorKey } from '../colorKey.js';
import type { ColorPolicy, PolicyOptions, Room } from '../ColorPolicy.js';
import { ColorTable } from '../ColorTable.js';
import { Ring, type Choice } from '../Ring.js';
import { UnknownOwners } from '../UnknownOwners.js';

/** Enough that a full home's colors spread over the others; the homes themselves are not taken from the ring. */
const SPILL_POINTS = 64;

/**
 * Least assigned: a table says which invoker is the home of a color; a new color goes to the healthy invoker with the
 * fewest (equally few: the first of them from the color's point on a ring, so that controllers that assign different colors
 * at once choose different ones). The next choices come from the ring too. Colors are even to one, whatever their hashes; in
 * return every color seen takes memory, and controllers have to share the table. The colors not seen for longest are
 * forgotten beyond `maxColors`; one that comes back is new.
 */
export class LeastAssigned implements ColorPolicy {
  readonly name = 'least-assigned';
  readonly #options: PolicyOptions;
  readonly #onAssigned: (color: ColorKey, invoker: number) => void;
  readonly #table: ColorTable;
  readonly #ring: Ring;
  readonly #unhealthy = new Set<number>();
  readonly #unknownOwners = new UnknownOwners();
  readonly #left = new Set<number>();
  /** By invoker: the colors in the table that have it as home, also of one that left. */
  #counts = new Int32Array(16);
  /** The fewest colors that a candidate for new ones has, and how many have just as few; 0 where that has to be counted. */
  #fewest = 0;
  #withFewest = 0;
  #moves = 0;

  /** @param onAssigned called when this policy gave a color a home (not for one that it adopted). */
  constructor(options: PolicyOptions, onAssigned: (color: ColorKey, invoker: number) => void = () => undefined) {
    this.#options = options;
    this.#onAssigned = onAssigned;
    this.#table = new ColorTable(options.maxColors);
    this.#ring = new Ring(options.seed, SPILL_POINTS);
  }

  get moves(): number {
    return this.#moves;
  }

  /** Bytes of the table. */
  get bytes(): number {
    return this.#table.bytes;
  }

  get size(): number {
    return this.#table.size;
  }

  assign(color: ColorKey, room: Room): Choice | undefined {
    const known = this.#table.get(color);
    const home = known !== undefined && !this.#left.has(known) ? known : this.#settle(color, known);
    if (home === undefined) return undefined;
    // A home that has not shown up yet, after a restart, is waited for as one that is down.
    if (this.#ring.has(home) && room.accepts(home)) return { invoker: home, rank: 0 };
    const point = this.#spillPoint(color);
    return this.#ring.walk(point, this.#options.choices - 1, (invoker) => room.accepts(invoker), home, 1);
  }

  joined(invokers: readonly number[]): void {
    this.#withFewest = 0;
    this.#ring.add(invokers);
    for (const invoker of invokers) this.#left.delete(invoker);
    const top = Math.max(...this.#ring.members, 0);
    if (top >= this.#counts.length) this.#growCounts(top);
  }

  left(invoker: number): void {
    // Its colors move when they are next seen; if it is back before, they are at home again.
    this.#withFewest = 0;
    this.#ring.remove(invoker);
    this.#left.add(invoker);
    this.#unhealthy.delete(invoker);
  }

  becameHealthy(invoker: number, healthy: boolean): void {
    this.#withFewest = 0;
    if (healthy) this.#unhealthy.delete(invoker);
    else this.#unhealthy.add(invoker);
  }

  loadReport(): void {
    const missing = [...this.#counts.keys()].filter(
      (invoker) => (this.#counts[invoker] as number) > 0 && !this.#ring.has(invoker) && !this.#left.has(invoker),
    );
    for (const gone of this.#unknownOwners.missing(missing)) this.#left.add(gone);
  }

  /** Takes over what another controller assigned. */
  adopt(color: ColorKey, invoker: number): void {
    if (invoker >= this.#counts.length) this.#growCounts(invoker);
    const before = this.#table.peek(color);
    if (before === invoker) return;
    if (before !== undefined) this.#moves++;
    this.#put(color, before, invoker);
  }

  homes(color: ColorKey): readonly number[] {
    const home = this.#table.peek(color);
    if (home === undefined || this.#left.has(home)) return [];
    const homes = [home];
    const point = this.#spillPoint(color);
    const note = (invoker: number): boolean => {
      homes.push(invoker);
      return false;
    };
    this.#ring.walk(point, this.#options.choices - 1, note, home, 1);
    return homes;
  }

  census(): { invoker: number; colors: number }[] {
    return this.#ring.members.map((invoker) => ({ invoker, colors: this.#counts[invoker] as number }));
  }

  /** Another point than that of the home, or what spills from one invoker would all go to its neighbours on the ring. */
  #spillPoint(color: ColorKey): number {
    return pointOf(color, this.#options.seed + 1);
  }

  #settle(color: ColorKey, before: number | undefined): number | undefined {
    if (this.#withFewest === 0) this.#count();
    const fits = (invoker: number): boolean => this.#counts[invoker] === this.#fewest && this.#isCandidate(invoker);
    const invoker = this.#ring.first(pointOf(color, this.#options.seed), fits);
    if (invoker === undefined) return undefined;
    if (before !== undefined) this.#moves++;
    this.#put(color, before, invoker);
    this.#onAssigned(color, invoker);
    return invoker;
  }

  /** Whether new colors may go there: it is healthy, or none is. */
  #isCandidate(invoker: number): boolean {
    return this.#unhealthy.size === 0 || !this.#unhealthy.has(invoker) || this.#unhealthy.size >= this.#ring.size;
  }

  #count(): void {
    this.#fewest = Infinity;
    for (const member of this.#ring.members) {
      if (!this.#isCandidate(member)) continue;
      const count = this.#counts[member] as number;
      if (count > this.#fewest) continue;
      this.#withFewest = count === this.#fewest ? this.#withFewest + 1 : 1;
      this.#fewest = count;
    }
  }

  #put(color: ColorKey, before: number | undefined, invoker: number): void {
    const forgotten = this.#table.set(color, invoker);
    if (before !== undefined) this.#changeCount(before, -1);
    if (forgotten >= 0) this.#changeCount(forgotten, -1);
    this.#changeCount(invoker, 1);
  }

  #changeCount(invoker: number, change: 1 | -1): void {
    const before = this.#counts[invoker] as number;
    this.#counts[invoker] = before + change;
    if (this.#withFewest === 0 || !this.#ring.has(invoker) || !this.#isCandidate(invoker)) return;
    // What goes below the fewest is rare enough to count all again.
    if (before === this.#fewest) this.#withFewest = change === 1 ? this.#withFewest - 1 : 0;
    else if (before + change === this.#fewest) this.#withFewest++;
  }

  #growCounts(top: number): void {
    const counts = new Int32Array((top + 1) * 2);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
