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
import { newTransactionId } from '../../shared/entities/transaction.js';

/** Idle connections are kept longer than the longest wait of a blocking invocation. */
const KEEP_ALIVE_MS = 70_000;
/** A request has to be there whole within this time. */
const RECEIVE_MS = 65_000;
const MAX_HEADER_BYTES = 32 * 1024;

/** A client that has not agreed on how to encrypt within this time is cut off. */
const HANDSHAKE_MS = 10_000;

/** An HTTP or HTTPS server that can be stopped without cutting off those who wait for an answer. */
export class HttpServer {
  readonly #server: Server;
  /** Listeners on further addresses, whose connections the server takes over. */
  readonly #doors: NetServer[] = [];
  /** Connections, and whether a request on them is being answered. */
  readonly #busy = new Map<Socket, number>();
  /** The last request on each connection, and its answer. */
  readonly #latest = new WeakMap<Socket, { req: IncomingMessage; res: ServerResponse }>();
  #stopping = false;
  #held: Promise<void> | undefined;

  constructor(
    handler: RequestListener,
    options: { readonly maxConnections?: number | undefined; readonly tls?: TlsOptions | undefined } = {},
  ) {
    const { maxConnections, tls } = options;
    const settings: ServerOptions = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: RECEIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      // Asked for below, where the answer says what is missing.
      requireHostHeader: false,
    };
    const listener: RequestListener = (req, res) => this.#onRequest(req, res, handler);
    this.#server = tls
      ? createTlsServer({ ...settings, handshakeTimeout: HANDSHAKE_MS, ...tls }, listener)
      : createServer(settings, listener);
    this.#server.on('checkExpectation', ({ socket }: IncomingMessage) => {
      refuse(socket, '417 Expectation Failed', 'The request expects what there is not.');
    });
    this.#server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
      // Answers go out as they are, not when more has come together.
      socket.setNoDelay(true);
      this.#busy.set(socket, 0);
      socket.once('close', () => this.#busy.delete(socket));
    });
    if (maxConnections !== undefined) this.#server.maxConnections = maxConnections;
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#onClientError(error, socket),
    );
  }

  /** Requests wait for this before they are answered. */
  hold(until: Promise<void>): void {
    this.#held = until.then(() => {
      this.#held = undefined;
    });
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

  #onRequest(req: IncomingMessage, res: ServerResponse, handler: RequestListener): void {
    const { socket } = req;
    this.#latest.set(socket, { req, res });
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
    if (this.#stopping) res.setHeader('Connection', 'close');
    res.once('close', () => {
      const left = (this.#busy.get(socket) ?? 1) - 1;
      // A connection that broke off is forgotten already.
      if (this.#busy.has(socket)) this.#busy.set(socket, left);
      if (left <= 0 && this.#stopping) socket.end();
    });
    if (!isTarget(req.url)) refuse(socket, '400 Bad Request', 'The target of the request is no URL.');
    else if (req.httpVersion === '1.1' && req.headers.host === undefined) {
      refuse(socket, '400 Bad Request', 'The request has no Host header.');
    } else if (this.#held) void this.#held.then(() => handler(req, res));
    else handler(req, res);
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!this.#busy.has(socket)) {
      // It did not get as far as to HTTP.
      socket.destroy();
      return;
    }
    const latest = this.#latest.get(socket);
    // What is wrong may be the body of a request that was answered already: a second answer would be taken for the next.
    const answered = latest !== undefined && !latest.req.complete && latest.res.headersSent;
    if (error.code === 'ECONNRESET' || !socket.writable || answered) {
      socket.destroySoon();
      return;
    }
    if (error.code === 'HPE_HEADER_OVERFLOW') {
      refuse(socket, '431 Request Header Fields Too Large', 'The headers of the request are too large.');
    } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      refuse(socket, '408 Request Timeout', 'The request did not arrive in time.');
    } else refuse(socket, '400 Bad Request', 'The request is no valid HTTP.');
  }

  /**
   * Takes no more connections, lets requests under way finish for at most `limitMs`, and then cuts off the rest. Resolves
   * when all connections are closed.
   */
  stop(limitMs: number): Promise<void> {
    this.#stopping = true;
    for (const door of this.#doors) door.close();
    return new Promise((resolve) => {
      const deadline = setTimeout(() => {
        this.#server.closeAllConnections();
      }, limitMs);
      this.#server.close(() => {
        clearTimeout(deadline);
        resolve();
      });
      for (const [socket, requests] of this.#busy) if (requests === 0) socket.end();
    });
  }
}

/** A path, the asterisk of `OPTIONS *`, or a whole URL. */
function isTarget(target: string | undefined): boolean {
  return target !== undefined && (target.startsWith('/') || target === '*' || URL.canParse(target));
}

/** Answers what is no HTTP in the shape that every error has. */
function refuse(socket: Socket, status: string, message: string): void {
  const { id } = newTransactionId();
  const body = JSON.stringify({ error: message, code: id });
  socket.end(
    `HTTP/1.1 ${status}\r\nX-Request-ID: ${id}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
