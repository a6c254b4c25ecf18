import type { Operation } from './linearizable.js';
import { isLinearizable } from './linearizable.js';
import { objectModel, type ObjectInput, type ObjectOutput } from './objectModel.js';

type Step = Operation<ObjectInput, ObjectOutput>;

/** A request for an object, as a client sends it. */
export interface WorkloadCall {
  readonly method: string;
  /** Such as `/red/a?increment`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

/** Sends a request; undefined: there was no response. */
export type SendCall = (call: WorkloadCall) => Promise<{ readonly status: number; readonly text: string } | undefined>;

/** Numbers from 0 up to 1, always the same for a seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}

/** Makes random operations on a few objects, and notes what each of them did. */
export class ObjectHistory {
  readonly #histories = new Map<string, Step[]>();
  readonly statuses = new Map<number, number>();
  readonly #random: () => number;
  readonly #places: readonly string[];
  readonly #persistence: (place: string) => string;
  /** The limit for the TTL of a write, in ms; undefined: none has one. */
  readonly #maxTtlMs: number | undefined;
  #time = 0;

  /**
   * @param persistence of a place, such as `red/a`.
   * @param maxTtlMs every third write has a TTL up to that; undefined: none has one.
   */
  constructor(
    random: () => number,
    places: readonly string[],
    persistence: (place: string) => string,
    maxTtlMs?: number,
  ) {
    this.#random = random;
    this.#places = places;
    this.#persistence = persistence;
    this.#maxTtlMs = maxTtlMs;
  }

  /** From now on each object of `memory` may vanish once: its home is cut off, frozen or dead. */
  mayLose(): void {
    this.#mayLoseAt(['memory'], () => ++this.#time);
  }

  /**
   * Each object that is not stored may have vanished once, at any time: an invoker had lost its contact to the controllers,
   * and the other home of a replicated object may have been dead then.
   */
  mayHaveLost(): void {
    this.#mayLoseAt(['memory', 'replicated'], () => 0);
  }

  /** The responses with 200 so far: reads and increments, and writes of existing objects. */
  get successes(): number {
    return this.statuses.get(200) ?? 0;
  }

  /** @returns whether the outcome of a change is unknown: many of these make a history that cannot be decided. */
  async step(send: SendCall): Promise<boolean> {
    const pick = <T>(list: readonly T[]): T => list[Math.floor(this.#random() * list.length)] as T;
    const place = pick(this.#places);
    const kind = pick(['get', 'get', 'get', 'put', 'increment', 'increment', 'increment', 'delete', 'create'] as const);
    const value = String(Math.floor(this.#random() * 1_000_000));
    const called = ++this.#time;
    const ttlMs =
      this.#maxTtlMs !== undefined && this.#random() < 1 / 3 ? this.#random() * this.#maxTtlMs + 1 : undefined;
    const time = ttlMs === undefined ? {} : { ttl: `t${called}` };
    const input: Exclude<ObjectInput, { readonly kind: 'expire' }> =
      kind === 'put'
        ? { kind, value, ...time }
        : kind === 'create'
          ? { kind: 'put', value, ifAbsent: true, ...time }
          : { kind };
    if (input.kind === 'put' && ttlMs !== undefined) this.#endsAfter(place, ttlMs, `t${called}`);
    const { status, output } = await this.#call(send, place, input, ttlMs);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    const unknown = output === undefined;
    // A read without a result says nothing, and 503 says that nothing has changed.
    if (unknown && (input.kind === 'get' || status === 503)) return false;
    const returned = unknown ? Infinity : ++this.#time;
    const history = this.#histories.get(place) ?? [];
    history.push({ called, returned, input, output });
    this.#histories.set(place, history);
    return unknown;
  }

  /** The objects whose history is not linearizable, each with its operations as lines. */
  faults(): string[] {
    return [...this.#histories].flatMap(([place, history]) => {
      if (isLinearizable(objectModel, history)) return [];
      return [`${place} is not:\n${history.map((step) => JSON.stringify(step)).join('\n')}`];
    });
  }

  /** The object of a write may vanish from the end of its time on. Nothing says when: a move gives it some more time. */
  #endsAfter(place: string, ttlMs: number, ttl: string): void {
    setTimeout(() => {
      const step: Step = {
        called: ++this.#time,
        returned: Infinity,
        input: { kind: 'expire', ttl },
        output: undefined,
      };
      this.#histories.set(place, [...(this.#histories.get(place) ?? []), step]);
    }, ttlMs - 1).unref();
  }

  #mayLoseAt(persistences: readonly string[], called: () => number): void {
    for (const [place, history] of this.#histories) {
      if (!persistences.includes(this.#persistence(place))) continue;
      history.push({ called: called(), returned: Infinity, input: { kind: 'delete' }, output: undefined });
    }
  }

  async #call(
    send: SendCall,
    place: string,
    input: Exclude<ObjectInput, { readonly kind: 'expire' }>,
    ttlMs: number | undefined,
  ): Promise<{ readonly status: number; readonly output?: ObjectOutput }> {
    const headers: Record<string, string> = { 'x-palette-persistence': this.#persistence(place) };
    if (input.kind === 'put' && input.ifAbsent) headers['if-none-match'] = '*';
    if (input.kind === 'put' && ttlMs !== undefined) headers['x-palette-ttl'] = (ttlMs / 1000).toFixed(3);
    const method = { get: 'GET', put: 'PUT', increment: 'POST', delete: 'DELETE' }[input.kind];
    const path = `/${place}${input.kind === 'increment' ? '?increment' : ''}`;
    const reply = await send({ method, path, headers, body: input.kind === 'put' ? input.value : undefined });
    const status = reply?.status ?? 0;
    if (input.kind === 'get' || input.kind === 'increment') {
      if (status === 200) return { status, output: { kind: 'value', value: reply?.text } };
      if (status === 404) return { status, output: { kind: 'value', value: undefined } };
      return { status };
    }
    if (status === 200 || status === 201 || status === 204)
      return { status, output: { kind: 'changed', changed: true } };
    if (status === 404 || status === 412) return { status, output: { kind: 'changed', changed: false } };
    return { status };
  }
}
