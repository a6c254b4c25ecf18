import type { HomesReply } from '../../../shared/objects/homesReply.js';

/** Asks a controller for the homes of a color. Rejects with the reason in words. */
export type AskHomes = (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply>;

/** The homes of a color, or why they are not known. */
export type KnownHomes = HomesReply | { readonly unknown: string };

interface Entry {
  reply: HomesReply | undefined;
  /** When the reply was asked for: it holds from then on. */
  askedAt: number;
  pending: Promise<KnownHomes> | undefined;
}

/** How long a reply is used without another question, in ms. */
const FRESH_MS = 1000;
/** The age from which a reply is asked for again in the background, so that nobody waits for it. */
const REFRESH_MS = 500;
const MAX_COLORS = 100_000;

/**
 * Remembers the homes of colors for a second. While no controller answers, a reply holds for `validMs`: a home must stop
 * before the controllers name another one.
 */
export class HomesCache {
  readonly #ask: AskHomes;
  readonly #now: () => number;
  readonly #maxColors: number;
  /** The least recently used color comes first. */
  readonly #entries = new Map<string, Entry>();

  /** @param now in ms; never decreases. */
  constructor(ask: AskHomes, now: () => number, maxColors = MAX_COLORS) {
    this.#ask = ask;
    this.#now = now;
    this.#maxColors = maxColors;
  }

  get(namespace: string, color: string, policy: string | undefined): KnownHomes | Promise<KnownHomes> {
    const key = `${namespace}\n${color}\n${policy ?? ''}`;
    const entry = this.#entry(key);
    const age = this.#now() - entry.askedAt;
    if (entry.reply && age < FRESH_MS) {
      if (age >= REFRESH_MS) void this.#refresh(entry, namespace, color, policy);
      return entry.reply;
    }
    return this.#refresh(entry, namespace, color, policy);
  }

  /** Asks a controller now. */
  fresh(namespace: string, color: string, policy: string | undefined): Promise<KnownHomes> {
    const entry = this.#entry(`${namespace}\n${color}\n${policy ?? ''}`);
    // A question that is under way may have been answered already.
    return (entry.pending ?? Promise.resolve()).then(() => this.#refresh(entry, namespace, color, policy));
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry) this.#entries.delete(key);
    else {
      entry = { reply: undefined, askedAt: -Infinity, pending: undefined };
      const [oldest] = this.#entries.keys();
      if (this.#entries.size >= this.#maxColors && oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(key, entry);
    return entry;
  }

  #refresh(entry: Entry, namespace: string, color: string, policy: string | undefined): Promise<KnownHomes> {
    if (entry.pending) return entry.pending;
    const askedAt = this.#now();
    const pending = this.#ask(namespace, color, policy).then(
      (reply): KnownHomes => {
        entry.reply = reply;
        entry.askedAt = askedAt;
        return reply;
      },
      (error: unknown): KnownHomes => {
        const { reply } = entry;
        if (reply && this.#now() - entry.askedAt < reply.validMs) return reply;
        return { unknown: error instanceof Error ? error.message : String(error) };
      },
    );
    entry.pending = pending;
    return pending.finally(() => (entry.pending = undefined));
  }
}
