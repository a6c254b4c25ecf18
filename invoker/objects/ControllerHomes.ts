import type { SecureContextOptions } from 'node:tls';
import { LazyHttpClient } from '../../shared/objects/LazyHttpClient.js';
import { HOMES_PATH, homesQuery, homesReplySchema, type HomesReply } from '../../shared/objects/homesReply.js';
import { PEER_HEADER, signPeer } from '../../shared/objects/peerHeader.js';

/** The most controllers to remember. */
const MAX_CONTROLLERS = 8;
/** The limit for one controller, in ms. */
const ANSWER_MS = 1500;

/** Asks controllers for the homes of colors. It learns their addresses from activation messages. */
export class ControllerHomes {
  readonly #secret: string;
  readonly #self: string;
  /** The latest one comes last. */
  readonly #urls = new Set<string>();
  readonly #client: LazyHttpClient;
  #latest: string | undefined;

  /** @param tls for https; undefined: as Node.js does by itself. */
  constructor(secret: string, self: string, tls?: SecureContextOptions) {
    this.#secret = secret;
    this.#self = self;
    const options = { connections: 32, pipelining: 1, connect: { timeout: ANSWER_MS, ...tls } };
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

  /** @throws Error with the reason in words */
  async ask(namespace: string, color: string, policy: string | undefined): Promise<HomesReply> {
    let failure: unknown = new Error('no controller is known yet');
    for (const url of [...this.#urls].toReversed()) {
      try {
        return await this.#askOne(url, `${HOMES_PATH}?${homesQuery(namespace, color, policy)}`);
      } catch (error) {
        failure = error;
      }
    }
    const reason = failure instanceof Error ? failure.message : String(failure);
    throw new Error(`no controller answers: ${reason}`, { cause: failure });
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #askOne(url: string, path: string): Promise<HomesReply> {
    const claims = { operation: 'request', from: this.#self, namespace: undefined } as const;
    const { origin, pathname, search } = new URL(`${url}${path}`);
    const { statusCode, body } = await this.#client.request(origin, `${pathname}${search}`, {
      method: 'GET',
      headers: { [PEER_HEADER]: signPeer(this.#secret, { method: 'GET', path }, claims, Date.now()) },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${url} responded with status ${statusCode}: ${text.slice(0, 200)}`);
    return homesReplySchema.parse(JSON.parse(text));
  }
}
