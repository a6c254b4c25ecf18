import { pointOf, type ColorKey } from '../colorKey.js';
import {
  REPORT_MS,
  type ColorChoice,
  type ColorPolicy,
  type InvokerLoad,
  type PolicySurroundings,
  type PolicyOptions,
  type Room,
  type SharedState,
  type SharedUpdate,
  type Weight,
} from '../ColorPolicy.js';
import { ColorTable, NONE } from '../ColorTable.js';
import { LiveColors } from '../LiveColors.js';
import { Ring } from '../Ring.js';
import { UnknownOwners } from '../UnknownOwners.js';

/**
 * The points of an invoker on the ring: enough to spread the colors of a full home. Homes do not depend on the ring.
 */
const SPILL_POINTS = 64;

/**
 * Least assigned: a table contains the home of each color. A new color goes to the healthy invoker with the fewest live
 * colors for its weight (`LiveColors`). The next choices come from a ring. The counts of colors differ by at most one.
 * The price is memory for every color, and a table that controllers must share. Beyond `maxColors` it forgets the least
 * recently used colors; a forgotten color that returns is new.
 *
 * A color is shared with the other controllers when it gets a home, and every `tellAgainReports` while it is in use,
 * since the topic drops messages after a week.
 */
export class LeastAssigned implements ColorPolicy {
  readonly name = 'least-assigned';
  readonly #options: PolicyOptions;
  readonly #share: (update: SharedUpdate) => void;
  readonly #table: ColorTable;
  readonly #ring: Ring;
  readonly #live = new LiveColors();
  readonly #unknownOwners = new UnknownOwners();
  readonly #left = new Set<number>();
  /** The number of load reports so far, as the time. */
  #now = 0;
  #moves = 0;

  constructor({ options, share }: PolicySurroundings) {
    this.#options = options;
    this.#share = share;
    this.#table = new ColorTable(options.maxColors);
    this.#ring = new Ring(options.seed, SPILL_POINTS);
  }

  /** Each update contains one color and its home. */
  readonly shared: SharedState = {
    adopt: ({ key, value }: SharedUpdate, ageMs: number): void => {
      const color = key === '' ? NaN : Number(key);
      if (!Number.isSafeInteger(color) || typeof value !== 'number' || !Number.isInteger(value)) return;
      if (value < 0 || value > 65_534) return;
      const known = this.#table.find(color);
      const before = known === NONE ? undefined : this.#table.invokerOf(known);
      if (before !== undefined && before !== value) this.#moves++;
      const entry = before === value ? known : this.#put(color, value);
      this.#table.told(entry, this.#now - Math.round(ageMs / REPORT_MS));
    },
    holds: ({ key, value }: SharedUpdate): boolean => {
      const entry = this.#table.find(Number(key));
      return entry !== NONE && this.#table.invokerOf(entry) === value;
    },
  };

  get moves(): number {
    return this.#moves;
  }

  /** The size of the table in bytes. */
  get bytes(): number {
    return this.#table.bytes;
  }

  get size(): number {
    return this.#table.size;
  }

  assign(color: ColorKey, room: Room): ColorChoice | undefined {
    const home = this.#home(color);
    if (home === undefined) return undefined;
    // After a restart, a home that has not pinged yet is treated like one that is down.
    if (this.#ring.has(home) && room.accepts(home, 0)) return { invoker: home, rank: 0 };
    const accepts = (invoker: number, rank: number): boolean => room.accepts(invoker, rank);
    return this.#ring.walk(this.#spillPoint(color), this.#options.choices - 1, accepts, home, 1);
  }

  joined(invokers: readonly number[]): void {
    this.#ring.add(invokers);
    for (const invoker of invokers) this.#left.delete(invoker);
    this.#live.join(invokers);
  }

  left(invoker: number): void {
    // Its colors move at their next use. If it returns before that, they stay.
    this.#ring.remove(invoker);
    this.#left.add(invoker);
    this.#live.leave(invoker);
  }

  becameHealthy(invoker: number, healthy: boolean): void {
    this.#live.setHealthy(invoker, healthy);
  }

  weigh(weights: readonly Weight[]): void {
    this.#ring.weigh(weights);
    this.#live.weigh(weights);
  }

  loadReport(_loads: readonly InvokerLoad[] = []): void {
    this.#now++;
    const since = this.#now - this.#options.liveReports;
    this.#table.expire(since, (entry) => this.#live.remove(this.#table.invokerOf(entry)));
    this.#live.limitArrears();
    const missing = this.#live.owners().filter((owner) => !this.#ring.has(owner) && !this.#left.has(owner));
    for (const gone of this.#unknownOwners.missing(missing)) this.#left.add(gone);
  }

  homes(color: ColorKey): readonly number[] {
    const entry = this.#table.find(color);
    if (entry === NONE) return [];
    const home = this.#table.invokerOf(entry);
    if (this.#left.has(home)) return [];
    const homes = [home];
    const note = (invoker: number): boolean => {
      homes.push(invoker);
      return false;
    };
    this.#ring.walk(this.#spillPoint(color), this.#options.choices - 1, note, home, 1);
    return homes;
  }

  /** Counts live colors only. */
  census(): { invoker: number; colors: number }[] {
    return this.#ring.members.map((invoker) => ({ invoker, colors: this.#live.of(invoker) }));
  }

  /**
   * The point for next choices. It differs by color: otherwise all colors of a full invoker would go to the same
   * neighbours.
   */
  #spillPoint(color: ColorKey): number {
    return pointOf(color, this.#options.seed + 1);
  }

  /** The home of a color in use. Chooses a new home for a new color, or if the invoker has left. */
  #home(color: ColorKey): number | undefined {
    const entry = this.#table.find(color);
    const known = entry === NONE ? undefined : this.#table.invokerOf(entry);
    if (known === undefined || this.#left.has(known)) {
      const fresh = this.#live.least(pointOf(color, this.#options.seed));
      if (fresh === undefined) return undefined;
      if (known !== undefined) this.#moves++;
      this.#tell(color, this.#put(color, fresh));
      return fresh;
    }
    if (!this.#table.isLive(entry)) this.#live.add(known);
    this.#table.touch(entry, this.#now);
    if (this.#now - this.#table.toldAt(entry) >= this.#options.tellAgainReports) this.#tell(color, entry);
    return known;
  }

  #put(color: ColorKey, invoker: number): number {
    const known = this.#table.find(color);
    if (known !== NONE && this.#table.isLive(known)) this.#live.remove(this.#table.invokerOf(known));
    this.#live.add(invoker);
    return this.#table.set(color, invoker, this.#now, (forgotten) => {
      if (this.#table.isLive(forgotten)) this.#live.remove(this.#table.invokerOf(forgotten));
    });
  }

  #tell(color: ColorKey, entry: number): void {
    this.#table.told(entry, this.#now);
    this.#share({ key: String(color), value: this.#table.invokerOf(entry) });
  }
}
