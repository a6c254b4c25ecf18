import { numberAt } from '../../shared/collections/at.js';

/** One invocation of a trace, as it is in a line of a trace's file. */
export interface TraceEvent {
  /** The time of its arrival, in ms from the start. */
  readonly t: number;
  /** Missing or null: no color. */
  readonly color?: string | null | undefined;
  /** The name of its action. */
  readonly action: string;
  /** The objects that it reads. Missing: none. */
  readonly reads?: readonly TraceObject[] | undefined;
  /** The objects that it writes. Missing: none. */
  readonly writes?: readonly TraceObject[] | undefined;
  /** Its duration in ms with all objects in memory. */
  readonly ms: number;
}

/** An object by its key; its size is 1 byte, unless it is given. */
export type TraceObject = string | readonly [key: string, bytes: number];

/**
 * A trace in columns: element `i` of `t`, `color`, `action` and `ms` belongs to invocation `i`. Its reads are the
 * elements of `reads` from `readStart[i]` up to before `readStart[i + 1]`; its writes likewise. Invocations are in the
 * order of their arrival.
 */
export interface Trace {
  /** The names of the colors by number. */
  readonly colors: readonly string[];
  /** The names of the actions by number. */
  readonly actions: readonly string[];
  /** The keys of the objects by number. */
  readonly objects: readonly string[];
  /** The size of each object in bytes. */
  readonly objectBytes: Float64Array;
  /** The arrival of each invocation, in ms from the start. */
  readonly t: Float64Array;
  /** The number of the color of each invocation; -1: no color. */
  readonly color: Int32Array;
  /** The number of the action of each invocation. */
  readonly action: Int32Array;
  /** The duration of each invocation with all objects in memory, in ms. */
  readonly ms: Float64Array;
  /** For each invocation the index of its first read in `reads`; at the end the length of `reads`. */
  readonly readStart: Int32Array;
  /** The numbers of the objects that invocations read. */
  readonly reads: Int32Array;
  /** For each invocation the index of its first write in `writes`; at the end the length of `writes`. */
  readonly writeStart: Int32Array;
  /** The numbers of the objects that invocations write. */
  readonly writes: Int32Array;
}

/** Invocations in columns, in any order. Grows as needed. */
export class TraceBuilder {
  readonly #colors = new Names();
  readonly #actions = new Names();
  readonly #objects = new Names();
  readonly #bytes: number[] = [];
  #t = new Float64Array(1024);
  #ms = new Float64Array(1024);
  #color = new Int32Array(1024);
  #action = new Int32Array(1024);
  #readStart = new Int32Array(1025);
  #writeStart = new Int32Array(1025);
  #reads: Int32Array = new Int32Array(1024);
  #writes: Int32Array = new Int32Array(1024);
  #count = 0;

  /** The number of invocations so far. */
  get count(): number {
    return this.#count;
  }

