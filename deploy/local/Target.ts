import { Agent } from 'node:http';

/*
 * The states of a controller behind the front:
 *
 *   up     → away   it refuses a connection, or does not answer `/ping` within `PING_MS`
 *   away   → up     it answers `/ping`
 *   either → closed the front ends; no more pings
 */

/** The interval and the timeout of pings, in ms. They detect frozen processes, which still accept connections. */
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

  /** @param onChange called once when it stops answering, and once with the duration when it answers again. */
  constructor(url: string, onChange: (awayMs: number | undefined) => void) {
    this.url = new URL(url);
    this.#onChange = onChange;
    this.#schedule();
  }

  get up(): boolean {
    return this.#awaySince === undefined;
  }

  /** Calls `whenAway` when it stops answering. Returns a function that ends the watch. */
  watch(whenAway: () => void): () => void {
    this.#watchers.add(whenAway);
    return () => void this.#watchers.delete(whenAway);
  }

  /** To be called when it did not take a request. */
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
