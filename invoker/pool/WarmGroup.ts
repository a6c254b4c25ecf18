import { isAwake, type ContainerEntry, type ContainerList } from './ContainerEntry.js';

/** The most containers to remember for one color. The latest one is preferred. */
const MAX_HOMES = 4;

/**
 * The containers of one action (of one revision and namespace). Those with room are in lists by their number of recent
 * colors, the last used one first. So a search for a color's container, or for the container with the fewest colors,
 * visits only the container that it returns.
 */
export class WarmGroup<E extends ContainerEntry> {
  /** The number of containers in any state. */
  members = 0;
  /** The number of their activations. */
  active = 0;
  /** The time of the last end of an activation, in ms since the epoch. */
  lastUsed = 0;
  /** The running average of its runs, in ms; undefined before the end of the first run. */
  meanRunMs: number | undefined;
  /** Containers with room that can serve at once. */
  readonly #awake = new ByColors<E>();
  /** Containers with room that must be resumed first. */
  readonly #asleep = new ByColors<E>();
  /** Containers being created or initialized for an action with a concurrency over 1, in the order of their starts. */
  readonly starting = new Set<E>();
  /** The containers that recently served a color, by color, the latest one last. */
  readonly #homes = new Map<string, Set<E>>();
  readonly #maxColors: number;

  constructor(maxColors: number) {
    this.#maxColors = maxColors;
  }

  /**
   * The container with room that last served the color. Prefers awake containers. Undefined without such a container.
   */
  home(color: string): E | undefined {
    let awake: E | undefined;
    let asleep: E | undefined;
    for (const entry of this.#homes.get(color) ?? []) {
      if (entry.listed === undefined) continue;
      if (isAwake(entry)) awake = entry;
      else asleep = entry;
    }
    return awake ?? asleep;
  }

  /** The warm containers without room that recently served the color. */
  busyHomes(color: string): E[] {
    const busy: E[] = [];
    for (const entry of this.#homes.get(color) ?? []) {
      if (entry.listed === undefined && isAwake(entry)) busy.push(entry);
    }
    return busy;
  }

  /** The container with room and the fewest colors. Prefers awake containers, then the last used one. */
  fewestColors(): E | undefined {
    return this.#awake.first() ?? this.#asleep.first();
  }

  /** Adds a container with room at the front of its list. */
  enlist(entry: E): void {
    entry.listed?.delete(entry);
    (isAwake(entry) ? this.#awake : this.#asleep).add(entry);
  }

  /** Removes a container without room, or a retired one, from its list. */
  delist(entry: E): void {
    entry.listed?.delete(entry);
  }

  /** Makes the container the latest home of the color. */
  serve(entry: E, color: string): void {
    const colors = (entry.colors ??= new Set());
    let homes = this.#homes.get(color);
    if (!homes) this.#homes.set(color, (homes = new Set()));
    // Each goes to the end, where the latest is.
    colors.delete(color);
    colors.add(color);
    homes.delete(entry);
    homes.add(entry);
    if (homes.size > MAX_HOMES) {
      const [oldest] = homes;
      if (oldest !== undefined) this.#lose(oldest, color);
    }
    if (colors.size > this.#maxColors) {
      const [oldest] = colors;
      if (oldest !== undefined) this.#forget(entry, oldest);
    }
  }

  /** Removes a retired container. */
  remove(entry: E): void {
    this.members--;
    this.active -= entry.active;
    this.delist(entry);
    this.starting.delete(entry);
    for (const color of entry.colors ?? []) this.#forget(entry, color);
  }

  /** Removes a home of the color. The container moves to the list of one color less. */
  #lose(entry: E, color: string): void {
    this.#forget(entry, color);
    if (entry.listed !== undefined) this.enlist(entry);
  }

  #forget(entry: E, color: string): void {
    entry.colors?.delete(color);
    const homes = this.#homes.get(color);
    homes?.delete(entry);
    if (homes?.size === 0) this.#homes.delete(color);
  }
}

/**
 * Containers by their number of colors. Each list is linked through the containers' fields, the last added one first.
 */
class ByColors<E extends ContainerEntry> implements ContainerList {
  /** Lists by number of colors. An action without colors has only the first list. */
  readonly #heads: (E | undefined)[] = [];
  /** All lists before this one are empty. */
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
    this.#lowest = Math.min(this.#lowest, colors);
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
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only entries that `add` took, of type E, are linked
    else this.#heads[entry.listedColors] = entry.next as E | undefined;
    if (entry.next) entry.next.previous = entry.previous;
    entry.listed = entry.previous = entry.next = undefined;
  }
}
