import type { ColorKey } from '../../shared/colors/colorKey.js';

/** An invoker that is warming up gets its share in so many steps. */
const STEPS = 10;
/** Invokers that show up so soon after the start were there before: this controller is the newcomer. */
const START_MS = 10_000;

/**
 * How far invokers have warmed up, from 0 to 1. One that joins has no colors yet: policies give it homes step by step. One
 * that comes back after it was down is the home of many, with an empty memory: a color comes home when its turn has come, by
 * its hash, and uses its next choices until then.
 */
export class Warmth {
  readonly #moveMs: number;
  readonly #startedAt: number;
  readonly #known = new Set<number>();
  /** When it was first seen, while it warms up; and how far it is. */
  readonly #joinedAt = new Map<number, number>();
  readonly #warm = new Map<number, number>();
  /** When it came back, while it warms up. */
  readonly #backAt = new Map<number, number>();

  /** @param moveMs how long warming up takes; 0: no time. */
  constructor(moveMs: number, startedAt: number) {
    this.#moveMs = moveMs;
    this.#startedAt = startedAt;
  }

  /** An invoker is there; the first time it begins to warm up. */
  seen(invoker: number, now: number): void {
    if (this.#known.has(invoker)) return;
    this.#known.add(invoker);
    if (this.#moveMs <= 0 || now - this.#startedAt < START_MS) return;
    this.#joinedAt.set(invoker, now);
    this.#warm.set(invoker, 1 / STEPS);
  }

  /** An invoker pings again after it was down. */

  cameBack(invoker: number, now: number): void {
    if (this.#moveMs > 0 && now - this.#startedAt >= START_MS) this.#backAt.set(invoker, now);
  }

  /** The warmth of an invoker's weight; a whole number of steps. */
  ofJoined(invoker: number): number {
    return this.#warm.get(invoker) ?? 1;
  }

  /** @returns the invokers whose `ofJoined` changed. */
  advance(now: number): number[] {
    const changed: number[] = [];
    for (const [invoker, at] of this.#joinedAt) {
      const step = Math.min(STEPS, Math.floor(((now - at) / this.#moveMs) * STEPS) + 1) / STEPS;
      if (step !== this.#warm.get(invoker)) changed.push(invoker);
      if (step < 1) {
        this.#warm.set(invoker, step);
      } else {
        this.#warm.delete(invoker);
        this.#joinedAt.delete(invoker);
      }
    }
    for (const [invoker, at] of this.#backAt) if (now - at >= this.#moveMs) this.#backAt.delete(invoker);
    return changed;
  }

  /** Whether a color may use an invoker: not before its turn, if the invoker just came back. */
  admits(invoker: number, color: ColorKey, now: number): boolean {
    if (this.#backAt.size === 0) return true;
    const at = this.#backAt.get(invoker);
    if (at === undefined) return true;
    // The higher bits of the color, by which no policy chooses.
    const turn = (Math.floor(color / 0x100000000) & 0x3ff) / 0x400;
    return turn * this.#moveMs <= now - at;
  }
}
