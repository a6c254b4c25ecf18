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
  /**
   * The limit for the response's headers, in ms; missing: `ANSWER_MS`. For a request of a caller it begins when the request has a
   * connection, and else with the call.
   */
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
/**
 * The most connections to one invoker for requests of callers. More of them wait for one, with a limit in ms. Requests that wait for a
 * change have others, and so have those of this invoker itself: no caller who sends slowly may hold them up.
 */
const CONNECTIONS = 256;
const CONNECTION_WAIT_MS = 8000;

/** Sends signed requests to the object memories of other invokers. */
export class PeerClient {
  readonly #secret: string;
  readonly #self: string;
  /** For requests of callers. */
  readonly #agent: Agent;
  /** For requests of this invoker itself. */
  readonly #internal: Agent;
  readonly #waiting: Agent;
  readonly #reads: PeerReads;
  readonly #turns = new NamespaceTurns();
  /** Of all namespaces together. */
  readonly #connections: NamespaceTurns;
  readonly #bytes = new ConnectionBytes();
  #answered: (peer: Peer) => void = () => undefined;

  /**
   * @param self such as `invoker0`.
   * @param tls for https; undefined: as Node.js does by itself.
   */
  constructor(
    secret: string,
    self: string,
    tls?: SecureContextOptions,
    { connections = CONNECTIONS, connectionWaitMs = CONNECTION_WAIT_MS } = {},
  ) {
    this.#secret = secret;
    this.#self = self;
    const connector = buildConnector({ timeout: CONNECT_MS, ...tls });
    const agent = (most: number): Agent =>
      new Agent({
        connections: most,
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
    this.#agent = agent(connections);
    this.#internal = agent(connections);
    this.#connections = new NamespaceTurns({ most: connections, waitMs: connectionWaitMs });
    this.#waiting = agent(MAX_OPEN_WAITS);
    this.#reads = new PeerReads({
      tls,
      connectMs: CONNECT_MS,
      connections,
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

  /**
   * @throws PeerError; ObjectError 429 if too many other requests of the namespace are under way, and 503 if those of all namespaces
   * keep all connections.
   */
  async send(peer: Peer, asked: PeerRequest): Promise<Dispatcher.ResponseData> {
    if (asked.operation !== 'request')
      return this.#inTime(peer, asked, (signal) => this.#request(peer, { ...asked, signal }));
    if (asked.waits === true) return this.#request(peer, asked);
    const leave = await this.#turn(peer, asked);
    try {
      const response = await this.#request(peer, asked);
      leaveAtEnd(response.body, leave);
      return response;
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** Waits for a connection for a request of a caller. It is signed when it has one: a signature is valid for a short time. */
  async #turn({ url, instance }: Peer, { namespace, signal }: PeerRequest): Promise<() => void> {
    const leaveNamespace = await this.#turns.take(url, namespace.uuid, signal);
    try {
      const leave = await this.#connections.take(url, '', signal);
      return () => {
        leave();
        leaveNamespace();
      };
    } catch (error) {
      leaveNamespace();
      if (!(error instanceof ObjectError)) throw error;
      const text = `Other requests keep all connections to invoker${instance}: try again.`;
      throw new ObjectError(503, text, { retryAfterS: 1, cause: error });
    }
  }

  /** Runs a request of this invoker itself. Its limit counts from now on, also while it waits for a connection. */
  async #inTime<T>(
    { instance }: Peer,
    { timeoutMs = ANSWER_MS, signal }: PeerRequest,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const limit = new AbortController();
    const ends = signal ? AbortSignal.any([signal, limit.signal]) : limit.signal;
    // undici looks at the signal when the request has a connection.
    const ended = new Promise<never>((_, reject) => {
      const end = (): void =>
        reject(new PeerError('silent', `invoker${instance} does not answer within ${timeoutMs} ms`, ends.reason));
      if (ends.aborted) end();
      else ends.addEventListener('abort', end, { once: true });
    });
    const late = setTimeout(() => limit.abort(), timeoutMs);
    try {
      return await Promise.race([request(ends), ended]);
    } finally {
      clearTimeout(late);
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
    const agent = operation !== 'request' ? this.#internal : waits === true ? this.#waiting : this.#agent;
    const claims = { operation, from: this.#self, namespace };
    const signed = signPeer(this.#secret, { method, path }, claims, Date.now());
    try {
      // Not `undici.request`: it would resolve `.` and `..` in the signed path, which may be names.
      const response = await agent.request({
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
   * Sends a request of this invoker itself with a short response of JSON, which has to be here within the limit.
   * @throws PeerError; ObjectError 421 from an invoker that knows a later owner, and 503 for another status than 200
   */
  async ask(peer: Peer, asked: PeerRequest): Promise<unknown> {
    return this.#inTime(peer, asked, async (signal) => {
      const response = await this.#request(peer, { ...asked, signal });
      const body: unknown = await response.body.json().catch((error: unknown) => {
        throw new PeerError('silent', `invoker${peer.instance} ended its response`, error);
      });
      if (response.statusCode === 200) return body;
      if (response.statusCode === 421) throw formerOwner();
      throw new ObjectError(503, `invoker${peer.instance} responded with status ${response.statusCode}`, {
        retryAfterS: 1,
      });
    });
  }

  async close(): Promise<void> {
    this.#reads.close();
    await Promise.all([this.#agent, this.#internal, this.#waiting].map((agent) => agent.destroy()));
  }
}
