import { numberAt } from '../../../shared/collections/at.js';

/** Future events, the earliest first. An event is a number. Events at the same time come in any order, but always the same. */
export class EventHeap {
  #times = new Float64Array(1024);
  #events = new Int32Array(1024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The time of the earliest event; `Infinity` without events. */
  get first(): number {
    return this.#size > 0 ? numberAt(this.#times, 0) : Infinity;
  }

  push(time: number, event: number): void {
    if (this.#size === this.#times.length) this.#grow();
    const [times, events] = [this.#times, this.#events];
    let index = this.#size++;
    while (index > 0) {
      const parent = (index - 1) >> 2;
      const above = numberAt(times, parent);
      if (above <= time) break;
      times[index] = above;
      events[index] = numberAt(events, parent);
      index = parent;
    }
    times[index] = time;
    events[index] = event;
  }

  /** Removes the earliest event. @throws RangeError without events. */
  pop(): number {
    if (this.#size === 0) throw new RangeError('there are no events');
    const [times, events] = [this.#times, this.#events];
    const first = numberAt(events, 0);
    const size = --this.#size;
    const time = numberAt(times, size);
    const event = numberAt(events, size);
    let index = 0;
    for (;;) {
      const begin = 4 * index + 1;
      if (begin >= size) break;
      let child = begin;
      for (let other = begin + 1; other < begin + 4 && other < size; other++) {
        if (numberAt(times, other) < numberAt(times, child)) child = other;
      }
      const least = numberAt(times, child);
      if (least >= time) break;
      times[index] = least;
      events[index] = numberAt(events, child);
      index = child;
    }
    times[index] = time;
    events[index] = event;
    return first;
  }

  #grow(): void {
    const [times, events] = [this.#times, this.#events];
    (this.#times = new Float64Array(2 * times.length)).set(times);
    (this.#events = new Int32Array(2 * events.length)).set(events);
  }
}
