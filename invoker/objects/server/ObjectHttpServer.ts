import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer as createNetServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket, type SecureContextOptions } from 'node:tls';
import { rawRefusal, refusalOf } from '../../../shared/http/refusal.js';
import type { ObjectListener } from './objectListener.js';

/** The longest time for receiving a request with its body, in ms. */
const REQUEST_MS = 60_000;
const HEADERS_MS = 10_000;
/** The idle time of connections: a container keeps one. */
const KEEP_ALIVE_MS = 600_000;
const MAX_CONNECTIONS = 10_000;
/** More than a controller takes, which adds its signature. A list of 2,000 tags takes half of it. */
const MAX_HEADER_BYTES = 64 * 1024;
const CHECK_MS = 5000;
/** The longest time without any progress of a request, in ms: longer than the longest wait for an object. */
const IDLE_MS = 330_000;

/** The longest time for a caller to end a refused connection, in ms. */
const LINGER_MS = 5000;

/** Limits for slow callers, in ms; missing: those above. */
export interface CallerLimits {
  readonly requestMs?: number;
  readonly checkMs?: number;
  readonly idleMs?: number;
}

/** An HTTP server for objects, at any number of addresses. */
export class ObjectHttpServer {
  /** Those that listen, by their HTTP servers. */
  readonly #servers = new Map<HttpServer, Server>();
  readonly #listener: ObjectListener;

  readonly #limits: CallerLimits;
  readonly #tls: SecureContextOptions | undefined;

  /** @param tls serves https, too, at the same addresses; undefined: http only. */
  constructor(listener: ObjectListener, limits: CallerLimits = {}, tls?: SecureContextOptions) {
    this.#listener = listener;
    this.#limits = limits;
    this.#tls = tls;
  }

  /** @param once whether each connection gets one response only. @throws the error of `listen`. */
  async listen(address: ListenOptions, once = false): Promise<Server> {
    const { requestMs = REQUEST_MS, checkMs = CHECK_MS, idleMs = IDLE_MS } = this.#limits;
    const server = createServer({
      requestTimeout: requestMs,
      headersTimeout: Math.min(HEADERS_MS, requestMs),
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: checkMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Objects are written as a whole.
      noDelay: true,
    });
    server.timeout = idleMs;
    if (once) server.maxRequestsPerSocket = 1;
    /** The requests of a connection without a complete response. */
    const open = new WeakMap<Duplex, Set<ServerResponse>>();
    const begin = ({ socket }: IncomingMessage, response: ServerResponse): void => {
      response.sendDate = false;
      const responses = open.get(socket) ?? new Set();
      open.set(socket, responses.add(response));
      response.once('close', () => responses.delete(response));
    };
    server.on('request', (request, response) => {
      begin(request, response);
      this.#listener(request, response);
    });
    server.on('checkContinue', (request, response) => {
      begin(request, response);
      this.#listener(request, response, () => response.writeContinue());
    });
    const refused = new WeakSet<Duplex>();
    server.on('clientError', (error, socket) => {
      // The rest of a request that has its refusal. Without it, the caller would see a broken connection instead.
      if (refused.has(socket)) return;
      refused.add(socket);
      refuse(socket, [...(open.get(socket) ?? [])], rawRefusal(...refusalOf(error)));
    });
    const listening = this.#tls === undefined ? server : withTls(server, this.#tls);
    listening.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject).listen(address, () => resolve());
    });
    this.#servers.set(server, listening);
    return listening;
  }

  /** Takes no more connections, and ends the open ones after their responses, at most `graceMs` later. */
  async close(graceMs: number): Promise<void> {
    await Promise.all([...this.#servers].map(([http, listening]) => closeServer(http, listening, graceMs)));
  }
}

/** Refuses bytes that are not a request, and ends the connection. @param open the responses to its other requests. */
function refuse(socket: Duplex, [first, ...others]: readonly ServerResponse[], refusal: string): void {
  if (socket.writable && !first) {
    // The caller may still send. If the connection ended at once, it would see that instead of the refusal.
    socket.end(refusal);
    const late = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(late));
    return;
  }
  // The refusal belongs to an open request whose body did not arrive, and to no other.
  if (first && others.length === 0 && !first.req.complete && !first.headersSent) socket.write(refusal);
  socket.destroy();
}

function closeServer(http: HttpServer, listening: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => http.closeAllConnections(), graceMs);
    listening.close(() => {
      clearTimeout(late);
      resolve();
    });
    http.closeIdleConnections();
  });
}

/** The first byte of a TLS connection. No HTTP method begins with it. */
const HANDSHAKE = 0x16;

/** A server in front of an HTTP server that takes TLS, and plain HTTP of containers, at the same address. */
function withTls(http: HttpServer, options: SecureContextOptions): Server {
  const secureContext = createSecureContext(options);
  const serve = (socket: Socket): boolean => http.emit('connection', socket);
  return createNetServer({ noDelay: true, pauseOnConnect: true }, (raw) => {
    const end = (): void => {
      raw.destroy();
    };
    const late = setTimeout(end, HEADERS_MS);
    raw.on('error', end).once('close', () => clearTimeout(late));
    raw.once('readable', () => {
      const first: unknown = raw.read(1);
      if (!(first instanceof Buffer)) {
        end();
        return;
      }
      raw.unshift(first);
      if (first[0] !== HANDSHAKE) {
        clearTimeout(late);
        serve(raw);
        return;
      }
      const secure = new TLSSocket(raw, { isServer: true, secureContext });
      secure.on('error', end);
      secure.once('secure', () => {
        clearTimeout(late);
        serve(secure);
      });
    });
  });
}
