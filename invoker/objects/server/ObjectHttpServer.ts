import { createServer, type Server as HttpServer } from 'node:http';
import { createServer as createNetServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContextOptions } from 'node:tls';
import type { ObjectListener } from './objectListener.js';

/** The longest time for receiving a request with its body, in ms. */
const REQUEST_MS = 60_000;
const HEADERS_MS = 10_000;
/** The idle time of connections: a container keeps one. */
const KEEP_ALIVE_MS = 600_000;
const MAX_CONNECTIONS = 10_000;
const CHECK_MS = 5000;
/** The longest time without any progress of a request, in ms: longer than the longest wait for an object. */
const IDLE_MS = 330_000;

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
      // Objects are written as a whole.
      noDelay: true,
    });
    server.timeout = idleMs;
    if (once) server.maxRequestsPerSocket = 1;
    server.on('request', (request, response) => {
      response.sendDate = false;
      this.#listener(request, response);
    });
    server.on('checkContinue', (request, response) => {
      response.sendDate = false;
      this.#listener(request, response, () => response.writeContinue());
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
