import type { ColorKey } from '../../shared/colors/colorKey.js';

/** The number of steps in which an invoker that warms up gets its share. */
const STEPS = 10;
/** Invokers that ping this soon after the start are old: this controller is new. */
const START_MS = 10_000;

/**
 * The warmth of invokers, from 0 to 1. An invoker that joins has no colors yet: policies give it homes step by step. An
 * invoker that returns is the home of many colors but has an empty cache: each color uses its next choices until its
 * turn, which depends on its hash.
 */
export class Warmth {
  readonly #moveMs: number;
  readonly #startedAt: number;
  readonly #known = new Set<number>();
  /** For joining invokers that warm up: the time of the first ping and the warmth. */
  readonly #joinedAt = new Map<number, number>();
  readonly #warm = new Map<number, number>();
  /** For returning invokers that warm up: the time of the return. */
  readonly #backAt = new Map<number, number>();

  /** @param moveMs the duration of warming up; 0: none. */
  constructor(moveMs: number, startedAt: number) {
    this.#moveMs = moveMs;
    this.#startedAt = startedAt;
  }

  /** To be called when an invoker pings. The first time starts the warm-up. */
  seen(invoker: number, now: number): void {
    if (this.#known.has(invoker)) return;
    this.#known.add(invoker);
    if (this.#moveMs <= 0 || now - this.#startedAt < START_MS) return;
    this.#joinedAt.set(invoker, now);
    this.#warm.set(invoker, 1 / STEPS);
  }

  /** To be called when an invoker pings again after it was down. */

  cameBack(invoker: number, now: number): void {
    if (this.#moveMs > 0 && now - this.#startedAt >= START_MS) this.#backAt.set(invoker, now);
  }

  /** The warmth of a joining invoker, for its weight; a whole number of steps. */
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

  /** Whether a color may use an invoker. After the return of an invoker, colors wait for their turn. */
  admits(invoker: number, color: ColorKey, now: number): boolean {
    if (this.#backAt.size === 0) return true;
    const at = this.#backAt.get(invoker);
    if (at === undefined) return true;
    // Use the higher bits of the color, since no policy uses them to choose an invoker.
    const turn = (Math.floor(color / 0x100000000) & 0x3ff) / 0x400;
    return turn * this.#moveMs <= now - at;
  }
}
