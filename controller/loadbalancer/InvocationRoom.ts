import type { ColorKey } from '../../shared/colors/colorKey.js';
import type { Room } from '../../shared/colors/ColorPolicy.js';
import { PatientRoom, type Waits } from './patience.js';
import type { ResourceRequest } from './schedule.js';
import type { Shares } from './Shares.js';
import type { Warmth } from './Warmth.js';

const NO_REQUEST: ResourceRequest = { key: '', concurrency: 1, memory: 0 };

/** The room for one invocation. One object serves all invocations, since a policy does not keep it. */
export class InvocationRoom implements Room, Waits {
  readonly patient = new PatientRoom(this);
  readonly #shares: Shares;
  readonly #warmth: Warmth;
  readonly #total: () => number;
  #resources = NO_REQUEST;
  #color: ColorKey = 0;
  #now = 0;

  constructor(shares: Shares, warmth: Warmth, total: () => number) {
    this.#shares = shares;
    this.#warmth = warmth;
    this.#total = total;
  }

  begin(color: ColorKey, resources: ResourceRequest, patienceMs: number, homes: number, now: number): void {
    this.#color = color;
    this.#resources = resources;
    this.#now = now;
    this.patient.begin(patienceMs, homes);
  }

  get totalUnderWay(): number {
    return this.#total();
  }

  underWay(invoker: number): number {
    return this.#shares.candidate(invoker)?.capacity.underWay ?? 0;
  }

  accepts(invoker: number, rank: number): boolean {
    return this.patient.accepts(invoker, rank);
  }

  /** An invoker that drains counts as up for the colors that have not left it yet. */
  isUp(invoker: number): boolean {
    if (this.#shares.candidate(invoker)?.up === true) return true;
    // It has no part of a limit on containers.
    return this.#resources.parts === undefined && this.#warmth.keeps(invoker, this.#color, this.#now);
  }

  admits(invoker: number): boolean {
    return this.#warmth.admits(invoker, this.#color, this.#now);
  }

  expectedWait(invoker: number): number {
    const { key, concurrency, memory, parts } = this.#resources;
    const capacity = this.#shares.candidate(invoker)?.capacity;
    return capacity?.expectedWait(key, concurrency, memory, this.#now, parts?.get(invoker)) ?? 0;
  }

  load(invoker: number): number {
    const capacity = this.#shares.candidate(invoker)?.capacity;
    return capacity ? capacity.used / Math.max(1, capacity.share) : 0;
  }
}
