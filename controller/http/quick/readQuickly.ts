import type { Socket } from 'node:net';
import { QuickRequest, QuickResponse, type ResponseSink } from './QuickExchange.js';
import { HeadReader, type RequestHead } from './requestHead.js';

/*
 * Reads the requests of one connection without Node's HTTP server, which takes half as long as all that a warm call needs besides in this
 * process. It serves requests of a usual form, with a short body, for a target that `takes` names. `node:http` gets the connection, for
 * good, with the first other request.
 *
 * States:
 *   new        the connection has no request yet    → receiving; passed on; closed: no request came in time
 *   idle       a head comes                         → receiving; passed on; closed: it was idle for too long
 *   receiving  the rest of the body comes           → answering; closed: it did not come in time
 *   answering  further bytes wait, up to a bound    → idle: the response is written; closed: it was the last one
 *   passed on, closed: no more is read here
 */

export interface QuickParts {
  /** Whether a request is served here. */
  readonly takes: (method: string, target: string) => boolean;
  readonly serve: (req: QuickRequest, res: QuickResponse) => void;
  /** Takes the connection, which is paused, and has all its bytes. */
  readonly passOn: (socket: Socket) => void;
  /** Called when the body of a request is not complete, and when it is. */
  readonly receiving: (socket: Socket, receives: boolean) => void;
  /** A request did not come in time, or not to its end: `error` has Node's code. Closes the connection. */
  readonly failed: (socket: Socket, error: NodeJS.ErrnoException) => void;
  /** Whether each connection closes after its next response. */
  readonly stops: () => boolean;
  /** The idle time of a connection, and the longest time for the arrival of a request, in ms. */
  readonly keepAliveMs: number;
  readonly receiveMs: number;
  /** The longest head of a request in bytes. */
  readonly maxHeadBytes: number;
}

/** The longest body that is read here. */
const MAX_BODY_BYTES = 65_536;

/** As `node:http` has it. */
const KEEP_ALIVE_BUFFER_MS = 1000;

const BLANK_LINE = Buffer.from('\r\n\r\n');

/** Serves a new connection. */
export function readQuickly(socket: Socket, parts: QuickParts): void {
  new QuickConnection(socket, parts).start();
}

class QuickConnection implements ResponseSink {
  readonly #socket: Socket;
  readonly #parts: QuickParts;
  readonly #heads = new HeadReader();
  readonly #keepAliveLines: string;
  /** The head of a request of which a part of the body is missing, and what there is of the body. */
  #head: RequestHead | undefined;
  #chunks: Buffer[] = [];
  #missing = 0;
  #deadline: NodeJS.Timeout | undefined;
  #response: QuickResponse | undefined;
  #served = false;
  /** The client has closed its half of the connection. */
  #ended = false;

  constructor(socket: Socket, parts: QuickParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#keepAliveLines = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(parts.keepAliveMs / 1000)}\r\n`;
  }

  start(): void {
    const socket = this.#socket;
    socket.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onError).on('timeout', this.#onTimeout);
    socket.on('close', this.#onClose).setTimeout(this.#parts.receiveMs);
  }

  get last(): boolean {
    return this.#parts.stops() || this.#ended;
  }

  respond(text: string, encoding: 'latin1' | 'utf8', last: boolean): void {
    const socket = this.#socket;
    socket.write(text, encoding, (error) => {
      // Without an error the argument is missing or null, by the version of Node.js.
      if (!error) this.#response?.written();
      this.#written(last);
    });
    if (last) socket.end();
  }

  destroy(response: QuickResponse): void {
    // The connection may serve the next request already.
    if (this.#response === response) this.#socket.destroy();
  }

  #written(last: boolean): void {
    const response = this.#response;
    this.#response = undefined;
    response?.tellClosed();
    const socket = this.#socket;
    // Bytes that came early are read now. Those after the last response are dropped until the client ends its half.
    if (socket.isPaused()) socket.resume();
    else if (this.#ended && !last) socket.end();
  }

  readonly #onData = (chunk: Buffer): void => {
    // A request that cannot be answered any more must not run: its client may repeat it.
    if (this.#socket.writableEnded) return;
    if (this.#response) this.#giveBack(chunk);
    else if (this.#head) this.#receive(this.#head, chunk);
    else this.#begin(chunk);
  };

  /** Gives bytes back to the socket until `resume`. While it has bytes, it does not tell the end of the client's half. */
  #giveBack(bytes: Buffer): void {
    this.#socket.pause();
    this.#socket.unshift(bytes);
  }

  #begin(chunk: Buffer): void {
    const { maxHeadBytes, takes, receiveMs } = this.#parts;
    const end = chunk.indexOf(BLANK_LINE);
    const head = end < 0 || end > maxHeadBytes ? undefined : this.#heads.read(chunk.toString('latin1', 0, end));
    const body = end + BLANK_LINE.length;
    // A client that sends requests without waiting for responses is left to `node:http`.
    const ours = head && head.length <= MAX_BODY_BYTES && body + head.length >= chunk.length;
    if (!ours || !takes(head.method, head.target)) return this.#leave(chunk);
    if (body + head.length === chunk.length) return this.#serve(head, chunk.subarray(body));
    this.#head = head;
    this.#parts.receiving(this.#socket, true);
    this.#missing = head.length;
    this.#deadline = setTimeout(() => this.#fail('ERR_HTTP_REQUEST_TIMEOUT'), receiveMs);
    this.#receive(head, chunk.subarray(body));
  }

  #receive(head: RequestHead, chunk: Buffer): void {
    const own = chunk.subarray(0, this.#missing);
    this.#chunks.push(own);
    this.#missing -= own.length;
    if (this.#missing > 0) return;
    const body = Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#head = undefined;
    this.#parts.receiving(this.#socket, false);
    clearTimeout(this.#deadline);
    if (own.length < chunk.length) this.#giveBack(chunk.subarray(own.length));
    this.#serve(head, body);
  }

  #serve(head: RequestHead, body: Buffer): void {
    if (!this.#served) {
      this.#served = true;
      // Later than the client is told: its next request must not cross with the end.
      this.#socket.setTimeout(this.#parts.keepAliveMs + KEEP_ALIVE_BUFFER_MS);
    }
    const request = new QuickRequest(this.#socket, head, body);
    const response = new QuickResponse(request, this, this.#keepAliveLines);
    this.#response = response;
    this.#parts.serve(request, response);
  }

  readonly #onEnd = (): void => {
    this.#ended = true;
    if (this.#head) this.#fail('HPE_INVALID_EOF_STATE');
    else if (!this.#response) this.#socket.end();
  };

  readonly #onError = (): void => void this.#socket.destroy();

  /** A long wait for a response is not idle, and a request has its own deadline. */
  readonly #onTimeout = (): void => {
    if (this.#response || this.#head) return;
    if (this.#served) this.#socket.destroy();
    else this.#fail('ERR_HTTP_REQUEST_TIMEOUT');
  };

  readonly #onClose = (): void => {
    clearTimeout(this.#deadline);
    const response = this.#response;
    this.#response = undefined;
    response?.tellClosed();
  };

  #fail(code: string): void {
    this.#head = undefined;
    clearTimeout(this.#deadline);
    this.#socket.off('data', this.#onData);
    this.#parts.failed(this.#socket, Object.assign(new Error('the request is incomplete'), { code }));
  }

  #leave(bytes: Buffer): void {
    const socket = this.#socket;
    socket.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    socket.off('timeout', this.#onTimeout).off('error', this.#onError).setTimeout(0);
    this.#giveBack(bytes);
    this.#parts.passOn(socket);
  }
}
