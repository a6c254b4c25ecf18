import type { SecureContextOptions } from 'node:tls';
import { firstInTurn } from '../../shared/process/firstInTurn.js';
import { LazyHttpClient } from '../../shared/objects/LazyHttpClient.js';
import { HOMES_PATH, homesQuery, homesReplySchema, type HomesReply } from '../../shared/objects/homesReply.js';
import { INVOKERS_PATH, invokersReplySchema, type InvokersReply } from '../../shared/objects/invokersReply.js';
import { PEER_HEADER, signPeer } from '../../shared/objects/peerHeader.js';

/** The most controllers to remember. */
const MAX_CONTROLLERS = 8;
/** The limit for a connection to a controller, and the time after which the next controller is asked, too, in ms. */
const NEXT_MS = 1500;
/**
 * The limit for the reply of a controller, in ms. A reply that comes late on a busy machine still holds for a while, and
 * without one the invoker loses its contact, and with it objects (`sharing/Contact.ts`).
 */
const ANSWER_MS = 5000;

/** Asks controllers for the homes of colors, and for all invokers. It learns their addresses from activation messages. */
export class ControllerHomes {
  readonly #secret: string;
  readonly #self: string;
  /** The latest one comes last. */
  readonly #urls = new Set<string>();
  readonly #client: LazyHttpClient;
  readonly #answerMs: number;
  #latest: string | undefined;

  /** @param tls for https; undefined: as Node.js does by itself. */
  constructor(secret: string, self: string, tls?: SecureContextOptions, answerMs = ANSWER_MS) {
    this.#secret = secret;
    this.#self = self;
    this.#answerMs = answerMs;
    const options = { connections: 32, pipelining: 1, connect: { timeout: NEXT_MS, ...tls } };
    this.#client = new LazyHttpClient(({ Agent }) => new Agent(options));
  }

  note(url: string): void {
    // Nearly all messages come from the controller of the one before.
    if (url === this.#latest) return;
    this.#latest = url;
    this.#urls.delete(url);
    this.#urls.add(url);
    const [oldest] = this.#urls;
    if (this.#urls.size > MAX_CONTROLLERS && oldest !== undefined) this.#urls.delete(oldest);
  }

  /** The homes of a color. @throws Error with the reason in words */
  ask(namespace: string, color: string, policy: string | undefined): Promise<HomesReply> {
    const path = `${HOMES_PATH}?${homesQuery(namespace, color, policy)}`;
    return this.#first(path, (reply) => homesReplySchema.parse(reply));
  }

  /** All invokers that share objects. @throws Error with the reason in words */
  askInvokers(): Promise<InvokersReply> {
    return this.#first(INVOKERS_PATH, (reply) => invokersReplySchema.parse(reply));
  }

  /**
   * The first reply of a controller. One that is slow is not given up when the next one is asked.
   * @throws Error with the reason in words
   */
  async #first<Reply>(path: string, parse: (reply: unknown) => Reply): Promise<Reply> {
    const over = new AbortController();
    // Not an `AbortSignal.timeout`: inside `AbortSignal.any` the garbage collector takes it, and then the limit never comes.
    const late = setTimeout(() => over.abort(new Error(`no reply within ${this.#answerMs} ms`)), this.#answerMs);
    const asks = [...this.#urls]
      .toReversed()
      .map((url) => async () => parse(await this.#askOne(url, path, over.signal)));
    try {
      if (asks.length === 0) throw new Error('no controller is known yet');
      return await firstInTurn(asks, NEXT_MS);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`no controller answers: ${reason}`, { cause: error });
    } finally {
      clearTimeout(late);
      over.abort();
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #askOne(url: string, path: string, signal: AbortSignal): Promise<unknown> {
    const claims = { operation: 'request', from: this.#self, namespace: undefined } as const;
    const { origin, pathname, search } = new URL(`${url}${path}`);
    const { statusCode, body } = await this.#client.request(origin, `${pathname}${search}`, {
      method: 'GET',
      headers: { [PEER_HEADER]: signPeer(this.#secret, { method: 'GET', path }, claims, Date.now()) },
      signal,
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${url} responded with status ${statusCode}: ${text.slice(0, 200)}`);
    return JSON.parse(text);
  }
}
