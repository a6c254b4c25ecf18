import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Dispatcher } from 'undici';
import { objectsLimitBytes } from '../../shared/config/namespaceLimits.js';
import { LazyHttpClient } from '../../shared/objects/LazyHttpClient.js';
import { PEER_HEADER, signPeer, verifyPeer, type PeerClaims } from '../../shared/objects/peerHeader.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { ObjectNamespace } from '../../shared/objects/ObjectToken.js';
import { leaveAtEnd, NamespaceTurns } from '../../shared/objects/NamespaceTurns.js';
import { isWait, MAX_OPEN_WAITS, OpenWaits } from '../../shared/objects/OpenWaits.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { MessageHome } from '../../shared/objects/messageObjects.js';
import type { AuthStore } from '../../shared/store/AuthStore.js';
import type { ObjectHomes } from '../loadbalancer/objectHomes.js';
import type { ColorRequest, InvokerHealth } from '../loadbalancer/LoadBalancer.js';

type Owner = Pick<Identity, 'namespace' | 'limits'>;

export interface ObjectPeersParts {
  /** The cluster secret. */
  readonly secret: string;
  /** For https; undefined: as Node.js does by itself. */
  readonly tls?: SecureContextOptions | undefined;
  /** The name of this controller, for the invokers' logs. */
  readonly self: string;
  /** See `HomesReply`. */
  readonly validMs: number;
  readonly homes: (user: Owner, color: ColorRequest) => ObjectHomes;
  readonly invokers: () => readonly InvokerHealth[];
  /** All invokers that share objects; undefined: this controller does not know all of them. */
  readonly allInvokers: () => InvokersReply | undefined;
  readonly namespaces: Pick<AuthStore, 'identityByNamespace'>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Bounds the connections of a namespace; missing: with the usual bounds. */
  readonly turns?: NamespaceTurns | undefined;
  /** The limit for the next bytes of a body, in ms; missing: `BODY_IDLE_MS`. */
  readonly bodyIdleMs?: number | undefined;
}

/** A request for an object memory. */
export interface PeerRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The path from the color on, with the query, as on the wire. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: Readable | undefined;
  readonly operation: PeerClaims['operation'];
  readonly namespace: ObjectNamespace | undefined;
  /** The limit for the response's headers, in ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The limit for a connection, and for the next bytes of a body, in ms. */
const CONNECT_MS = 2000;
const BODY_IDLE_MS = 30_000;
/** The most connections to one invoker. More requests wait for one. Requests that wait for a change have others. */
const CONNECTIONS = 256;

/** How long before an invoker counts as down a home stops to rely on an old reply. */
const LEASE_MARGIN_MS = 2000;

/** How long a home may rely on a reply, so that it stops before another home is named. */
export const leaseMs = (offlineAfterMs: number): number => Math.max(1000, offlineAfterMs - LEASE_MARGIN_MS);

/** Names the homes of objects, and sends requests to the object memories of invokers. */
export class ObjectPeers {
  readonly #parts: ObjectPeersParts;
  readonly #client: LazyHttpClient;
  readonly #waiting: LazyHttpClient;
  readonly #waits = new OpenWaits();
  readonly #turns: NamespaceTurns;

  constructor(parts: ObjectPeersParts) {
    this.#parts = parts;
    this.#turns = parts.turns ?? new NamespaceTurns();
    const options = {
      pipelining: 1,
      connect: { timeout: CONNECT_MS, ...parts.tls },
      bodyTimeout: parts.bodyIdleMs ?? BODY_IDLE_MS,
    };
    this.#client = new LazyHttpClient(({ Agent }) => new Agent({ ...options, connections: CONNECTIONS }));
    this.#waiting = new LazyHttpClient(({ Agent }) => new Agent({ ...options, connections: MAX_OPEN_WAITS }));
  }

  /** The homes of a color in a namespace. */
  homes(user: Owner, color: string, policy: string | undefined): ObjectHomes {
    return this.#parts.homes(user, { value: color, callerPolicy: policy });
  }

  /** The homes of a color for an invoker; undefined: no namespace has this name. @throws StoreUnavailableError */
  async reply(namespace: string, color: string, policy: string | undefined): Promise<HomesReply | undefined> {
    const identity = await this.#parts.namespaces.identityByNamespace(namespace);
    if (!identity) return undefined;
    const { policy: chosen, homes, away } = this.homes(identity, color, policy);
    const limitBytes = objectsLimitBytes(identity.limits) ?? null;
    return { policy: chosen, homes: [...homes], away: [...away], validMs: this.#parts.validMs, limitBytes };
  }

  /** All invokers that share objects, also those that are away; undefined: this controller does not know all of them. */
  allInvokers(): InvokersReply | undefined {
    return this.#parts.allInvokers();
  }

  /** The invokers that share objects and are not down. */
  peers(): MessageHome[] {
    return this.#parts.invokers().flatMap(({ instance: { instance }, objectsUrl: url, status }) => {
      return url === undefined || status === 'down' ? [] : [{ instance, url }];
    });
  }

  /** The claims of a request of an invoker; undefined if its signature is not valid. */
  verify(method: string, path: string, header: string | undefined): PeerClaims | undefined {
    return header === undefined
      ? undefined
      : verifyPeer(this.#parts.secret, { method, path }, header, this.#parts.now());
  }

  /**
   * Sends a signed request.
   * @param url the invoker's scheme, host and port.
   * @throws the errors of `undici`, such as an invoker that does not answer; ObjectError 429 if too many other requests of the namespace
   * are under way.
   */
  async send(url: string, request: PeerRequest): Promise<Dispatcher.ResponseData> {
    const { path, namespace, signal } = request;
    if (isWait(path)) return this.#request(this.#waiting, url, request);
    const leave = namespace && (await this.#turns.take(url, namespace.uuid, signal));
    try {
      const response = await this.#request(this.#client, url, request);
      if (leave) leaveAtEnd(response.body, leave);
      return response;
    } catch (error) {
      leave?.();
      throw error;
    }
  }

  #request(
    client: LazyHttpClient,
    url: string,
    { method, path, headers, body, operation, namespace, timeoutMs, signal }: PeerRequest,
  ): Promise<Dispatcher.ResponseData> {
    const { secret, self, now } = this.#parts;
    const signed = signPeer(secret, { method, path }, { operation, from: self, namespace }, now());
    return client.request(url, path, {
      method,
      headers: { ...headers, [PEER_HEADER]: signed },
      body: body ?? null,
      headersTimeout: timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Counts a request of a namespace that waits: see `OpenWaits.begin`. */
  beginWait(uuid: string): () => void {
    return this.#waits.begin(uuid);
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#waiting.close()]);
  }
}
