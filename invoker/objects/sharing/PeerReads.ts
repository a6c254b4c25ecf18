import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { LRUCache } from 'lru-cache';
import type { ContainerAddress, Exchange } from '../../containers/HttpConnection.js';
import { HttpConnections, type Sending } from '../../containers/HttpConnections.js';
import { parseFields, type ResponseHead } from '../../containers/responseHead.js';

/*
 * Reads of objects of other invokers, over connections of their own: a read of 64 KB took half of its time in a general client and in
 * streams.
 *
 * States of a read:
 *   asked   its request waits for a connection, or was sent   → body: the head of the response; failed
 *   body    the bytes come                                    → ended: all are here; failed
 *   ended
 *   failed  its connection is closed: it broke, or the caller gave up, or the next bytes took too long
 */

/** The status and the header fields of a response. */
export interface PeerHead {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: IncomingHttpHeaders;
}

/** Takes the body of a response as it comes. */
export interface BodyTaker {
  /** See `Exchange.place`. */
  place(): Buffer | undefined;
  /** See `Exchange.data`. */
  data(chunk: Buffer): void;
  /** The body is complete. */
  end(): void;
}

/**
 * Is told the head of a response. `flow` pauses its body. An error gives the read up.
 * @param length of the body, in bytes.
 * @returns what takes the body; undefined: nothing does.
 */
export type TakeHead = (head: PeerHead, length: number, flow: Flow) => BodyTaker | undefined;

export interface Flow {
  pause(): void;
  resume(): void;
}

/** A read under way. */
export interface Reading {
  /** Resolves to the head when the body is complete. Rejects with an error of `TakeHead`, or with the explained one of the connection. */
  readonly ended: Promise<PeerHead>;
  /** Gives the read up, if it has not ended. */
  abort(): void;
}

/** The limit for the next bytes of a body, in ms. */
const BODY_IDLE_MS = 10_000;
/** The limit for one pause of a body, in ms: its reader keeps a connection that others wait for. */
const PAUSE_MS = 60_000;
/** The most invokers with connections. */
const MAX_PEERS = 1000;

interface Connected {
  readonly host: string;
  readonly connections: HttpConnections;
}

export interface ReadRequest {
  /** The path with the query. */
  readonly target: string;
  /** The header fields, each with its end of line. */
  readonly fields: string;
  /** The limit for the head of the response, in ms: from the call on, with the wait for a connection. */
  readonly headMs: number;
}

/** Makes the error that a read rejects with from one of its connection. */
export type Explain = (error: Error) => Error;

export interface PeerReadsOptions {
  /** For https; undefined: as Node.js does by itself. */
  readonly tls: SecureContextOptions | undefined;
  /** The limit for a connection, in ms. */
  readonly connectMs: number;
  /** The most connections to one invoker. */
  readonly connections: number;
  /** Called with the socket of each new connection. */
  readonly onSocket: (socket: Socket) => void;
}

/** Sends reads to other invokers. */
export class PeerReads {
  readonly #options: PeerReadsOptions;
  readonly #peers = new LRUCache<string, Connected>({
    max: MAX_PEERS,
    dispose: ({ connections }) => connections.destroy(),
  });

  constructor(options: PeerReadsOptions) {
    this.#options = options;
  }

  /** @param url of the invoker, without a path. */
  read(url: string, { target, fields, headMs }: ReadRequest, take: TakeHead, explain: Explain): Reading {
    const { host, connections } = this.#connected(url);
    const reading = new PeerReading(headMs, take, explain);
    const head = `GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n${fields}`;
    reading.over(connections.send({ head, body: undefined }, reading));
    return reading;
  }

  /** Reads under way fail. */
  close(): void {
    this.#peers.clear();
  }

  #connected(url: string): Connected {
    const known = this.#peers.get(url);
    if (known) return known;
    const { protocol, host, hostname, port } = new URL(url);
    const encrypted = protocol === 'https:';
    const address: ContainerAddress = {
      // Without the brackets of IPv6.
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || (encrypted ? 443 : 80)),
    };
    const { connectMs, connections: most, onSocket, tls = {} } = this.#options;
    const options = { tls: encrypted ? tls : undefined, connectMs, onSocket };
    const connected = { host, connections: new HttpConnections(address, most, options) };
    this.#peers.set(url, connected);
    return connected;
  }
}

class PeerReading implements Exchange, Reading, Flow {
  readonly ended: Promise<PeerHead>;
  readonly #take: TakeHead;
  readonly #explain: Explain;
  #resolve: (head: PeerHead) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #sending: Sending | undefined;
  #taker: BodyTaker | undefined;
  #head: PeerHead | undefined;
  #late: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(headMs: number, take: TakeHead, explain: Explain) {
    this.#take = take;
    this.#explain = explain;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#limit(headMs);
  }

  /** @param sending of its request. */
  over(sending: Sending): void {
    if (this.#isOver) sending.abort();
    else this.#sending = sending;
  }

  abort(): void {
    this.failed(new Error('the read was given up'));
  }

  pause(): void {
    if (this.#isOver) return;
    this.#limit(PAUSE_MS);
    this.#sending?.pause();
  }

  resume(): void {
    if (this.#isOver) return;
    this.#limit(BODY_IDLE_MS);
    this.#sending?.resume();
  }

  started(): void {
    // Its limit goes on.
  }

  head({ status, length }: ResponseHead, text: string): void {
    const bodiless = status === 204 || status === 304;
    if (length === undefined && !bodiless) throw new Error('the response has no length');
    this.#limit(BODY_IDLE_MS);
    this.#head = { status, headers: parseFields(text) };
    try {
      this.#taker = this.#take(this.#head, bodiless ? 0 : (length ?? 0), this);
    } catch (error) {
      this.#fail(error);
    }
  }

  data(chunk: Buffer): void {
    this.#late?.refresh();
    this.#taker?.data(chunk);
  }

  place(): Buffer | undefined {
    return this.#taker?.place();
  }

  end(): void {
    if (this.#isOver || !this.#head) return;
    try {
      this.#taker?.end();
      this.#over();
      this.#resolve(this.#head);
    } catch (error) {
      this.#fail(error);
    }
  }

  failed(error: Error): void {
    this.#fail(this.#explain(error));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#over();
    this.#sending?.abort();
    this.#reject(error);
  }

  #over(): void {
    this.#isOver = true;
    this.#noLimit();
  }

  #noLimit(): void {
    clearTimeout(this.#late);
    this.#late = undefined;
  }

  #limit(ms: number): void {
    clearTimeout(this.#late);
    this.#late = setTimeout(() => this.failed(new Error(`no bytes came for ${ms} ms`)), ms);
  }
}
