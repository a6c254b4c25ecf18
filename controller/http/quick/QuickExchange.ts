import { IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestHead } from './requestHead.js';

/** A request whose body is there. */
export class QuickRequest extends IncomingMessage {
  readonly whole: Buffer;

  constructor(socket: Socket, { method, target, headers }: RequestHead, whole: Buffer) {
    super(socket);
    this.method = method;
    this.url = target;
    this.headers = headers;
    this.httpVersion = '1.1';
    this.httpVersionMajor = 1;
    this.httpVersionMinor = 1;
    this.complete = true;
    this.whole = whole;
  }

  /** For readers of streams. */
  override _read(): void {
    if (this.whole.length > 0) this.push(this.whole);
    this.push(null);
  }
}

/** Takes the bytes of a response. */
export interface ResponseSink {
  /** @param last whether no further request is read. */
  respond(text: string, encoding: 'latin1' | 'utf8', last: boolean): void;
  /** Closes the connection if the response is not written yet. */
  destroy(response: QuickResponse): void;
  /** Whether the client reads no further response. */
  readonly last: boolean;
}

/** What a header's value may contain: a head is written with its text, which may be UTF-8. */
const VALUE = /^[\t\x20-\x7e]*$/;
const CLOSE = /^close$/i;

/**
 * A response whose body is one text. It writes the bytes that Node.js would write for it. Only the methods for such a response work:
 * headers, `end` with or without a text, `destroy`, and the event `close`.
 */
export class QuickResponse extends ServerResponse {
  readonly #sink: ResponseSink;
  readonly #keepAliveLines: string;
  /** Names and values in turns. */
  readonly #fields: string[] = [];
  readonly #onClosed: (() => void)[] = [];
  #sent = false;
  #written = false;

  /** @param keepAliveLines the headers of a connection that goes on. */
  constructor(req: QuickRequest, sink: ResponseSink, keepAliveLines: string) {
    super(req);
    this.#sink = sink;
    this.#keepAliveLines = keepAliveLines;
  }

  static {
    // Node.js derives them from a head and a socket that it has itself, in another way in each version.
    Object.defineProperty(this.prototype, 'headersSent', {
      get(this: QuickResponse): boolean {
        return this.#sent;
      },
    });
    Object.defineProperty(this.prototype, 'writableFinished', {
      get(this: QuickResponse): boolean {
        return this.#written;
      },
    });
  }

  /** The system has its bytes. */
  written(): void {
    this.#written = true;
  }

  /** See `whenClosed`. */
  addClosed(listener: () => void): void {
    this.#onClosed.push(listener);
  }

  /** Tells that the response is written, or the connection closed. */
  tellClosed(): void {
    for (const listener of this.#onClosed.splice(0)) listener();
    this.emit('close');
  }

  override setHeader(name: string, value: number | string | readonly string[]): this {
    const text = String(value);
    if (!VALUE.test(text)) throw new TypeError(`the header ${name} has an invalid value`);
    const at = this.#find(name);
    if (at < 0) this.#fields.push(name, text);
    else {
      this.#fields[at] = name;
      this.#fields[at + 1] = text;
    }
    return this;
  }

  override getHeader(name: string): number | string | string[] | undefined {
    const at = this.#find(name);
    return at < 0 ? undefined : this.#fields[at + 1];
  }

  override hasHeader(name: string): boolean {
    return this.#find(name) >= 0;
  }

  override getHeaderNames(): string[] {
    return this.#fields.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  }

  override removeHeader(name: string): void {
    const at = this.#find(name);
    if (at >= 0) this.#fields.splice(at, 2);
  }

  override writeHead(status: number, headers?: unknown): this {
    this.statusCode = status;
    if (typeof headers === 'object' && headers !== null) {
      for (const [name, value] of Object.entries(headers)) this.setHeader(name, String(value));
    }
    return this;
  }

  override end(chunk?: unknown, encoding?: unknown): this {
    if (this.#sent) return this;
    const text = textOf(chunk);
    this.#sent = true;
    this.finished = true;
    const { statusCode: status } = this;
    const fields = this.#fields;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`;
    for (let at = 0; at < fields.length; at += 2) head += `${fields[at]}: ${fields[at + 1]}\r\n`;
    const connection = this.getHeader('connection');
    const last = this.#sink.last || (typeof connection === 'string' && CLOSE.test(connection));
    head += dateLine();
    if (connection === undefined) head += last ? 'Connection: close\r\n' : this.#keepAliveLines;
    const empty = status === 204 || status === 304;
    if (!empty && this.#find('content-length') < 0) head += `Content-Length: ${Buffer.byteLength(text)}\r\n`;
    this.#sink.respond(`${head}\r\n${empty ? '' : text}`, encoding === 'latin1' ? 'latin1' : 'utf8', last);
    return this;
  }

  override write(): never {
    throw new TypeError('a quick response has one text, which `end` takes');
  }

  override destroy(): this {
    this.destroyed = true;
    this.#sink.destroy(this);
    return this;
  }

  #find(name: string): number {
    const fields = this.#fields;
    for (let at = 0; at < fields.length; at += 2) if (isSameName(fields[at] ?? '', name)) return at;
    return -1;
  }
}

/** Calls `listener` once when the response is complete, or its connection closed: as the event `close`, at a fraction of its costs. */
export function whenClosed(res: ServerResponse, listener: () => void): void {
  if (res instanceof QuickResponse) res.addClosed(listener);
  else res.once('close', listener);
}

/** @throws TypeError for bytes: a response without its body must not look like an empty one. */
function textOf(chunk: unknown): string {
  if (chunk === undefined || typeof chunk === 'string') return chunk ?? '';
  throw new TypeError('a quick response takes a text only');
}

/** Names are compared without regard to case. */
const isSameName = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase());

let dateOf = 0;
let date = '';

/** The header `Date`, of which there is one for each second. */
function dateLine(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateOf) {
    dateOf = second;
    date = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
  }
  return date;
}
