import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { rawRefusal, refusal, refusalOf, TARGET_TOO_LONG } from '../../shared/http/refusal.js';
import { within } from '../../shared/process/within.js';
import { whenClosed } from './quick/QuickExchange.js';
import { readQuickly, type QuickParts } from './quick/readQuickly.js';

/** The idle time after which a connection is closed: longer than the longest blocking invocation. */
const KEEP_ALIVE_MS = 70_000;
/** The longest time for the arrival of a whole request. */
const RECEIVE_MS = 65_000;
/** The limit for a client to close its half of a connection after a refusal of bytes that are not HTTP. */
const CLOSE_MS = 5000;
/** The same at a stop: many clients notice the end of a kept connection only when they use it again. */
const STOP_CLOSE_MS = 1000;
/** The interval at which Node checks this time; its own default of 30 s would add up to 30 s to the limit. */
const CHECK_MS = 1000;
const MAX_HEADER_BYTES = 32 * 1024;
/** The longest target of a request, as in OpenWhisk. */
const MAX_TARGET_BYTES = 8 * 1024;

/** How long, and how many, requests wait for a server that is starting. */
const EARLY_MS = 60_000;
const MAX_EARLY = 1000;

/** The longest time for a TLS handshake. */
const HANDSHAKE_MS = 10_000;

/** The state of a connection. */
interface Connection {
  /** Requests without a complete response, in the order of their arrival. */
  readonly pending: Exchange[];
  /** Whether the client sent bytes that are not HTTP. The server does not read the bytes that follow. */
  broken: boolean;
  /** Whether a part of a request is there that `pending` does not have yet. */
  receiving: boolean;
  /** Whether the response to the latest request says that the connection closes after it. */
  last: boolean;
}

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** Times in ms; missing: the defaults. */
export interface HttpServerOptions {
  readonly maxConnections?: number | undefined;
  readonly tls?: TlsOptions | undefined;
  /** The longest target (path and query) of a request, in bytes. */
  readonly maxTargetBytes?: number | undefined;
  /** The longest time for the arrival of a whole request. */
  readonly receiveMs?: number | undefined;
  /** The longest time for a TLS handshake. */
  readonly handshakeMs?: number | undefined;
}

/** An HTTP or HTTPS server with a graceful stop: pending requests get their response. */
export class HttpServer {
  readonly #server: Server;
  /** The server with TLS listens at its first address itself. All other listeners pass their connections to it. */
  readonly #secure: boolean;
  readonly #doors: NetServer[] = [];
  readonly #connections = new Map<Socket, Connection>();
  readonly #maxTargetBytes: number;
  readonly #receiveMs: number;
  /** How requests are served without Node's server; undefined: none is. */
  #quick: QuickParts | undefined;
  /** Whether a server that does not listen checks the times of requests. */
  #checksTimes = false;
  /** Called when the last connection is closed. */
  #onEmpty: (() => void) | undefined;
  #stopping = false;
  #handler: RequestListener | undefined;
  /** Requests that arrived before the handler. They wait for it, or get 503 after a timeout. */
  readonly #early = new Map<ServerResponse, { readonly req: IncomingMessage; readonly timer: NodeJS.Timeout }>();

