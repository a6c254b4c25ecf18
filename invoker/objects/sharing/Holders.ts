import { LOST_AFTER_MS } from '../../../shared/objects/invokersReply.js';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { Peer } from '../../../shared/objects/Locate.js';
import { PeerError, type PeerClient } from './PeerClient.js';
import { Silences } from './Silences.js';

/** If the invoker is not asked for so long, in ms, the time begins anew: a few late answers, far apart, are not a silence. */
const GAP_MS = 30_000;
/** The most addresses whose last answers are remembered: each start of an invoker may have another one. */
const MAX_ANSWERS = 1000;

/** Asks invokers that may have the only current copies of a color. */
export class Holders {
  readonly #now: () => number;
  readonly #onLost: (text: string, error: unknown) => void;
  /** By the address of the invoker, not by color: an answer about any color says that it is there. */
  readonly #silences = new Silences(GAP_MS);
  /** When an address has answered last, in ms. The address with the oldest answer comes first. */
  readonly #answers = new Map<string, number>();
  /** The addresses of invokers that are not waited for any more: the log names each of them once. */
  readonly #lost = new Set<string>();

  /** @param onLost called when an invoker is not waited for any more. */
  constructor(peers: Pick<PeerClient, 'onAnswer'>, now: () => number, onLost: (text: string, error: unknown) => void) {
    this.#now = now;
    this.#onLost = onLost;
    peers.onAnswer(({ url, instance }) => {
      this.#silences.end(url, instance);
      this.#answers.delete(url);
      this.#answers.set(url, now());
      this.#lost.delete(url);
      const [oldest] = this.#answers.keys();
      if (this.#answers.size > MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest);
    });
  }

  /**
   * Asks an invoker that may have copies. One that has been silent for `LOST_AFTER_MS` has lost them.
   * @param request resolves to undefined if the copies are lost; rejects with an `ObjectError` whose cause is a `PeerError` if the invoker
   * does not answer.
   * @param silentMs for how long the controllers have not heard of it, in ms: it may have been silent before it was asked.
   * @returns undefined: the copies are lost.
   * @throws ObjectError 503
   */
  async ask<T>({ instance, url }: Peer, request: () => Promise<T | undefined>, silentMs = 0): Promise<T | undefined> {
    const askedAt = this.#now();
    try {
      const answer = await request();
      this.#silences.end(url, instance);
      return answer;
    } catch (error) {
      if (!(error instanceof ObjectError && error.cause instanceof PeerError)) throw error;
      const now = this.#now();
      // The request may be the transfer of many objects, of which only the last one got no answer.
      const silentAt = Math.max(askedAt, this.#answers.get(url) ?? 0);
      const askedMs = now - this.#silences.note(url, instance, silentAt, now);
      if (Math.max(askedMs, silentMs) < LOST_AFTER_MS) throw error;
      if (!this.#lost.has(url)) this.#onLost(`the copies of objects in invoker${instance} are lost`, error);
      this.#lost.add(url);
      const [oldest] = this.#lost;
      if (this.#lost.size > MAX_ANSWERS && oldest !== undefined) this.#lost.delete(oldest);
      return undefined;
    }
  }
}
