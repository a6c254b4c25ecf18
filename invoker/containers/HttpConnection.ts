import { connect, isIP, type OnReadOpts, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions as TlsOptions, type SecureContextOptions } from 'node:tls';
import type { BodyInPieces, RequestBody } from './ContainerDriver.js';
import { parseHead, type ResponseHead } from './responseHead.js';

/*
 * One connection of HTTP/1.1 to a container or another invoker, for one request at a time. A warm call spends less time here than in
 * a general client: a request is one write, and a response is parsed in the buffer that it was read into. It takes responses with a
 * `Content-Length` only.
 *
 * States:
 *   connecting  `send` waits                                            → busy: the request is written; closed
 *   busy        the request is written, the response read               → idle: both are complete, and the server keeps it
 *                                                                       → closed: anything else
 *   idle        `send` leads to busy                                    → closed: the server closes it, or writes unasked
 *   closed
 */

/** The address of a container's proxy: TCP or a Unix socket. */
export type ContainerAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string };

/** How a connection is made. */
export interface ConnectionOptions {
  /** For https; missing: http. */
  readonly tls?: SecureContextOptions | undefined;
  /** The limit for the connection, in ms; missing: `CONNECT_MS`. */
  readonly connectMs?: number | undefined;
  /** Called with the socket of each new connection. */
  readonly onSocket?: ((socket: Socket) => void) | undefined;
}

/** A request: its head without `Content-Length` and the empty line, and its body; undefined: it has neither length nor body. */
export interface HttpRequest {
  readonly head: string;
  readonly body: RequestBody | undefined;
}

/** Is told the course of one request: `started`, `head`, `data`s and `end`; or `failed` at any time, and then nothing more. */
export interface Exchange {
  /** The request is being written to a connection. */
  started(): void;
  /** @param text the status line and the header fields */
  head(head: ResponseHead, text: string): void;
  /** @param chunk a part of the body; it changes after the call, unless it was read into `place` */
  data(chunk: Buffer): void;
  /** Where the next bytes of the body should be read to: not more than those that are missing. Undefined: anywhere. */
  place?(): Buffer | undefined;
  end(): void;
  failed(error: Error): void;
}

const CONNECT_MS = 10_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_HEAD_BYTES = 64 * 1024;
/** The connection is given up so long before its server closes it, in ms: a request must not meet the close. */
const CLOSE_MARGIN_MS = 2000;
/** The idle time of connections if the server does not name one. */
const IDLE_MS = 4000;
const BLANK_LINE = Buffer.from('\r\n\r\n');

/** All connections read into it, apart from large bodies: a read is handled before the next one. A head and 64 KB need one read. */
const buffer = Buffer.allocUnsafe(68 * 1024);

export class HttpConnection {
  readonly #socket: Socket;
  /** Called when the connection is idle again, or closed. */
  readonly #onFree: (connection: HttpConnection) => void;
  #exchange: Exchange | undefined;
  /** Waits for the connection. */
  #request: HttpRequest | undefined;
  /** Whether pieces of the request's body are still to be written. */
  #sending = false;
  /** The bytes of a head of which the rest is missing. */
  #early: Buffer | undefined;
  #head: ResponseHead | undefined;
  /** The last head that was parsed. */
  #last: { readonly text: string; readonly head: ResponseHead } | undefined;
  /** The bytes of the body that are missing. */
  #missing = 0;
  #paused = false;
  #error: Error | undefined;
  #connected = false;
  #closed = false;
  #keepMs = IDLE_MS;
  #idleSince = 0;

