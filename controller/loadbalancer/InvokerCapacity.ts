/** The containers of an action that has a concurrency limit over 1 or a limit on its containers. */
interface Containers {
  /** Their free places. */
  places: number;
  /** The number of invocations in flight, and of those that wait because of the limit on containers. */
  underWay: number;
  waiting: number;
  containers: number;
  /** The time at which one last ended, or all containers became full, whichever is later; in ms. */
  progressAt: number;
}

/** The expected wait without room if no duration is known, in ms. */
const LEAST_WAIT_MS = 0.001;

/**
 * This controller's capacity on one invoker: its share of the invoker's memory in MB, and the free places in containers
 * of actions with a concurrency limit over 1.
 *
 * An action with a concurrency limit of 1 takes its memory for each invocation. An action with a limit `c > 1` takes
 * its memory once for each `c` invocations: the first one takes a container's memory and adds `c - 1` places. When all
 * places of a container are free, its memory is released.
 *
 * If the action may have only so many containers here (its part of the limit `instances`), invocations beyond take no
 * memory: they wait for one of these containers, and the memory is free for other actions.
 *
 * The free memory may be negative: colored invocations wait at their home, invocations without room anywhere go to a
 * random invoker, and `resize` shrinks a share in use. Invocations that do not fit wait on the invoker.
 */
export class InvokerCapacity {
  #share: number;
  #free: number;
  #underWay = 0;
  /** Sums over all invocations in flight: MB, and MB times the expected duration. */
  #demanded = 0;
  #work = 0;
  /** The time at which an invocation last ended or the invoker became full, whichever is later; in ms. */
  #progressAt = 0;
  #concurrent: Map<string, Containers> | undefined;
  /** The sum of the used MB over time, in MB · ms, up to `#usedAt`. */
  #usage = 0;
  #usedAt = 0;

  /** @param share MB */
  constructor(share: number) {
    this.#share = share;
    this.#free = share;
  }

  get share(): number {
    return this.#share;
  }

  /** Free MB; negative if invocations take more than the share. */
  get free(): number {
    return this.#free;
  }

  get used(): number {
    return this.#share - this.#free;
  }

  /** The used MB summed over the time until now, in MB · ms: a difference over its time is the mean of the used MB. */
  usageUntil(now: number): number {
    if (now > this.#usedAt) {
      this.#usage += this.used * (now - this.#usedAt);
      this.#usedAt = now;
    }
    return this.#usage;
  }

  /** The number of invocations in flight. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The free places in an action's containers, if its concurrency limit is over 1. */
  placesOf(action: string): number | undefined {
    return this.#concurrent?.get(action)?.places;
  }

  /** An action's invocations in flight, if its concurrency limit is over 1 or its containers are limited. */
  underWayOf(action: string): number {
    return this.#concurrent?.get(action)?.underWay ?? 0;
  }

  /** @param limit the most containers of the action. */
  fits(action: string, concurrency: number, memory: number, limit = Infinity): boolean {
    const known = this.#concurrent?.get(action);
    if (concurrency > 1 && known !== undefined && known.places > 0) return true;
    return this.#free >= memory && (known === undefined || known.containers < limit);
  }

  /**
   * The expected wait of an invocation for its memory, in ms: the missing memory divided by the rate at which memory is
   * released. The rate is the share divided by the mean duration of the invocations in flight.
   *
   * Example: a share of 1024 MB has room for 8 invocations of 128 MB. 11 are in flight, with a mean duration of 40 ms.
   * The next one waits until 4 have ended: 4 · 128 MB are missing, and 1024 MB are released in 40 ms, so it waits 20
   * ms.
   *
   * If no invocation has ended for longer than that since the invoker became full, the running ones take longer than
   * usual. Then the expected wait is the elapsed time, so that one long invocation does not attract a queue. The wait
   * is 0 only if the invocation has room. An invocation that needs more than the whole share never has room.
   *
   * An action with all its containers waits until one of them has a place: its waiting invocations take turns. One
   * long invocation does not attract a queue here either.
   *
   * @param now in ms.
   * @param limit the most containers of the action.
   */
  expectedWait(action: string, concurrency: number, memory: number, now: number, limit = Infinity): number {
    if (this.fits(action, concurrency, memory, limit)) return 0;
    const meanMs = this.#demanded > 0 ? this.#work / this.#demanded : 0;
    const known = this.#concurrent?.get(action);
    if (known !== undefined && known.containers >= limit) {
      const turnMs = ((known.waiting + 1) * meanMs) / (limit * concurrency);
      return Math.max(LEAST_WAIT_MS, turnMs, now - known.progressAt);
    }
    const missing = memory - this.#free;
    return Math.max(LEAST_WAIT_MS, (missing * meanMs) / Math.max(1, this.#share), now - this.#progressAt);
  }

  /**
   * Takes the memory or the place for one invocation, even if it does not fit.
   * @param durationMs the expected duration.
   * @param now in ms.
   */
  take(action: string, concurrency: number, memory: number, durationMs = 0, now = 0, limit = Infinity): void {
    this.usageUntil(now);
    this.#underWay++;
    this.#demanded += memory;
    this.#work += memory * durationMs;
    const hadRoom = this.#free >= memory;
    this.#reserve(action, concurrency, memory, now, limit);
    if (hadRoom && this.#free < memory) this.#progressAt = now;
  }

  /**
   * Releases the memory or the place of one invocation. The arguments are those of its `take`, with the current time.
   */
  release(action: string, concurrency: number, memory: number, durationMs = 0, now = 0, limit = Infinity): void {
    this.usageUntil(now);
    this.#underWay--;
    this.#demanded -= memory;
    // Sums of fractions drift: set them to zero when no invocation is in flight.
    this.#work = this.#underWay === 0 ? 0 : this.#work - memory * durationMs;
    this.#progressAt = now;
    if (concurrency <= 1 && limit === Infinity) {
      this.#free += memory;
      return;
    }
    const entry = this.#concurrent?.get(action);
    if (!entry) return;
    entry.underWay--;
    entry.progressAt = now;
    // A waiting invocation takes the place.
    if (entry.waiting > 0) {
      entry.waiting--;
      return;
    }
    entry.places++;
    if (entry.places === concurrency) {
      entry.places = 0;
      entry.containers--;
      this.#free += memory;
    }
    if (entry.underWay === 0) this.#concurrent?.delete(action);
  }

  /** Changes the share. The memory in use stays counted. */
  resize(share: number): void {
    this.#free += share - this.#share;
    this.#share = share;
  }

  #reserve(action: string, concurrency: number, memory: number, now: number, limit: number): void {
    if (concurrency <= 1 && limit === Infinity) {
      this.#free -= memory;
      return;
    }
    this.#concurrent ??= new Map();
    let entry = this.#concurrent.get(action);
    if (!entry) {
      entry = { places: 0, underWay: 0, waiting: 0, containers: 0, progressAt: now };
      this.#concurrent.set(action, entry);
    }
    entry.underWay++;
    if (entry.places > 0) {
      entry.places--;
    } else if (entry.containers >= limit) {
      entry.waiting++;
      return;
    } else {
      this.#free -= memory;
      entry.containers++;
      entry.places = concurrency - 1;
    }
    if (entry.places === 0) entry.progressAt = now;
  }
}
