/**
 * The changes of a controller that the others have not all seen yet. Only controllers that have answered are waited for:
 * those of Apache OpenWhisk, and ours of earlier versions, never do.
 *
 *   other: unknown → answers → waited for → it leaves, or has not answered a change in time → unknown
 *
 * A change ends when this controller has got its own message back, and every controller that is waited for has answered.
 */
export class PendingChanges {
  readonly #pending = new Map<number, () => void>();
  /** The latest change that each controller has seen. */
  readonly #others = new Map<string, number>();
  #last: number;
  #returned = 0;

  /** @param start the changes get larger numbers. */
  constructor(start: number) {
    this.#last = start;
  }

  /** @param onEnd called once, when the change has ended. @returns the number of the change */
  begin(onEnd: () => void): number {
    const change = ++this.#last;
    this.#pending.set(change, onEnd);
    return change;
  }

  /** This controller has got its own message back. */
  returned(change: number): void {
    this.#returned = Math.max(this.#returned, change);
    this.#endSeen();
  }

  /** Another controller has seen all changes up to this one. */
  seenBy(other: string, change: number): void {
    if (this.#others.size >= MAX_OTHERS && !this.#others.has(other)) return;
    this.#others.set(other, Math.max(this.#others.get(other) ?? 0, change));
    this.#endSeen();
  }

  /** Another controller has started. It gets the messages from now on, and has cached nothing before. */
  joined(other: string): void {
    this.seenBy(other, this.#last);
  }

  left(other: string): void {
    this.#others.delete(other);
    this.#endSeen();
  }

  /** Ends a change whose time is over. The next ones do not wait for who has not answered it, until it answers again. */
  giveUp(change: number): void {
    // Otherwise the bus is late, and not a controller.
    if (this.#returned >= change) {
      for (const [other, seen] of this.#others) if (seen < change) this.#others.delete(other);
    }
    this.fail(change);
    this.#endSeen();
  }

  /** Ends a change whose message was not sent. */
  fail(change: number): void {
    const onEnd = this.#pending.get(change);
    this.#pending.delete(change);
    onEnd?.();
  }

  #endSeen(): void {
    const seen = Math.min(this.#returned, ...this.#others.values());
    for (const change of this.#pending.keys()) {
      if (change > seen) return;
      this.fail(change);
    }
  }
}

/** More than the controllers of any installation. */
const MAX_OTHERS = 1000;
