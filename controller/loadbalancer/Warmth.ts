import type { ColorKey } from '../../shared/colors/colorKey.js';

/** The number of steps in which an invoker that warms up gets its share. In the first one it prepares containers. */
const STEPS = 10;
/** Invokers that ping this soon after the start are old: this controller is new. */
const START_MS = 10_000;

/**
 * The warmth of invokers, from 0 to 1. An invoker that joins has no colors yet: policies give it homes step by step. An
 * invoker that returns is the home of many colors but has an empty cache: each color uses its next choices until its
 * turn. From an invoker that drains, colors leave in turn. The turn of a color depends on its hash.
 *
 * Example: the duration is 10 s. An invoker that joins has no share in the first second, a tenth of it in the next one,
 * and its whole share after 10 s. From an invoker that drains, half of its colors have left after 5 s.
 */
export class Warmth {
  readonly #moveMs: number;
  readonly #startedAt: number;
  readonly #known = new Set<number>();
  /** The time of the first ping of all. */
  #firstAt = -Infinity;
  /** For joining invokers that warm up: the time of the first ping and the warmth. */
  readonly #joinedAt = new Map<number, number>();
  readonly #warm = new Map<number, number>();
  /** For returning invokers that warm up: the time of the return. */
  readonly #backAt = new Map<number, number>();
  /** For draining invokers: the time at which they began to drain. */
  readonly #drainsSince = new Map<number, number>();

  /** @param moveMs the duration of warming up and of draining; 0: none. */
  constructor(moveMs: number, startedAt: number) {
    this.#moveMs = moveMs;
    this.#startedAt = startedAt;
  }

  /** To be called when an invoker pings. @returns whether it is new and warms up. */
  seen(invoker: number, now: number): boolean {
    if (this.#known.has(invoker)) return false;
    if (this.#known.size === 0) this.#firstAt = now;
    this.#known.add(invoker);
    if (this.#moveMs <= 0 || now - this.#startedAt < START_MS) return false;
    // While the installation starts, all invokers are cold: they share the colors at once.
    if (now - this.#firstAt < this.#moveMs) return false;
    this.#joinedAt.set(invoker, now);
    this.#warm.set(invoker, 0);
    return true;
  }

  /** To be called when an invoker pings again after it was down. @returns whether it warms up. */
  cameBack(invoker: number, now: number): boolean {
    if (this.#moveMs <= 0 || now - this.#startedAt < START_MS) return false;
    this.#backAt.set(invoker, now);
    return true;
  }

  /** To be called while an invoker drains. @returns whether it has just begun. */
  drains(invoker: number, now: number): boolean {
    if (this.#moveMs <= 0 || this.#drainsSince.has(invoker)) return false;
    this.#drainsSince.set(invoker, now);
    return true;
  }

  /** To be called when an invoker does not drain, since it is up or has stopped. */
  drainsNot(invoker: number): void {
    this.#drainsSince.delete(invoker);
  }

  /** The warmth of a joining invoker, for its weight; a whole number of steps. */
  ofJoined(invoker: number): number {
    return this.#warm.get(invoker) ?? 1;
  }

  /** @returns the invokers whose `ofJoined` changed. */
  advance(now: number): number[] {
    const changed: number[] = [];
    for (const [invoker, at] of this.#joinedAt) {
      const step = Math.min(STEPS, Math.floor(((now - at) / this.#moveMs) * STEPS)) / STEPS;
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
    return (1 + (STEPS - 1) * turnOf(color)) * this.#moveMs <= (now - at) * STEPS;
  }

  /** Whether a color may still use an invoker that drains. */
  keeps(invoker: number, color: ColorKey, now: number): boolean {
    const since = this.#drainsSince.get(invoker);
    return since !== undefined && turnOf(color) * this.#moveMs > now - since;
  }
}

/** From 0 up to 1. Uses the higher bits of the color, since no policy uses them to choose an invoker. */
const turnOf = (color: ColorKey): number => (Math.floor(color / 0x100000000) & 0x3ff) / 0x400;
