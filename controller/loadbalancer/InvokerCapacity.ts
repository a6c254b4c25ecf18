/**
 * What this controller may still send to one invoker: its share of the invoker's memory in MB, and for actions that
 * take several invocations in one container, the places that are free in containers already paid for.
 *
 * An action with a concurrency limit of 1 takes its memory at each invocation. One with a limit `c > 1` takes its memory
 * once for each `c` invocations under way: the first one pays for a container and leaves `c - 1` places; when a whole
 * container's worth of places is free again, its memory is given back.
 *
 * The memory may go below zero: by `force` where the whole system is overloaded, and by `resize` where the share shrinks
 * while it is in use.
 */
export class InvokerCapacity {
  #share: number;
  #free: number;
  #underWay = 0;
  readonly #concurrent = new Map<string, { places: number; underWay: number }>();

  /** @param share MB */
  constructor(share: number) {
    this.#share = share;
    this.#free = share;
  }

  get share(): number {
    return this.#share;
  }

  /** MB; below zero where more was given out than the share. */
  get free(): number {
    return this.#free;
  }

  get used(): number {
    return this.#share - this.#free;
  }

  /** Invocations that took something and did not release it yet. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Places free in containers of an action that are paid for, for those with a concurrency limit over 1. */
  placesOf(action: string): number | undefined {
    return this.#concurrent.get(action)?.places;
  }

  fits(action: string, concurrency: number, memory: number): boolean {
    if (this.#free >= memory) return true;
    return concurrency > 1 && (this.#concurrent.get(action)?.places ?? 0) > 0;
  }

  /** Takes what one invocation needs, whether it fits or not. */
  take(action: string, concurrency: number, memory: number): void {
    this.#underWay++;
    if (concurrency <= 1) {
      this.#free -= memory;
      return;
    }
    let entry = this.#concurrent.get(action);
    if (!entry) this.#concurrent.set(action, (entry = { places: 0, underWay: 0 }));
    entry.underWay++;
    if (entry.places > 0) {
      entry.places--;
    } else {
      this.#free -= memory;
      entry.places = concurrency - 1;
    }
  }

  /** Gives back what one invocation took; the arguments are those of its `take`. */
  release(action: string, concurrency: number, memory: number): void {
    this.#underWay--;
    if (concurrency <= 1) {
      this.#free += memory;
      return;
    }
    const entry = this.#concurrent.get(action);
    if (!entry) return;
    entry.places++;
    entry.underWay--;
    if (entry.places === concurrency) {
      entry.places = 0;
      this.#free += memory;
    }
    if (entry.underWay === 0) this.#concurrent.delete(action);
  }

  /** Changes the share and goes on counting what is in use. */
  resize(share: number): void {
    this.#free += share - this.#share;
    this.#share = share;
  }
}
