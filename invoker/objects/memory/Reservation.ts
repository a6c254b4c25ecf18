/** Memory for a body that is being read. */
export class Reservation {
  readonly #take: (bytes: number, now: number) => void;
  readonly #release: (bytes: number) => void;
  #bytes = 0;
  #released = false;

  constructor(take: (bytes: number, now: number) => void, release: (bytes: number) => void) {
    this.#take = take;
    this.#release = release;
  }

  /** The reserved bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reserves more. @throws as `ObjectMemory.reserve` does. */
  grow(bytes: number, now: number): void {
    if (this.#released) throw new Error('the reservation has ended');
    this.#take(bytes, now);
    this.#bytes += bytes;
  }

  /** Releases the memory. A second call has no effect. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#release(this.#bytes);
  }
}
