import { randomNumbers } from './ObjectHistory.js';
import type { Fate } from './lossyPeers.js';
import type { StoreFate, StoreOperation } from './FaultyStore.js';

export interface FaultChances {
  /** The part of the changes during which requests fail. */
  readonly changes: number;
  /** The part of the requests that fail then. */
  readonly requests: number;
  /** The part of the requests that take long, so that the times of objects end meanwhile. Missing: none. */
  readonly slow?: number;
  /** The part of the requests by which a color or its sets of copies move that fail, at any time. Missing: none. */
  readonly moves?: number;
}

interface Late {
  /** The invoker whose request to the store it is; undefined: it is one to another invoker. */
  readonly instance: number | undefined;
  readonly execute: () => Promise<unknown>;
}

/** The longest time that a slow request takes more, in ms. */
const SLOW_MS = 250;

/** Requests by which the objects of a color or its sets of copies move to another invoker. */
const MOVES = ['handover', 'adopt', 'take', 'fence', 'keep', 'forget', 'list'];

/** The random failures of the requests for the objects of one color. */
export class ColorFaults {
  readonly #random: () => number;
  /** For the requests by which a color moves: how many there are depends on the time, and what happens else should not. */
  readonly #randomMove: () => number;
  readonly #chances: FaultChances;
  readonly #note: (text: string) => void;
  /** What arrives late, in the order in which it was sent. */
  readonly #late: Late[] = [];
  #executing: Promise<void> | undefined;
  #active = false;
  /** Whether the next home has no memory for copies. */
  #full = false;

  /** @param note takes note of a failure. */
  constructor(random: () => number, chances: FaultChances, note: (text: string) => void) {
    this.#random = random;
    this.#randomMove = randomNumbers(Math.floor((chances.moves === undefined ? 0 : random()) * 2 ** 32));
    this.#chances = chances;
    this.#note = note;
  }

  /** Runs a task during which requests fail, or not. */
  async during<T>(task: () => Promise<T>): Promise<T> {
    this.#active = this.#random() < this.#chances.changes;
    const full = this.#random() < (this.#full ? 0.7 : 0.07);
    if (full !== this.#full) this.#note(full ? 'the next home gets no memory' : 'the next home has memory again');
    this.#full = full;
    try {
      return await task();
    } finally {
      this.#active = false;
    }
  }

  /** Of a request of an invoker to another one. */
  ofPeer(operation: string): Fate {
    if (this.#full && operation === 'copy') return { kind: 'refused' };
    if (MOVES.includes(operation)) return this.#ofMove(operation);
    if (!this.#active || !['copy', 'drop', 'complete'].includes(operation)) return undefined;
    if (this.#random() < (this.#chances.slow ?? 0)) return { kind: 'delayed', ms: this.#random() * SLOW_MS };
    if (this.#random() >= this.#chances.requests) return undefined;
    const kinds = ['lost', 'unheard', 'late', ...(operation === 'copy' ? ['refused' as const] : [])] as const;
    const kind = this.#pick(kinds);
    this.#note(`${operation} ${kind}`);
    if (kind !== 'late') return { kind };
    return { kind, later: (execute) => void this.#late.push({ instance: undefined, execute }) };
  }

  /** Of a request of an invoker to the store. */
  ofStore(operation: StoreOperation, instance: number): StoreFate {
    const isChange = operation === 'write' || operation === 'remove';
    // An invoker executes its operations on an object one after the other.
    if (isChange && this.#late.some((late) => late.instance === instance)) return this.#storeLate(operation, instance);
    if (!this.#active) return { kind: 'well' };
    const slow = this.#random() < (this.#chances.slow ?? 0) ? { afterMs: this.#random() * SLOW_MS } : {};
    // Reads and lists fail less often: most changes would not get far otherwise.
    if (this.#random() >= this.#chances.requests * (isChange ? 1 : 0.2)) return { ...slow, kind: 'well' };
    const kind = isChange ? this.#pick(['lost', 'unheard', 'late'] as const) : 'lost';
    if (kind === 'late') return this.#storeLate(operation, instance);
    this.#note(`store ${operation} ${kind}`);
    return { ...slow, kind };
  }

  /** The next home has memory for copies again. */
  end(): void {
    this.#full = false;
  }

  /** Lets all requests that are late arrive. */
  execute(): Promise<void> {
    return (this.#executing ??= this.#execute().finally(() => (this.#executing = undefined)));
  }

  /** An invoker dies, before or after the store gets what it has sent. */
  async dies(instance: number): Promise<void> {
    if (this.#random() < 0.5) await this.execute();
    const left = this.#late.filter((late) => late.instance !== instance);
    this.#late.splice(0, this.#late.length, ...left);
  }

  async #execute(): Promise<void> {
    for (let [late] = this.#late; late; [late] = this.#late) {
      await late.execute();
      this.#late.shift();
    }
  }

  #ofMove(operation: string): Fate {
    if (this.#randomMove() >= (this.#chances.moves ?? 0)) return undefined;
    const kinds = ['lost', 'unheard', 'late'] as const;
    const kind = kinds[Math.floor(this.#randomMove() * kinds.length)] ?? 'lost';
    this.#note(`${operation} ${kind}`);
    if (kind !== 'late') return { kind };
    return { kind, later: (execute) => void this.#late.push({ instance: undefined, execute }) };
  }

  #storeLate(operation: string, instance: number): StoreFate {
    this.#note(`store ${operation} late`);
    return { kind: 'late', later: (execute) => void this.#late.push({ instance, execute }) };
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }
}
