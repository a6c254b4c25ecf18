import type { Slot, SlotList } from './slots.js';

/** So many containers are remembered as having served one color, the latest first asked. */
const MAX_HOMES = 4;

/**
 * The containers of one action (in one revision, for one namespace), with those that have room in lists by how many
 * colors they lately served, the last used first. Finding a container for a color, or the one with the fewest colors,
 * looks at no container that it does not return.
 */
export class WarmGroup<S extends Slot> {
  /** Containers of the group, whatever they do. */
  members = 0;
  /** Activations that they have. */
  active = 0;
  /** When the last activation left one of them, in ms since the epoch. */
  lastUsed = 0;
  /** With room, and ready at once. */
  readonly #awake = new ByColors<S>();
  /** With room, once they are resumed. */
  readonly #asleep = new ByColors<S>();
  /** Being created or initialized for an action with a concurrency over 1, in the order of their starts. */
  readonly starting = new Set<S>();
  /** By color: who served it and still counts it among its colors, the last one at the end. */
  readonly #homes = new Map<string, S[]>();
  readonly #maxColors: number;

  constructor(maxColors: number) {
    this.#maxColors = maxColors;
  }

  /** The container with room that last served the color, one that is awake before one that is not; undefined where there is none. */
  home(color: string): S | undefined {
    const homes = this.#homes.get(color);
    let asleep: S | undefined;
    if (homes) {
      for (let i = homes.length - 1; i >= 0; i--) {
        const slot = homes[i];
        if (slot?.listed === undefined) continue;
        if (isAwake(slot)) return slot;
        asleep ??= slot;
      }
    }
    return asleep;
  }

  /** Of the containers with room, those that are awake first, the last used one of those with the fewest colors. */
  fewestColors(): S | undefined {
    return this.#awake.first() ?? this.#asleep.first();
  }

  /** Puts a container that has room in front of its list. */
  enlist(slot: S): void {
    slot.listed?.delete(slot);
    (isAwake(slot) ? this.#awake : this.#asleep).add(slot);
  }

  /** Takes a container that has no room, or is going away, out of its list. */
  delist(slot: S): void {
    slot.listed?.delete(slot);
  }

  /** Notes that the container serves the color: it is the color's home from now on. */
  serve(slot: S, color: string): void {
    const colors = (slot.colors ??= new Set());
    const homes = this.#homes.get(color);
    if (colors.delete(color)) {
      if (homes && homes.at(-1) !== slot) homes.push(...homes.splice(homes.indexOf(slot), 1));
    } else if (homes) {
      homes.push(slot);
      if (homes.length > MAX_HOMES) this.#lose(homes.shift(), color);
    } else {
      this.#homes.set(color, [slot]);
    }
    colors.add(color);
    if (colors.size > this.#maxColors) {
      const [oldest] = colors;
      if (oldest !== undefined) this.#forget(slot, oldest);
    }
  }

  /** Forgets a container that goes away. */
  remove(slot: S): void {
    this.members--;
    this.active -= slot.active;
    this.delist(slot);
    this.starting.delete(slot);
    for (const color of slot.colors ?? []) this.#forget(slot, color);
  }

  /** The container is no longer a home of the color, so it stands in the list of one color less. */
  #lose(slot: S | undefined, color: string): void {
    slot?.colors?.delete(color);
    if (slot?.listed !== undefined) this.enlist(slot);
  }

  #forget(slot: S, color: string): void {
    slot.colors?.delete(color);
    const homes = this.#homes.get(color);
    if (!homes) return;
    const index = homes.indexOf(slot);
    if (index >= 0) homes.splice(index, 1);
    if (homes.length === 0) this.#homes.delete(color);
  }
}

/** Ready at once, without being resumed first. */
export function isAwake(slot: Slot): boolean {
  return slot.state === 'warm';
}

/** Containers by how many colors they have: those of one number linked through their own fields, the last added first. */
class ByColors<S extends Slot> implements SlotList {
  /** By number of colors. An action without colors has only the first list. */
  readonly #heads: (S | undefined)[] = [];
  /** No list before this one has a container. */
  #lowest = 0;

  first(): S | undefined {
    for (; this.#lowest < this.#heads.length; this.#lowest++) {
      const slot = this.#heads[this.#lowest];
      if (slot) return slot;
    }
    return undefined;
  }

  add(slot: S): void {
    const colors = slot.colors?.size ?? 0;
    if (colors < this.#lowest) this.#lowest = colors;
    const head = this.#heads[colors];
    slot.listed = this;
    slot.listedColors = colors;
    slot.previous = undefined;
    slot.next = head;
    if (head) head.previous = slot;
    this.#heads[colors] = slot;
  }

  delete(slot: Slot): void {
    if (slot.previous) slot.previous.next = slot.next;
    else this.#heads[slot.listedColors] = slot.next as S | undefined;
    if (slot.next) slot.next.previous = slot.previous;
    slot.listed = slot.previous = slot.next = undefined;
  }
}
