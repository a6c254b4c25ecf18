/**
 * First in, first out, with a way back to the front for an item that was taken too early. Each step takes constant
 * time, amortized: a ring that doubles as it fills and halves as it empties.
 */
export class Queue<T> {
  #slots: (T | undefined)[] = empty<T>(SMALLEST);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    this.#makeRoom();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
  }

  pushFront(item: T): void {
    this.#makeRoom();
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#size++;
  }

  /** Inserts an item after the leading items that come before it. Takes a step for each of them. */
  insert(item: T, comesBefore: (other: T) => boolean): void {
    const earlier: T[] = [];
    for (let first = this.peek(); first !== undefined && comesBefore(first); first = this.peek()) {
      earlier.push(first);
      this.shift();
    }
    this.pushFront(item);
    for (let last = earlier.pop(); last !== undefined; last = earlier.pop()) this.pushFront(last);
  }

  /** The oldest item, without removing it. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  /** Removes and returns the oldest item; undefined if the queue is empty. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    if (this.#slots.length > SMALLEST && this.#size < this.#slots.length / 4) this.#resize(this.#slots.length / 2);
    return item;
  }

  /** The item at a position, 0 for the oldest one. */
  at(index: number): T | undefined {
    return index < this.#size ? this.#slots[(this.#head + index) & (this.#slots.length - 1)] : undefined;
  }

  /** Moves the item at a position to the front. Takes a step for each item before it. */
  bringForward(index: number): void {
    const item = this.at(index);
    if (item === undefined) return;
    const mask = this.#slots.length - 1;
    for (let i = index; i > 0; i--) {
      this.#slots[(this.#head + i) & mask] = this.#slots[(this.#head + i - 1) & mask];
    }
    this.#slots[this.#head] = item;
  }

  #makeRoom(): void {
    if (this.#size === this.#slots.length) this.#resize(this.#slots.length * 2);
  }

  #resize(capacity: number): void {
    const slots = empty<T>(capacity);
    for (let i = 0; i < this.#size; i++) slots[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}

/** The smallest capacity. Every capacity is a power of two, so that a mask wraps the index. */
const SMALLEST = 8;

const empty = <T>(capacity: number): (T | undefined)[] => Array.from<T | undefined>({ length: capacity });
