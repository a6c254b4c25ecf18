import { mix, pointOf, type ColorKey } from '../colorKey.js';
import type { ColorPolicy, PolicyOptions, Room } from '../ColorPolicy.js';
import { ColorTable } from '../ColorTable.js';
import { Ring, type Choice } from '../Ring.js';
import { Strangers } from '../Strangers.js';

/** Enough that a full home's colors spread over the others; the homes themselves are not taken from the ring. */
const SPILL_POINTS = 64;

/**
 * Least assigned: a table says which invoker is the home of a color; a new color goes to the healthy invoker with the
 * fewest (equally few: the one that a hash of color and invoker prefers, so that controllers that assign different colors
 * at once choose different ones). The next choices come from a ring. Colors are even to one, whatever their hashes; in
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
  readonly #strangers = new Strangers();
  readonly #left = new Set<number>();
  /** By invoker: the colors in the table that have it as home, also of one that left. */
  #counts = new Int32Array(16);
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
    const point = pointOf(color, this.#options.seed);
    return this.#ring.walk(point, this.#options.choices - 1, (invoker) => room.accepts(invoker), home, 1);
  }

  joined(invokers: readonly number[]): void {
    this.#ring.add(invokers);
    for (const invoker of invokers) this.#left.delete(invoker);
    const top = Math.max(...this.#ring.members, 0);
    if (top >= this.#counts.length) this.#growCounts(top);
  }

  left(invoker: number): void {
    // Its colors move when they are next seen; if it is back before, they are at home again.
    this.#ring.remove(invoker);
    this.#left.add(invoker);
    this.#unhealthy.delete(invoker);
  }

  becameHealthy(invoker: number, healthy: boolean): void {
    if (healthy) this.#unhealthy.delete(invoker);
    else this.#unhealthy.add(invoker);
  }

  loadReport(): void {
    const missing = [...this.#counts.keys()].filter(
      (invoker) => (this.#counts[invoker] as number) > 0 && !this.#ring.has(invoker) && !this.#left.has(invoker),
    );
    for (const gone of this.#strangers.missing(missing)) this.#left.add(gone);
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
    const point = pointOf(color, this.#options.seed);
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

  #settle(color: ColorKey, before: number | undefined): number | undefined {
    const invoker = this.#fewest(color);
    if (invoker === undefined) return undefined;
    if (before !== undefined) this.#moves++;
    this.#put(color, before, invoker);
    this.#onAssigned(color, invoker);
    return invoker;
  }

  /** Of the healthy invokers the one with the fewest colors; where none is healthy, of all. */
  #fewest(color: ColorKey): number | undefined {
    const { members } = this.#ring;
    const anyHealthy = this.#unhealthy.size < members.length || members.some((member) => !this.#unhealthy.has(member));
    const low = color >>> 0;
    let found: number | undefined;
    let fewest = Infinity;
    let preference = -1;
    for (const member of members) {
      const count = this.#counts[member] as number;
      if (count > fewest || (anyHealthy && this.#unhealthy.size > 0 && this.#unhealthy.has(member))) continue;
      const own = mix(low ^ mix(member + 1));
      if (count < fewest || own > preference) {
        found = member;
        fewest = count;
        preference = own;
      }
    }
    return found;
  }

  #put(color: ColorKey, before: number | undefined, invoker: number): void {
    const forgotten = this.#table.set(color, invoker);
    if (before !== undefined) (this.#counts[before] as number)--;
    if (forgotten >= 0) (this.#counts[forgotten] as number)--;
    (this.#counts[invoker] as number)++;
  }

  #growCounts(top: number): void {
    const counts = new Int32Array((top + 1) * 2);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
