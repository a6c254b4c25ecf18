import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { newTransactionId } from '../../shared/entities/transaction.js';

/** Idle connections are kept longer than the longest wait of a blocking invocation. */
const KEEP_ALIVE_MS = 70_000;
/** A request has to be there whole within this time. */
const RECEIVE_MS = 65_000;
const MAX_HEADER_BYTES = 32 * 1024;

/** So long, and so many, requests wait for a server that is being started. */
const EARLY_MS = 60_000;
const MAX_EARLY = 1000;

/** A client that has not agreed on how to encrypt within this time is cut off. */
const HANDSHAKE_MS = 10_000;

/** What a connection has to do. */
interface Connection {
  /** Requests that are not answered to their end, in the order of their arrival. */
  readonly pending: Exchange[];
  /** Set once bytes came that are not HTTP: nothing that follows them is read. */
  broken: boolean;
}

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/** An HTTP or HTTPS server that can be stopped without cutting off those who wait for an answer. */
export class HttpServer {
  readonly #server: Server;
  /** Listeners on further addresses, whose connections the server takes over. */
  readonly #doors: NetServer[] = [];
  readonly #connections = new Map<Socket, Connection>();
  #stopping = false;
  #handler: RequestListener | undefined;
  /** Requests that came before there was a handler: each gets one, or 503. */
  readonly #early = new Map<ServerResponse, { readonly req: IncomingMessage; readonly timer: NodeJS.Timeout }>();

  /** @param handler undefined: requests wait until `serve` brings it. */
  constructor(
    handler?: RequestListener,
    options: { readonly maxConnections?: number | undefined; readonly tls?: TlsOptions | undefined } = {},
  ) {
    this.#handler = handler;
    const { maxConnections, tls } = options;
    const settings: ServerOptions = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: RECEIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Asked for below, where the answer says what is missing.
      requireHostHeader: false,
    };
    const listener: RequestListener = (req, res) => this.#onRequest(req, res);
    this.#server = tls
      ? createTlsServer({ ...settings, handshakeTimeout: HANDSHAKE_MS, ...tls }, listener)
      : createServer(settings, listener);
    // A client that has sent its request may close its half of the connection, and still gets its answer.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    this.#server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
      this.#track(req, res);
      refuse(res, 417, 'The server does not support the expectation of the request.');
    });
    this.#server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      // Answers go out as they are, not when more has come together.
      socket.setNoDelay(true);
      this.#connections.set(socket, { pending: [], broken: false });
      socket.once('close', () => this.#connections.delete(socket));
    });
    if (maxConnections !== undefined) this.#server.maxConnections = maxConnections;
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#onClientError(error, socket),
    );
  }

  /** Answers requests with `handler`, also those that have come already. */
  serve(handler: RequestListener): void {
    this.#handler = handler;
    for (const [res, { req, timer }] of this.#early) {
      clearTimeout(timer);
      handler(req, res);
    }
    this.#early.clear();
  }

  /**
   * Resolves to the address once connections are taken. Port 0 takes a free one. Called again it takes connections at
   * another address too. @throws what `listen` fails with.
   */
  listen(port: number, host: string): Promise<AddressInfo> {
    let listener: NetServer = this.#server;
    if (this.#server.listening) {
      listener = createNetServer((socket) => this.#server.emit('connection', socket));
      this.#doors.push(listener);
    }
    return new Promise((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(port, host, () => {
        listener.off('error', reject);
        resolve(listener.address() as AddressInfo);
      });
    });
  }

  #onRequest(req: IncomingMessage, res: ServerResponse): void {
    this.#track(req, res);
    const target = originForm(req.url ?? '', req.method);
    if (!target) refuse(res, 400, 'The target of the request is not a URL.');
    else if (req.httpVersion === '1.1' && req.headers.host === undefined) {
      refuse(res, 400, 'The request has no Host header.');
    } else {
      req.url = target.path;
      // RFC 9112 3.2.2: the host of the target replaces the header.
      if (target.host !== undefined) req.headers.host = target.host;
      if (this.#handler) this.#handler(req, res);
      else if (this.#stopping || this.#early.size >= MAX_EARLY) unavailable(res);
      else this.#waitForHandler(req, res);
    }
  }

  /** Remembers that a request waits for its answer. */
  #track(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req;
    const pending = this.#connections.get(socket)?.pending ?? [];
    const exchange = { req, res };
    pending.push(exchange);
    if (this.#stopping) res.setHeader('Connection', 'close');
    res.once('close', () => {
      pending.splice(pending.indexOf(exchange), 1);
      if (pending.length === 0 && this.#stopping) socket.end();
    });
  }

  /** A server that has just been started is asked before it can answer. */
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
      // The connection failed before it spoke HTTP.
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
    // The bad bytes belong to the body of the last request, or to one that has no answer of its own yet.
    const inBody = latest !== undefined && !latest.req.complete;
    const before = connection.pending.at(inBody ? -2 : -1);
    const answer = (): void => {
      // A second answer to the same request would be taken for the next one's.
      if (!socket.writable || (inBody && latest.res.headersSent)) socket.destroySoon();
      else socket.end(rawRefusal(...refusalOf(error)));
    };
    // Answers leave in the order of their requests.
    if (before) before.res.once('close', answer);
    else answer();
  }

  /**
   * Takes no more connections, lets requests under way finish for at most `limitMs`, and then cuts off the rest. Resolves
   * when all connections are closed.
   */
  stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    for (const res of this.#early.keys()) unavailable(res);
    for (const door of this.#doors) door.close();
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        this.#server.closeAllConnections();
      }, limitMs);
      this.#server.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      for (const [socket, { pending }] of this.#connections) if (pending.length === 0) socket.end();
    });
  }
}

/**
 * The target of a request as a path with its query, and the host that an absolute-form target names (RFC 9112 3.2).
 * @returns undefined where it is neither a path, the asterisk, nor a URL.
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

type Refusal = readonly [status: number, message: string];

function refusalOf({ code }: NodeJS.ErrnoException): Refusal {
  if (code === 'HPE_HEADER_OVERFLOW') return [431, 'The headers of the request are too large.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, 'The request did not arrive in time.'];
  return [400, 'The request is not valid HTTP.'];
}

/** Answers a request that is not valid HTTP in the shape that every error has, and closes the connection. */
function refuse(res: ServerResponse, status: number, message: string): void {
  const { headers, body } = refusal(message);
  res.writeHead(status, headers);
  res.end(body);
}

/** As `refuse`, for what Node could not read as a request. */
function rawRefusal(status: number, message: string): string {
  const { headers, body } = refusal(message);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

/** Answers a request that cannot be answered now, but perhaps by the next server at this address. */
function unavailable(res: ServerResponse): void {
  res.setHeader('Retry-After', '1');
  refuse(res, 503, 'The server is being started or stopped.');
}

function refusal(message: string): { readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const { id } = newTransactionId();
  const body = JSON.stringify({ error: message, code: id });
  const headers = {
    'X-Request-ID': id,
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  };
  return { headers, body };
}
