interface Silence {
  readonly since: number;
  lastAt: number;
}

/** A silence ends when nobody has asked for so long, in ms. */
const FORGOTTEN_MS = 30_000;
const MAX_SILENCES = 10_000;

/**
 * Since when invokers do not answer the requests to hand a color over, by color: an answer about another color, or a
 * silence before this invoker was the color's home, does not count. Has no clock: `now` comes in as ms.
 */
export class Silences {
  /** The least recently noted one comes first. */
  readonly #silences = new Map<string, Silence>();

  /** @returns since when the invoker is silent, in ms. */
  note(color: string, instance: number, askedAt: number, now: number): number {
    const key = `${color}\n${instance}`;
    const known = this.#silences.get(key);
    const silence = known && now - known.lastAt < FORGOTTEN_MS ? known : { since: askedAt, lastAt: now };
    silence.lastAt = now;
    this.#silences.delete(key);
    this.#silences.set(key, silence);
    const [oldest] = this.#silences.keys();
    if (this.#silences.size > MAX_SILENCES && oldest !== undefined) this.#silences.delete(oldest);
    return silence.since;
  }

  /** The silence of an invoker; undefined: it is not known to be silent. */
  since(color: string, instance: number): number | undefined {
    return this.#silences.get(`${color}\n${instance}`)?.since;
  }

  end(color: string, instance: number): void {
    this.#silences.delete(`${color}\n${instance}`);
  }
}
