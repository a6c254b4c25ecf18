import type { InvokerHealth } from './LoadBalancer.js';
import type { Warmth } from './Warmth.js';

/** The most invokers that prepare containers for the colors of one that drains. More of them have containers anyway. */
const MAX_HEIRS = 32;

/**
 * Which invokers are there, and which of them colors will move to.
 *
 * The states of an invoker for a policy
 * -------------------------------------
 *
 *              first ping            up                    no ping for 10 s
 *    (absent) ───────────▶ member ──────▶ warming ──▶ warm ────────────────▶ down ── `goneAfterMs` ──▶ (absent)
 *                          (no work)   `moveMs`                               │
 *                                         ▲───────────── pings again ────────┘
 *
 * A member stays the home of its colors while it is down: they use their next choices until it is back. While it warms
 * up, it gets its share step by step (`Warmth`), since its cache is empty. At the begin of that it prepares containers of
 * the actions of recent colors (`RecentActions`). If all invokers were down meanwhile, it does not warm up.
 *
 * An invoker that drains is down for policies, but its colors leave it step by step, for `moveMs`. The others prepare
 * containers for them.
 */
export class Presence {
  readonly #warmth: Warmth;
  readonly #goneAfterMs: number;
  readonly #downSince = new Map<number, number>();
  readonly #gone = new Set<number>();
  /** The last time at which all invokers were down. */
  #allDownAt = -Infinity;

  constructor(warmth: Warmth, goneAfterMs: number) {
    this.#warmth = warmth;
    this.#goneAfterMs = goneAfterMs;
  }

  /** To be called when invokers change. @returns those that should prepare containers for colors that move to them. */
  changed(invokers: readonly InvokerHealth[], now: number): ReadonlySet<number> {
    const heirs = new Set<number>();
    if (invokers.every(({ status }) => status === 'down')) this.#allDownAt = now;
    invokers.forEach(({ status, neverSeen, drains }, instance) => {
      if (neverSeen === true) return;
      if (this.#warmth.seen(instance, now)) heirs.add(instance);
      if (drains !== true) this.#warmth.drainsNot(instance);
      else if (this.#warmth.drains(instance, now)) {
        invokers.forEach((other, heir) => {
          if (other.status === 'up' && heirs.size < MAX_HEIRS) heirs.add(heir);
        });
      }
      if (status === 'down') {
        if (!this.#downSince.has(instance)) this.#downSince.set(instance, now);
        return;
      }
      const downSince = this.#downSince.get(instance) ?? Infinity;
      this.#downSince.delete(instance);
      // If all were down meanwhile, as in an outage of the bus, its colors have no other place to wait for their turn.
      const returns = downSince > this.#allDownAt && downSince < Infinity;
      if (returns && this.#warmth.cameBack(instance, now)) heirs.add(instance);
      this.#gone.delete(instance);
    });
    return new Set([...heirs].filter((heir) => invokers[heir]?.prepares === true));
  }

  /** @returns whether invokers have been down for so long that their colors need new homes. */
  expire(now: number): boolean {
    let changed = false;
    for (const [instance, since] of this.#downSince) {
      if (now - since < this.#goneAfterMs || this.#gone.has(instance)) continue;
      this.#gone.add(instance);
      changed = true;
    }
    return changed;
  }

  isGone(instance: number): boolean {
    return this.#gone.has(instance);
  }
}
