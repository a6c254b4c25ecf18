/** How long an ended object is remembered, in ms: its copy arrived as much later at most. And how many. */
const ENDED_MS = 30_000;
const MAX_ENDED = 10_000;

/** The places of replicated objects whose time was over a short time ago: copies of them in another invoker may still exist. */
export class EndedObjects {
  readonly #most: number;
  /** When the object has ended, in ms, by its place. */
  readonly #endedAt = new Map<string, number>();
  /** Until then an object may have ended that is not remembered, in ms. */
  #incompleteUntil = -Infinity;

  constructor(most = MAX_ENDED) {
    this.#most = most;
  }

  /** Whether none is remembered. */
  get isEmpty(): boolean {
    return this.#endedAt.size === 0;
  }

  /** @param endedAt when its time was over, in ms. */
  note(place: string, endedAt: number, now: number): void {
    this.#endedAt.delete(place);
    this.#endedAt.set(place, endedAt);
    for (const [earlier, at] of this.#endedAt) {
      const isOver = now - at >= ENDED_MS;
      if (!isOver && this.#endedAt.size <= this.#most) return;
      if (!isOver) this.#incompleteUntil = Math.max(this.#incompleteUntil, at + ENDED_MS);
      this.#endedAt.delete(earlier);
    }
  }

  /** Whether an object has ended at a place. `maybe`: too many have ended to remember all of them. */
  has(place: string, now: number): 'yes' | 'maybe' | 'no' {
    const at = this.#endedAt.get(place);
    if (at !== undefined && now - at < ENDED_MS) return 'yes';
    return now < this.#incompleteUntil ? 'maybe' : 'no';
  }
}