  constructor(
    address: ContainerAddress,
    onFree: (connection: HttpConnection) => void,
    { tls, connectMs = CONNECT_MS, onSocket }: ConnectionOptions = {},
  ) {
    this.#onFree = onFree;
    let target: Buffer = buffer;
    const onread = {
      // Node.js asks for it before the first read and after each one.
      buffer: (): Buffer => (target = this.#target()),
      callback: (bytes: number): boolean => this.#read(target.subarray(0, bytes)),
    };
    const socket = tls ? secured(address, tls, onread) : plain(address, onread);
    this.#socket = socket;
    onSocket?.(socket);
    const late = setTimeout(() => this.close(connectTimeout(connectMs)), connectMs);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(late);
      this.#connected = true;
      this.#write();
    });
    socket.on('error', (error) => (this.#error ??= error));
    socket.once('end', () => this.close(new Error('the server closed the connection')));
    socket.once('close', () => {
      clearTimeout(late);
      this.close(this.#error ?? new Error('the connection is closed'));
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether an idle connection may take a request. */
  get usable(): boolean {
    return !this.#closed && performance.now() - this.#idleSince < this.#keepMs;
  }

  /** Sends a request; only while the connection is idle, or new. */
  send(request: HttpRequest, exchange: Exchange): void {
    this.#exchange = exchange;
    this.#request = request;
    if (this.#connected) this.#write();
  }

  /** Reads no more of the response until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** Closes the connection. Its request fails with `error`. */
  close(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.destroy();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#onFree(this);
    exchange?.failed(this.#error ?? error);
  }

  #write(): void {
    const [request, exchange] = [this.#request, this.#exchange];
    this.#request = undefined;
    if (!request || !exchange || this.#closed) return;
    exchange.started();
    const { head, body } = request;
    if (body === undefined) {
      this.#socket.write(`${head}\r\n`, 'latin1');
      return;
    }
    if (typeof body === 'string') {
      const bytes = Buffer.byteLength(body);
      // Node.js copies ASCII faster as Latin-1. The head is ASCII.
      this.#socket.write(`${head}content-length: ${bytes}\r\n\r\n${body}`, bytes === body.length ? 'latin1' : 'utf8');
      return;
    }
    this.#socket.write(`${head}content-length: ${body.bytes}\r\n\r\n`);
    this.#sending = true;
    this.#writePieces(body).catch((error: unknown) =>
      this.close(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /**
   * Asks for a piece when the system has copied all bytes of the one before. The result of `write` does not tell: it is true while
   * less than the high-water mark waits, and the system reads waiting bytes later, whatever is in their memory then.
   */
  async #writePieces(body: BodyInPieces): Promise<void> {
    let left = body.bytes;
    for await (const piece of body.pieces()) {
      if (this.#closed) return;
      left -= piece.length;
      const failure = await new Promise<Error | null | undefined>((resolve) => {
        this.#socket.write(piece, resolve);
      });
      // The pieces that follow are not asked for: the owner of this piece must not take it for written.
      if (failure || this.#closed) return;
    }
    if (left !== 0) throw new Error('the body of a request does not have its length');
    this.#sending = false;
  }

  /** Where the next bytes are read to. */
  #target(): Buffer {
    const place = this.#head ? this.#exchange?.place?.() : undefined;
    return place && place.length <= this.#missing ? place : buffer;
  }

  /** Handles what was read. @returns whether to read on */
  #read(chunk: Buffer): boolean {
    try {
      if (this.#exchange) this.#take(this.#exchange, chunk);
      else this.close(new Error('the server wrote without a request'));
    } catch (error) {
      this.close(error instanceof Error ? error : new Error(String(error)));
    }
    return !this.#paused;
  }

  #take(exchange: Exchange, read: Buffer): void {
    let chunk = read;
    while (!this.#head) {
      const bytes = this.#early ? Buffer.concat([this.#early, chunk]) : chunk;
      const end = bytes.indexOf(BLANK_LINE);
      if (end < 0) {
        if (bytes.length > MAX_HEAD_BYTES) throw new Error('the head of the response is too long');
        this.#early = this.#early ? bytes : Buffer.from(bytes);
        return;
      }
      this.#early = undefined;
      chunk = bytes.subarray(end + BLANK_LINE.length);
      const text = bytes.toString('latin1', 0, end);
      const head = this.#parsed(text);
      // An interim response: another one follows.
      if (head.status >= 100 && head.status < 200) continue;
      this.#head = head;
      this.#missing = isBodiless(head) ? 0 : (head.length ?? 0);
      exchange.head(head, text);
    }
    if (this.#closed) return;
    if (chunk.length > this.#missing) throw new Error('the response is longer than its length');
    this.#missing -= chunk.length;
    if (chunk.length > 0) exchange.data(chunk);
    if (this.#missing === 0 && !this.#closed) this.#end(exchange, this.#head);
  }

  /** A container's responses have few different heads. */
  #parsed(text: string): ResponseHead {
    if (this.#last?.text !== text) this.#last = { text, head: parseHead(text) };
    return this.#last.head;
  }

  #end(exchange: Exchange, { closes, keepAliveMs }: ResponseHead): void {
    this.#exchange = undefined;
    this.#head = undefined;
    this.#paused = false;
    this.#keepMs = keepAliveMs === undefined ? IDLE_MS : keepAliveMs - CLOSE_MARGIN_MS;
    this.#idleSince = performance.now();
    if (closes || this.#sending || this.#keepMs <= 0) this.close(new Error('the connection is not kept'));
    else this.#onFree(this);
    exchange.end();
  }
}

/** Responses with these status codes have no body, whatever their headers say. */
const isBodiless = ({ status }: ResponseHead): boolean => status === 304 || status === 204;

function plain(address: ContainerAddress, onread: OnReadOpts): Socket {
  if ('socketPath' in address) return connect({ path: address.socketPath, onread });
  return connect({ ...address, onread, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
}

function secured(address: ContainerAddress, tls: SecureContextOptions, onread: OnReadOpts): Socket {
  // The types of Node.js do not have `onread` here.
  const options: TlsOptions & { readonly onread: OnReadOpts } = { ...tls, onread };
  if ('socketPath' in address) return connectTls({ ...options, path: address.socketPath });
  // An IP address is not a server name (RFC 6066).
  const servername = isIP(address.host) === 0 ? address.host : '';
  const socket = connectTls({ ...options, ...address, servername });
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS);
}

function connectTimeout(ms: number): Error {
  return Object.assign(new Error(`no connection in ${ms} ms`), { code: 'ETIMEDOUT' });
}
