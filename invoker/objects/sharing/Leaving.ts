/** Who wants to know when this invoker gives a color away, by color. */
export class Leaving {
  readonly #callbacks = new Map<string, Set<() => void>>();

  /** Calls `leave` once. @returns a function that ends this. */
  add(color: string, leave: () => void): () => void {
    let callbacks = this.#callbacks.get(color);
    if (!callbacks) this.#callbacks.set(color, (callbacks = new Set()));
    callbacks.add(leave);
    return () => {
      const left = this.#callbacks.get(color);
      if (left?.delete(leave) === true && left.size === 0) this.#callbacks.delete(color);
    };
  }

  leave(color: string): void {
    const callbacks = this.#callbacks.get(color) ?? [];
    this.#callbacks.delete(color);
    for (const leave of callbacks) leave();
  }

  leaveAll(): void {
    for (const color of this.#callbacks.keys()) this.leave(color);
  }
}
