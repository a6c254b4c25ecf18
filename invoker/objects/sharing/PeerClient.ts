import type { SecureContextOptions } from 'node:tls';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { ObjectNamespace } from '../../../shared/objects/ObjectToken.js';
import { leaveAtEnd, NamespaceTurns } from '../../../shared/objects/NamespaceTurns.js';
import { MAX_OPEN_WAITS } from '../../../shared/objects/OpenWaits.js';
import { peerFaultOf, type PeerFault } from '../../../shared/objects/peerFault.js';
import { PEER_HEADER, signPeer, type PeerOperation } from '../../../shared/objects/peerHeader.js';
import type { Peer } from '../../../shared/objects/Locate.js';
import { ConnectionBytes } from './ConnectionBytes.js';
import { formerOwner } from './lostColor.js';
import { PeerReads, type Reading, type TakeHead } from './PeerReads.js';

/** A request for another invoker. */
export interface PeerRequest {
  readonly operation: PeerOperation;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly namespace: ObjectNamespace;
  readonly headers?: Readonly<Record<string, string | string[] | undefined>> | undefined;
  readonly body?: Dispatcher.DispatchOptions['body'];
  /** The limit for the response's headers, in ms; missing: `ANSWER_MS`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Whether the response comes after a change of an object only. Missing: it comes at once. */
  readonly waits?: boolean | undefined;
}

/** A `GET` of a container or a user, without a body and without a wait. */
export interface PeerReadRequest extends Pick<PeerRequest, 'path' | 'namespace'> {
  readonly headers: Readonly<Record<string, string | string[]>>;
  /** The limit for the response's headers, in ms. */
  readonly timeoutMs: number;
}

/** A peer could not be asked. */
export class PeerError extends Error {
  override readonly name = 'PeerError';
  readonly fault: PeerFault;

  constructor(fault: PeerFault, message: string, cause?: unknown) {
    super(message, { cause });
    this.fault = fault;
  }
}

/** The limit for a connection, in ms. */
const CONNECT_MS = 1000;
/** The limit for a response, and for the next bytes of its body. */
const ANSWER_MS = 6000;
const BODY_IDLE_MS = 10_000;
/** The most connections to one invoker. More requests wait for one. Requests that wait for a change have others. */
const CONNECTIONS = 256;

/** Sends signed requests to the object memories of other invokers. */
export class PeerClient {
  readonly #secret: string;
  readonly #self: string;
  readonly #agent: Agent;
  readonly #waiting: Agent;
  readonly #reads: PeerReads;
  readonly #turns = new NamespaceTurns();
  readonly #bytes = new ConnectionBytes();
  #answered: (peer: Peer) => void = () => undefined;

