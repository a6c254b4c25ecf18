/** What is expected where there is no room and nothing is known of durations, in ms. */
const LEAST_WAIT_MS = 0.001;

/**
 * What this controller may still send to one invoker: its share of the invoker's memory in MB, and for actions that
 * take several invocations in one container, the places that are free in containers already paid for.
 *
 * An action with a concurrency limit of 1 takes its memory at each invocation. One with a limit `c > 1` takes its memory
 * once for each `c` invocations under way: the first one pays for a container and leaves `c - 1` places; when a whole
 * container's worth of places is free again, its memory is given back.
 *
 * The memory may go below zero: colored invocations wait at their home, an overloaded system has no room anywhere, and
 * `resize` shrinks a share that is in use. What does not fit waits on the invoker.
 */
export class InvokerCapacity {
  #share: number;
  #free: number;
  #underWay = 0;
  /** Of all invocations in flight: MB, and MB times the duration to be expected. */
  #demanded = 0;
  #work = 0;
  /** When an invocation last ended, or the invoker became full, whichever is later; in ms. */
  #progressAt = 0;
  #concurrent: Map<string, { places: number; underWay: number }> | undefined;

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
    return this.#concurrent?.get(action)?.places;
  }

  fits(action: string, concurrency: number, memory: number): boolean {
    if (this.#free >= memory) return true;
    return concurrency > 1 && (this.#concurrent?.get(action)?.places ?? 0) > 0;
  }

  /**
   * How long an invocation would wait here for its memory, in ms, as far as can be expected: the memory that is missing,
   * over the rate at which memory is given back. That rate is the share over the mean duration of what is in flight.
   *
   * An example. A share of 1024 MB has room for 8 invocations of 128 MB, and 11 are in flight that take 40 ms on the mean. The
   * next one waits until 4 have ended: 4 · 128 MB are missing, and 1024 MB come back in 40 ms; so it waits 20 ms.
   *
   * If nothing has ended for longer than that since the invoker became full, what runs takes longer than usual: the wait is at
   * least that long. So one long call does not attract a queue. Only an invocation that has room waits for 0 ms: one that needs
   * more than the whole share has none, also where nothing is in flight.
   *
   * @param now in ms.
   */
  expectedWait(action: string, concurrency: number, memory: number, now: number): number {
    if (this.fits(action, concurrency, memory)) return 0;
    const missing = memory - this.#free;
    const meanMs = this.#demanded > 0 ? this.#work / this.#demanded : 0;
    return Math.max(LEAST_WAIT_MS, (missing * meanMs) / Math.max(1, this.#share), now - this.#progressAt);
  }

  /**
   * Takes what one invocation needs, whether it fits or not.
   * @param durationMs how long it is expected to run.
   * @param now in ms.
   */
  take(action: string, concurrency: number, memory: number, durationMs = 0, now = 0): void {
    this.#underWay++;
    this.#demanded += memory;
    this.#work += memory * durationMs;
    const hadRoom = this.#free >= memory;
    this.#reserve(action, concurrency, memory);
    if (hadRoom && this.#free < memory) this.#progressAt = now;
  }

  /** Gives back what one invocation took; the arguments are those of its `take`, and the time. */
  release(action: string, concurrency: number, memory: number, durationMs = 0, now = 0): void {
    this.#underWay--;
    this.#demanded -= memory;
    // Sums of fractions drift: with nothing in flight they are zero.
    this.#work = this.#underWay === 0 ? 0 : this.#work - memory * durationMs;
    this.#progressAt = now;
    if (concurrency <= 1) {
      this.#free += memory;
      return;
    }
    const entry = this.#concurrent?.get(action);
    if (!entry) return;
    entry.places++;
    entry.underWay--;
    if (entry.places === concurrency) {
      entry.places = 0;
      this.#free += memory;
    }
    if (entry.underWay === 0) this.#concurrent?.delete(action);
  }

  /** Changes the share and goes on counting what is in use. */
  resize(share: number): void {
    this.#free += share - this.#share;
    this.#share = share;
  }

  #reserve(action: string, concurrency: number, memory: number): void {
    if (concurrency <= 1) {
      this.#free -= memory;
      return;
    }
    this.#concurrent ??= new Map();
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
}