  /** @throws RangeError for a time or a duration that is negative or not finite. */
  add({ t, color, action, reads = [], writes = [], ms }: TraceEvent): void {
    if (!(t >= 0 && t < Infinity)) throw new RangeError(`the time of an invocation is ${t}`);
    if (!(ms >= 0 && ms < Infinity)) throw new RangeError(`the duration of an invocation is ${ms}`);
    const index = this.#count++;
    if (this.#count > this.#t.length) this.#grow();
    this.#t[index] = t;
    this.#ms[index] = ms;
    this.#color[index] = color === undefined || color === null ? -1 : this.#colors.number(color);
    this.#action[index] = this.#actions.number(action);
    this.#reads = this.#put(this.#readStart, this.#reads, index, reads);
    this.#writes = this.#put(this.#writeStart, this.#writes, index, writes);
  }

  /** The trace in the order of arrival. Invocations with the same time keep the order in which they were added. */
  build(): Trace {
    const count = this.#count;
    const t = this.#t;
    let sorted = true;
    for (let i = 1; i < count && sorted; i++) sorted = numberAt(t, i - 1) <= numberAt(t, i);
    const names = {
      colors: this.#colors.list,
      actions: this.#actions.list,
      objects: this.#objects.list,
      objectBytes: Float64Array.from(this.#bytes),
    };
    const trace: Trace = {
      ...names,
      t: t.slice(0, count),
      color: this.#color.slice(0, count),
      action: this.#action.slice(0, count),
      ms: this.#ms.slice(0, count),
      readStart: this.#readStart.slice(0, count + 1),
      reads: this.#reads.slice(0, this.#readStart[count]),
      writeStart: this.#writeStart.slice(0, count + 1),
      writes: this.#writes.slice(0, this.#writeStart[count]),
    };
    if (sorted) return trace;
    const order = Int32Array.from(trace.t, (_, i) => i).toSorted((a, b) => numberAt(t, a) - numberAt(t, b) || a - b);
    const [readStart, reads] = reordered(order, trace.readStart, trace.reads);
    const [writeStart, writes] = reordered(order, trace.writeStart, trace.writes);
    return {
      ...names,
      t: Float64Array.from(order, (i) => numberAt(trace.t, i)),
      color: Int32Array.from(order, (i) => numberAt(trace.color, i)),
      action: Int32Array.from(order, (i) => numberAt(trace.action, i)),
      ms: Float64Array.from(order, (i) => numberAt(trace.ms, i)),
      readStart,
      reads,
      writeStart,
      writes,
    };
  }

  #put(starts: Int32Array, list: Int32Array, index: number, objects: readonly TraceObject[]): Int32Array {
    let end = numberAt(starts, index);
    let into = list;
    for (const object of objects) {
      const [key, bytes] = typeof object === 'string' ? [object, 1] : object;
      const number = this.#objects.number(key);
      // The size of an object is the largest one that the trace names.
      this.#bytes[number] = Math.max(this.#bytes[number] ?? 0, bytes);
      if (end === into.length) (into = new Int32Array(2 * end)).set(list);
      into[end++] = number;
    }
    starts[index + 1] = end;
    return into;
  }

  #grow(): void {
    const size = 2 * this.#t.length;
    const [t, ms, color, action] = [this.#t, this.#ms, this.#color, this.#action];
    const [readStart, writeStart] = [this.#readStart, this.#writeStart];
    (this.#t = new Float64Array(size)).set(t);
    (this.#ms = new Float64Array(size)).set(ms);
    (this.#color = new Int32Array(size)).set(color);
    (this.#action = new Int32Array(size)).set(action);
    (this.#readStart = new Int32Array(size + 1)).set(readStart);
    (this.#writeStart = new Int32Array(size + 1)).set(writeStart);
  }
}

/** The invocations of a trace as events, in the order of arrival. */
export function* traceEvents(trace: Trace): Generator<TraceEvent> {
  const objects = (starts: Int32Array, list: Int32Array, index: number): TraceObject[] =>
    Array.from(list.subarray(starts[index], starts[index + 1]), (object) => [
      trace.objects[object] ?? String(object),
      numberAt(trace.objectBytes, object),
    ]);
  for (let i = 0; i < trace.t.length; i++) {
    const color = numberAt(trace.color, i);
    yield {
      t: numberAt(trace.t, i),
      color: color < 0 ? null : (trace.colors[color] ?? null),
      action: trace.actions[numberAt(trace.action, i)] ?? '',
      reads: objects(trace.readStart, trace.reads, i),
      writes: objects(trace.writeStart, trace.writes, i),
      ms: numberAt(trace.ms, i),
    };
  }
}

function reordered(order: Int32Array, starts: Int32Array, list: Int32Array): [starts: Int32Array, list: Int32Array] {
  const newStarts = new Int32Array(starts.length);
  const newList = new Int32Array(list.length);
  let end = 0;
  order.forEach((old, index) => {
    const part = list.subarray(starts[old], starts[old + 1]);
    newList.set(part, end);
    newStarts[index + 1] = end += part.length;
  });
  return [newStarts, newList];
}

/** Numbers names from 0 on. */
class Names {
  readonly list: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.list.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }
}