  /**
   * @param self such as `invoker0`.
   * @param tls for https; undefined: as Node.js does by itself.
   */
  constructor(secret: string, self: string, tls?: SecureContextOptions) {
    this.#secret = secret;
    this.#self = self;
    const connector = buildConnector({ timeout: CONNECT_MS, ...tls });
    const agent = (connections: number): Agent =>
      new Agent({
        connections,
        pipelining: 1,
        connect: (options, callback) => {
          connector(options, (...outcome) => {
            if (outcome[1]) this.#bytes.add(outcome[1]);
            callback(...outcome);
          });
        },
        bodyTimeout: BODY_IDLE_MS,
        keepAliveTimeout: 60_000,
      });
    this.#agent = agent(CONNECTIONS);
    this.#waiting = agent(MAX_OPEN_WAITS);
    this.#reads = new PeerReads({
      tls,
      connectMs: CONNECT_MS,
      connections: CONNECTIONS,
      onSocket: (socket) => {
        // A caller waits for each read, over a connection that keeps the thread.
        socket.unref();
        this.#bytes.add(socket);
      },
    });
  }

  /** The bytes that went over its connections, in both directions. */
  get bytes(): number {
    return this.#bytes.total;
  }

  /** Has `answered` called at each response of another invoker. There is one such function. */
  onAnswer(answered: (peer: Peer) => void): void {
    this.#answered = answered;
  }

  /** @throws PeerError; ObjectError 429 if too many other requests of the namespace are under way. */
  async send(peer: Peer, asked: PeerRequest): Promise<Dispatcher.ResponseData> {
    // Callers may read slowly. The requests of this invoker itself do not wait for them.
    if (asked.operation !== 'request' || asked.waits === true) return this.#request(peer, asked);
    const leave = await this.#turns.take(peer.url, asked.namespace.uuid, asked.signal);
    try {
      const response = await this.#request(peer, asked);
      leaveAtEnd(response.body, leave);
      return response;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /**
   * Sends a read, whose response goes to `take`. `ended` of the result rejects like `send`, or with an error of `take`, and also if the
   * body is not complete.
   */
  read(peer: Peer, asked: PeerReadRequest, take: TakeHead): Reading {
    const leave = this.#turns.takeFree(peer.url, asked.namespace.uuid);
    if (leave) return this.#read(peer, asked, take, leave);
    const gone = new AbortController();
    let begun: Reading | undefined;
    const turn = this.#turns.take(peer.url, asked.namespace.uuid, gone.signal).catch((error: unknown) => {
      if (error instanceof ObjectError) throw error;
      throw new PeerError('unsent', 'the read was given up', error);
    });
    const ended = turn.then((end) => {
      begun = this.#read(peer, asked, take, end);
      if (gone.signal.aborted) begun.abort();
      return begun.ended;
    });
    return { ended, abort: () => (begun ? begun.abort() : gone.abort()) };
  }

  #read(
    peer: Peer,
    { path, namespace, headers, timeoutMs }: PeerReadRequest,
    take: TakeHead,
    leave: () => void,
  ): Reading {
    const claims = { operation: 'request', from: this.#self, namespace } as const;
    let fields = `${PEER_HEADER}: ${signPeer(this.#secret, { method: 'GET', path }, claims, Date.now())}\r\n`;
    for (const [name, value] of Object.entries(headers)) fields += `${name}: ${[value].flat().join(', ')}\r\n`;
    const explain = (error: Error): PeerError =>
      new PeerError(peerFaultOf(error), `invoker${peer.instance} does not answer`, error);
    const reading = this.#reads.read(peer.url, { target: path, fields, headMs: timeoutMs }, take, explain);
    reading.ended.then(() => {
      leave();
      this.#answered(peer);
    }, leave);
    return reading;
  }

  async #request(peer: Peer, asked: PeerRequest): Promise<Dispatcher.ResponseData> {
    const { operation, method, path, namespace, timeoutMs = ANSWER_MS, signal, waits } = asked;
    const claims = { operation, from: this.#self, namespace };
    const signed = signPeer(this.#secret, { method, path }, claims, Date.now());
    try {
      // Not `undici.request`: it would resolve `.` and `..` in the signed path, which may be names.
      const response = await (waits === true ? this.#waiting : this.#agent).request({
        origin: peer.url,
        path,
        method,
        headers: { ...asked.headers, [PEER_HEADER]: signed },
        body: asked.body ?? null,
        headersTimeout: timeoutMs,
        ...(signal === undefined ? {} : { signal }),
      });
      this.#answered(peer);
      return response;
    } catch (error) {
      throw new PeerError(peerFaultOf(error), `invoker${peer.instance} does not answer`, error);
    }
  }

  /**
   * Sends a request with a short response of JSON.
   * @throws PeerError; ObjectError 421 from an invoker that knows a later owner, and 503 for another status than 200
   */
  async ask(peer: Peer, asked: PeerRequest): Promise<unknown> {
    const response = await this.send(peer, asked);
    const body: unknown = await response.body.json().catch((error: unknown) => {
      throw new PeerError('silent', `invoker${peer.instance} ended its response`, error);
    });
    if (response.statusCode === 200) return body;
    if (response.statusCode === 421) throw formerOwner();
    throw new ObjectError(503, `invoker${peer.instance} responded with status ${response.statusCode}`, {
      retryAfterS: 1,
    });
  }

  async close(): Promise<void> {
    this.#reads.close();
    await Promise.all([this.#agent.destroy(), this.#waiting.destroy()]);
  }
}
