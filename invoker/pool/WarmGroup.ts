import { isAwake, type ContainerEntry, type ContainerList } from './ContainerEntry.js';

/** So many containers are remembered as having served one color, the latest first asked. */
const MAX_HOMES = 4;

/**
 * The containers of one action (in one revision, for one namespace), with those that have room in lists by how many
 * colors they lately served, the last used first. Finding a container for a color, or the one with the fewest colors,
 * looks at no container that it does not return.
 */
export class WarmGroup<E extends ContainerEntry> {
  /** Containers of the group, whatever they do. */
  members = 0;
  /** Activations that they have. */
  active = 0;
  /** When the last activation left one of them, in ms since the epoch. */
  lastUsed = 0;
  /** With room, and ready at once. */
  readonly #awake = new ByColors<E>();
  /** With room, once they are resumed. */
  readonly #asleep = new ByColors<E>();
  /** Being created or initialized for an action with a concurrency over 1, in the order of their starts. */
  readonly starting = new Set<E>();
  /** By color: who served it and still counts it among its colors, the last one at the end. */
  readonly #homes = new Map<string, E[]>();
  readonly #maxColors: number;

  constructor(maxColors: number) {
    this.#maxColors = maxColors;
  }

  /** The container with room that last served the color, one that is awake before one that is not; undefined where there is none. */
  home(color: string): E | undefined {
    const homes = this.#homes.get(color);
    let asleep: E | undefined;
    if (homes) {
      for (let i = homes.length - 1; i >= 0; i--) {
        const entry = homes[i];
        if (entry?.listed === undefined) continue;
        if (isAwake(entry)) return entry;
        asleep ??= entry;
      }
    }
    return asleep;
  }

  /** Of the containers with room, those that are awake first, the last used one of those with the fewest colors. */
  fewestColors(): E | undefined {
    return this.#awake.first() ?? this.#asleep.first();
  }

  /** Puts a container that has room in front of its list. */
  enlist(entry: E): void {
    entry.listed?.delete(entry);
    (isAwake(entry) ? this.#awake : this.#asleep).add(entry);
  }

  /** Takes a container that has no room, or is going away, out of its list. */
  delist(entry: E): void {
    entry.listed?.delete(entry);
  }

  /** Notes that the container serves the color: it is the color's home from now on. */
  serve(entry: E, color: string): void {
    const colors = (entry.colors ??= new Set());
    const homes = this.#homes.get(color);
    if (colors.delete(color)) {
      if (homes && homes.at(-1) !== entry) homes.push(...homes.splice(homes.indexOf(entry), 1));
    } else if (homes) {
      homes.push(entry);
      if (homes.length > MAX_HOMES) this.#lose(homes.shift(), color);
    } else {
      this.#homes.set(color, [entry]);
    }
    colors.add(color);
    if (colors.size > this.#maxColors) {
      const [oldest] = colors;
      if (oldest !== undefined) this.#forget(entry, oldest);
    }
  }

  /** Forgets a container that goes away. */
  remove(entry: E): void {
    this.members--;
    this.active -= entry.active;
    this.delist(entry);
    this.starting.delete(entry);
    for (const color of entry.colors ?? []) this.#forget(entry, color);
  }

  /** The container is no longer a home of the color, so it stands in the list of one color less. */
  #lose(entry: E | undefined, color: string): void {
    entry?.colors?.delete(color);
    if (entry?.listed !== undefined) this.enlist(entry);
  }

  #forget(entry: E, color: string): void {
    entry.colors?.delete(color);
    const homes = this.#homes.get(color);
    if (!homes) return;
    const index = homes.indexOf(entry);
    if (index >= 0) homes.splice(index, 1);
    if (homes.length === 0) this.#homes.delete(color);
  }
}

/** Containers by how many colors they have: those of one number linked through their own fields, the last added first. */
class ByColors<E extends ContainerEntry> implements ContainerList {
  /** By number of colors. An action without colors has only the first list. */
  readonly #heads: (E | undefined)[] = [];
  /** No list before this one has a container. */
  #lowest = 0;

  first(): E | undefined {
    for (; this.#lowest < this.#heads.length; this.#lowest++) {
      const entry = this.#heads[this.#lowest];
      if (entry) return entry;
    }
    return undefined;
  }

  add(entry: E): void {
    const colors = entry.colors?.size ?? 0;
    if (colors < this.#lowest) this.#lowest = colors;
    const head = this.#heads[colors];
    entry.listed = this;
    entry.listedColors = colors;
    entry.previous = undefined;
    entry.next = head;
    if (head) head.previous = entry;
    this.#heads[colors] = entry;
  }

  delete(entry: ContainerEntry): void {
    if (entry.previous) entry.previous.next = entry.next;
    else this.#heads[entry.listedColors] = entry.next as E | undefined;
    if (entry.next) entry.next.previous = entry.previous;
    entry.listed = entry.previous = entry.next = undefined;
  }
}
