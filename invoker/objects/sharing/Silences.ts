interface Silence {
  readonly since: number;
  lastAt: number;
}

const MAX_COLORS = 10_000;

/**
 * Since when invokers do not answer the requests about a color, by the color's key or another key: answers under another key do not
 * count. Has no clock: `now` comes in as ms.
 */
export class Silences {
  readonly #gapMs: number;
  /** By color and invoker. The color that was noted least recently comes first. */
  readonly #silences = new Map<string, Map<number, Silence>>();

  /** @param gapMs a silence ends if the invoker is not asked again for so long. */
  constructor(gapMs: number) {
    this.#gapMs = gapMs;
  }

  /**
   * Takes note of a request that was not answered.
   * @param askedAt when it was sent
   * @param now when it was given up
   * @returns since when the invoker is silent, in ms.
   */
  note(color: string, instance: number, askedAt: number, now: number): number {
    const ofColor = this.#silences.get(color) ?? new Map<number, Silence>();
    const since = this.since(color, instance, askedAt) ?? askedAt;
    ofColor.set(instance, { since, lastAt: now });
    this.#silences.delete(color);
    this.#silences.set(color, ofColor);
    const [oldest] = this.#silences.keys();
    if (this.#silences.size > MAX_COLORS && oldest !== undefined) this.#silences.delete(oldest);
    return since;
  }

  /** Since when an invoker is silent, in ms; undefined: it is not known to be silent. */
  since(color: string, instance: number, now: number): number | undefined {
    const silence = this.#silences.get(color)?.get(instance);
    return silence && now - silence.lastAt <= this.#gapMs ? silence.since : undefined;
  }

  /** The invoker has answered. */
  end(color: string, instance: number): void {
    const ofColor = this.#silences.get(color);
    if (ofColor?.delete(instance) === true && ofColor.size === 0) this.#silences.delete(color);
  }

  /** Another invoker is the home of the color: a later silence begins anew. */
  endAll(color: string): void {
    this.#silences.delete(color);
  }
}
