import type { HomesReply } from '../../../shared/objects/homesReply.js';
import { within } from '../../../shared/process/within.js';

/** Asks a controller for the homes of a color. Rejects with the reason in words. */
export type AskHomes = (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply>;

/** The homes of a color, or why they are not known. */
export type KnownHomes = HomesReply | { readonly unknown: string };

interface Entry {
  reply: HomesReply | undefined;
  /** When the reply was asked for: it holds from then on. */
  askedAt: number;
  pending: Promise<KnownHomes> | undefined;
  /** When the pending question was asked. */
  pendingAt: number;
}

/** How long a reply is used without another question, in ms. */
const FRESH_MS = 1000;
/** The age from which a reply is asked for again in the background, so that nobody waits for it. */
const REFRESH_MS = 500;
/** How long a caller waits for another reply while the last reply still holds, in ms. The question itself goes on. */
const PATIENCE_MS = 3000;
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
    const refreshed = this.#refresh(entry, namespace, color, policy);
    if (!holds(entry, this.#now())) return refreshed;
    const waitMs = Math.max(0, entry.pendingAt + PATIENCE_MS - this.#now());
    return within(refreshed, waitMs, () => (holds(entry, this.#now()) ? entry.reply : refreshed));
  }

  /** Asks a controller now. */
  fresh(namespace: string, color: string, policy: string | undefined): Promise<KnownHomes> {
    const entry = this.#entry(`${namespace}\n${color}\n${policy ?? ''}`);
    // A question that is under way may have been answered already.
    const asked = (entry.pending ?? Promise.resolve()).then(() => this.#refresh(entry, namespace, color, policy));
    return within(asked, 2 * PATIENCE_MS, () => (holds(entry, this.#now()) ? entry.reply : { unknown: LATE }));
  }

  #entry(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry) this.#entries.delete(key);
    else {
      entry = { reply: undefined, askedAt: -Infinity, pending: undefined, pendingAt: -Infinity };
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
      (reply: HomesReply): KnownHomes => {
        entry.reply = reply;
        entry.askedAt = askedAt;
        return reply;
      },
      (error: unknown): KnownHomes => {
        if (holds(entry, this.#now())) return entry.reply;
        return { unknown: error instanceof Error ? error.message : String(error) };
      },
    );
    entry.pending = pending;
    entry.pendingAt = askedAt;
    return pending.finally(() => (entry.pending = undefined));
  }
}

const LATE = 'no controller answers in time';

/** Whether the last reply of a controller may still be used. */
const holds = (entry: Entry, now: number): entry is Entry & { reply: HomesReply } =>
  entry.reply !== undefined && now - entry.askedAt < entry.reply.validMs;
