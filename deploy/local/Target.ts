import { Agent } from 'node:http';

/*
 * A controller behind the front:
 *
 *   up     → away   it refuses a connection, or leaves `/ping` without an answer for `PING_MS`
 *   away   → up     it answers `/ping`
 *   either → closed the front ends; nothing is asked any more
 */

/** How often a controller is asked whether it answers, and for how long, in ms. A frozen process takes connections. */
const EVERY_MS = 1000;
const PING_MS = 2000;

export class Target {
  readonly url: URL;
  readonly agent = new Agent({ keepAlive: true });
  readonly #onChange: (awayMs: number | undefined) => void;
  readonly #watchers = new Set<() => void>();
  #awaySince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param onChange told once that it is away, and once after how many ms it answers again. */
  constructor(url: string, onChange: (awayMs: number | undefined) => void) {
    this.url = new URL(url);
    this.#onChange = onChange;
    this.#schedule();
  }

  get up(): boolean {
    return this.#awaySince === undefined;
  }

  /** Calls `whenAway` once it does not answer any more. Returns what ends that. */
  watch(whenAway: () => void): () => void {
    this.#watchers.add(whenAway);
    return () => void this.#watchers.delete(whenAway);
  }

  /** It did not take a request. */
  failed(): void {
    if (this.#awaySince !== undefined || this.#closed) return;
    this.#awaySince = performance.now();
    this.#onChange(undefined);
    for (const whenAway of this.#watchers) whenAway();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.agent.destroy();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#ask().finally(() => this.#schedule()), EVERY_MS).unref();
  }

  async #ask(): Promise<void> {
    try {
      const answer = await fetch(new URL('/ping', this.url), { signal: AbortSignal.timeout(PING_MS) });
      await answer.arrayBuffer();
    } catch {
      this.failed();
      return;
    }
    if (this.#awaySince === undefined || this.#closed) return;
    const awayMs = performance.now() - this.#awaySince;
    this.#awaySince = undefined;
    this.#onChange(awayMs);
  }
}