  /** @param handler undefined: requests wait for the handler of `serve`. */
  constructor(handler?: RequestListener, options: HttpServerOptions = {}) {
    this.#handler = handler;
    const { maxConnections, tls, receiveMs = RECEIVE_MS, handshakeMs = HANDSHAKE_MS } = options;
    this.#secure = tls !== undefined;
    this.#receiveMs = receiveMs;
    this.#maxTargetBytes = options.maxTargetBytes ?? MAX_TARGET_BYTES;
    const settings: ServerOptions = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: receiveMs,
      connectionsCheckingInterval: Math.min(CHECK_MS, receiveMs),
      // Node counts the target as a part of the headers.
      maxHeaderSize: MAX_HEADER_BYTES + this.#maxTargetBytes,
      // `#onRequest` checks for the Host header, with an error message.
      requireHostHeader: false,
    };
    const listener: RequestListener = (req, res) => this.#onRequest(req, res);
    this.#server = tls
      ? createTlsServer({ ...settings, handshakeTimeout: handshakeMs, ...tls }, listener)
      : createServer(settings, listener);
    // A client may close its half of the connection after the request and still gets its response.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
      this.#track(req, res);
      refuse(res, 417, 'The server does not support the expectation of the request.');
    });
    if (tls) this.#server.on('secureConnection', (socket: Socket) => this.#register(socket));
    if (maxConnections !== undefined) this.#server.maxConnections = maxConnections;
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#onClientError(error, socket),
    );
  }

  /**
   * Serves requests with `handler`, including those that wait.
   * @param quick whether `handler` answers a request of this method and target with one text. Then it gets a `QuickRequest` and a
   * `QuickResponse`, which take half of the time. Missing: it never does.
   */
  serve(handler: RequestListener, quick?: (method: string, target: string) => boolean): void {
    this.#handler = handler;
    this.#quick = quick && {
      takes: (method, target) => target.length <= this.#maxTargetBytes && quick(method, target),
      serve: (req, res) => this.#onRequest(req, res),
      passOn: (socket) => {
        this.#passOn(socket);
        socket.resume();
      },
      receiving: (socket, receives) => {
        const connection = this.#connections.get(socket);
        if (connection) connection.receiving = receives;
      },
      failed: (socket, error) => this.#onClientError(error, socket),
      stops: () => this.#stopping,
      keepAliveMs: KEEP_ALIVE_MS,
      receiveMs: this.#receiveMs,
      maxHeadBytes: MAX_HEADER_BYTES,
    };
    for (const [res, { req, timer }] of this.#early) {
      clearTimeout(timer);
      handler(req, res);
    }
    this.#early.clear();
  }

  /**
   * Listens at an address; may be called again for further addresses. Resolves to the address. Port 0: any free port.
   * @throws the error of `listen`.
   */
  listen(port: number, host: string): Promise<AddressInfo> {
    let listener: NetServer = this.#server;
    if (!this.#secure || this.#server.listening) {
      // A client may close its half of the connection after the request and still gets its response.
      listener = createNetServer({ allowHalfOpen: true }, (socket) => this.adopt(socket));
      this.#doors.push(listener);
    }
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, host, () => {
        listener.off('error', reject);
        const address = listener.address();
        if (address === null || typeof address === 'string') reject(new Error(`no port is open on ${host}`));
        else resolve(address);
      });
    });
  }

  /** Serves a connection that another listener or process has accepted. */
  adopt(socket: Socket): void {
    if (this.#stopping || this.#connections.size >= (this.#server.maxConnections ?? Infinity)) {
      socket.destroy();
      return;
    }
    if (this.#secure) return this.#passOn(socket);
    // Node.js does not set it for a socket that another process has accepted.
    socket.allowHalfOpen = true;
    this.#register(socket);
    if (this.#quick) readQuickly(socket, this.#quick);
    else this.#passOn(socket);
  }

  /** Leaves a connection to Node's server. */
  #passOn(socket: Socket): void {
    if (!this.#server.listening && !this.#checksTimes) {
      this.#checksTimes = true;
      // Node begins to check the times of requests with this event.
      this.#server.emit('listening');
    }
    this.#server.emit('connection', socket);
  }

  #register(socket: Socket): void {
    // Send responses at once instead of collecting data (Nagle's algorithm).
    socket.setNoDelay(true);
    this.#connections.set(socket, {
      pending: [],
      broken: false,
      receiving: false,
      last: false,
    });
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (this.#connections.size === 0) this.#onEmpty?.();
    });
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    // A request that cannot be answered any more must not run: its client may repeat it.
    if (!req.socket.writable) {
      req.socket.destroySoon();
      return;
    }
    // The same, after the last response.
    if (this.#connections.get(req.socket)?.last) return;
    this.#track(req, res);
    const { url = '' } = req;
    const target = originForm(url, req.method);
    // Node reads targets as Latin-1: a character is a byte.
    if (url.length > this.#maxTargetBytes) refuse(res, 414, TARGET_TOO_LONG);
    else if (!target) refuse(res, 400, 'The target of the request is not a URL.');
    else if (req.httpVersion === '1.1' && req.headers.host === undefined) {
      refuse(res, 400, 'The request has no Host header.');
    } else {
      req.url = target.path;
      // RFC 9112 3.2.2: the host in the target replaces the header.
      if (target.host !== undefined) req.headers.host = target.host;
      if (this.#handler) this.#handler(req, res);
      else if (this.#stopping || this.#early.size >= MAX_EARLY) unavailable(res);
      else this.#waitForHandler(req, res);
    }
  }

  /** Tracks a request until its response is complete. */
  #track(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req;
    const connection = this.#connections.get(socket);
    const pending = connection?.pending ?? [];
    const exchange = { req, res };
    pending.push(exchange);
    if (this.#stopping) {
      res.setHeader('Connection', 'close');
      if (connection) connection.last = true;
    }
    whenClosed(res, () => {
      pending.splice(pending.indexOf(exchange), 1);
      if (pending.length === 0 && this.#stopping) endSoon(socket, '', STOP_CLOSE_MS);
    });
  }

  /** Keeps a request until the starting server has a handler, or refuses it. */
  #waitForHandler(req: IncomingMessage, res: ServerResponse): void {
    const timer = setTimeout(() => {
      this.#early.delete(res);
      unavailable(res);
    }, EARLY_MS);
    this.#early.set(res, { req, timer });
    res.once('close', () => {
      clearTimeout(timer);
      this.#early.delete(res);
    });
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (!connection) {
      // The connection failed before any HTTP.
      socket.destroy();
      return;
    }
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroySoon();
      return;
    }
    if (connection.broken) return;
    connection.broken = true;
    const latest = connection.pending.at(-1);
    // The invalid bytes belong to the body of the last request or to a new request.
    const inBody = latest !== undefined && !latest.req.complete;
    const before = connection.pending.at(inBody ? -2 : -1);
    const answer = (): void => {
      // The client would take a second response to the same request for the response to the next one.
      if (!socket.writable || (inBody && latest.res.headersSent)) socket.destroySoon();
      else endSoon(socket, rawRefusal(...refusalOf(error)), CLOSE_MS);
    };
    // Responses are sent in the order of their requests.
    if (before) before.res.once('close', answer);
    else answer();
  }

  /**
   * Takes no more connections, waits at most `limitMs` for the responses to pending requests, then closes the remaining
   * connections. Resolves when all connections are closed.
   */
  stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    for (const res of this.#early.keys()) unavailable(res);
    for (const door of this.#doors) door.close();
    // The server does not count the connections that it adopted.
    const empty = new Promise<void>((resolve) => {
      if (this.#connections.size === 0) resolve();
      else this.#onEmpty = resolve;
    });
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve())).then(() => empty);
    for (const [socket, { pending, receiving }] of this.#connections) {
      if (pending.length === 0 && !receiving) endSoon(socket, '', STOP_CLOSE_MS);
    }
    return within(closed, limitMs, () => {
      this.#server.closeAllConnections();
      for (const socket of this.#connections.keys()) socket.destroy();
      return closed;
    });
  }
}

/** Sends the last bytes, and waits at most so long (ms) for the client to close its half of the connection. */
function endSoon(socket: Socket, text: string, limitMs: number): void {
  if (text) socket.write(text);
  socket.end();
  const timer = setTimeout(() => socket.destroy(), limitMs).unref();
  socket.once('close', () => clearTimeout(timer));
}

/**
 * The target of a request as path and query, and the host of an absolute-form target (RFC 9112 3.2).
 * @returns undefined if the target is not a path, an asterisk or a URL.
 */
export function originForm(
  target: string,
  method: string | undefined,
): { readonly path: string; readonly host?: string } | undefined {
  if (target.startsWith('/') || target === '*') return { path: target };
  const parts = /^https?:\/\/([^/?#]*)([^#]*)/i.exec(target);
  if (!parts) return URL.canParse(target) ? { path: target } : undefined;
  const [, authority = '', rest = ''] = parts;
  if (!URL.canParse(`http://${authority}`)) return undefined;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (rest === '' && method === 'OPTIONS') return { path: '*', host };
  return { path: rest.startsWith('/') ? rest : `/${rest}`, host };
}

/** Refuses a request that is not valid HTTP with the API's error body, and closes the connection. */
function refuse(res: ServerResponse, status: number, message: string): void {
  const { headers, body } = refusal(message);
  res.writeHead(status, headers);
  res.end(body);
}

/** Refuses a request while the server starts or stops: the next server at this address may serve it. */
function unavailable(res: ServerResponse): void {
  res.setHeader('Retry-After', '1');
  refuse(res, 503, 'The server is being started or stopped.');
}
