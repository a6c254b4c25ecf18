import { connect, type Socket } from 'node:net';

/** The address of the object server: a Unix socket, or a TCP address. */
export type ServerAddress =
  | {
      /** The path of the socket. */
      readonly path: string;
    }
  | {
      /** The host name or the IP address. */
      readonly host: string;
      /** The TCP port. */
      readonly port: number;
    };

export interface RawResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** The connection broke. `sent`: whether the server may have got the request. */
export class BrokenConnectionError extends Error {
  override readonly name = 'BrokenConnectionError';
  readonly sent: boolean;

  constructor(message: string, sent: boolean, cause?: unknown) {
    super(message, { cause });
    this.sent = sent;
  }
}

/** The most bytes of a read: a head and 64 KB, so that such an object needs one read. The rest of a larger one is read into its place. */
const READ_BYTES = 68 * 1024;
const MAX_HEAD_BYTES = 32 * 1024;
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const NO_BODY = Buffer.alloc(0);

/**
 * One connection for HTTP/1.1, one request at a time. It takes only what the object server sends, responses with a
 * `Content-Length`, and so needs half the time of Node's client.
 */
export class Connection {
  readonly #socket: Socket;
  #connected = false;
  #open = true;
  #pending: Pending | undefined;
  /** The start of a response whose head is not complete. */
  #head: Buffer = NO_BODY;
  #body: Body | undefined;
  /** Whether the body waits to be admitted. */
  #held = false;

  constructor(address: ServerAddress) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    let target: Buffer = buffer;
    const onread = {
      // Node.js asks for it before the first read and after each one.
      buffer: () => (target = this.#place() ?? buffer),
      callback: (bytes: number) => {
        this.#take(target.subarray(0, bytes));
        // False: no more is read for now.
        return !this.#held;
      },
    };
    this.#socket = connect({ ...address, noDelay: true, onread });
    this.#socket.once('connect', () => (this.#connected = true));
    this.#socket.once('error', (error) => this.#break(error.message, error));
    this.#socket.once('close', () => this.#break('the server has closed the connection'));
    // The container may end while connections are idle.
    this.#socket.unref();
  }

  /** Whether it can take another request, once the current one has ended. */
  get open(): boolean {
    return this.#open;
  }

  /**
   * Sends a request. Only one may be under way.
   * @param head the request line and the headers, with the empty line.
   * @param bodiless whether the response has no body in any case (`HEAD`).
   * @param admit is waited for before memory is taken for the body of a response 200. If it rejects, so does the request.
   * @throws BrokenConnectionError
   */
  send(head: string, body: Uint8Array | undefined, bodiless: boolean, admit?: Admit): Promise<RawResponse> {
    return new Promise((resolve, reject) => {
      if (!this.#open) {
        reject(new BrokenConnectionError('the connection is closed', false));
        return;
      }
      this.#pending = { resolve, reject, bodiless, admit };
      this.#socket.ref();
      if (body === undefined || body.length === 0) {
        this.#socket.write(head, 'latin1');
      } else {
        this.#socket.cork();
        this.#socket.write(head, 'latin1');
        this.#socket.write(body);
        this.#socket.uncork();
      }
    });
  }

  /** Closes the connection. A request under way fails. */
  close(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  /** Closes the connection. A request under way rejects with this error. */
  abort(error: Error): void {
    this.close();
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.reject(error);
  }

  #take(chunk: Buffer): void {
    if (this.#body) {
      this.#fill(this.#body, chunk);
      return;
    }
    const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      // The next chunk overwrites this one.
      this.#head = Buffer.from(head);
      if (head.length > MAX_HEAD_BYTES) this.#break('the response has a head without an end');
      return;
    }
    this.#head = NO_BODY;
    const pending = this.#pending;
    const parsed = parseHead(head.toString('latin1', 0, end));
    if (!pending || !parsed) {
      this.#break('the server sent something else than a response');
      return;
    }
    const { status, headers } = parsed;
    // Not the response yet: it may take a body.
    if (status >= 100 && status < 200) return this.#take(head.subarray(end + HEAD_END.length));
    const length = pending.bodiless || status === 204 || status === 304 ? 0 : lengthOf(headers);
    if (length === undefined) {
      this.#break('the response has no valid Content-Length');
      return;
    }
    const rest = head.subarray(end + HEAD_END.length);
    if (pending.admit && status === 200 && length > 0) {
      this.#held = true;
      // The next chunk overwrites this one.
      this.#admitted(pending, pending.admit(length), { status, headers, length }, Buffer.from(rest));
    } else this.#begin({ status, headers, length }, rest);
  }

  /** Goes on with a body when it is admitted. */
  #admitted(pending: Pending, admission: Promise<void>, head: Head, rest: Buffer): void {
    const goOn = (): void => {
      this.#held = false;
      if (this.#pending !== pending) return;
      this.#begin(head, rest);
      this.#socket.resume();
    };
    admission.then(goOn, (error: unknown) => {
      this.close();
      if (this.#pending !== pending) return;
      this.#pending = undefined;
      pending.reject(error);
    });
  }

  /** The place of the next bytes of a large body. */
  #place(): Buffer | undefined {
    const { buffer, filled } = this.#body ?? NO_PLACE;
    return buffer.length - filled < READ_BYTES ? undefined : buffer.subarray(filled);
  }

  #begin({ status, headers, length }: Head, rest: Buffer): void {
    const body = { status, headers, buffer: length === 0 ? NO_BODY : Buffer.allocUnsafe(length), filled: 0 };
    this.#body = body;
    this.#fill(body, rest);
  }

  #fill(body: Body, chunk: Buffer): void {
    if (body.filled + chunk.length > body.buffer.length) {
      this.#break('the response is longer than its Content-Length');
      return;
    }
    // It may have been read into its place.
    const { buffer: place } = body;
    const isThere = chunk.buffer === place.buffer && chunk.byteOffset === place.byteOffset + body.filled;
    body.filled += isThere ? chunk.length : chunk.copy(place, body.filled);
    if (body.filled < body.buffer.length) return;
    const { status, headers, buffer } = body;
    const pending = this.#pending;
    this.#body = undefined;
    this.#pending = undefined;
    this.#socket.unref();
    if (headers.get('connection')?.toLowerCase() === 'close') this.close();
    pending?.resolve({ status, headers, body: buffer });
  }

  #break(message: string, cause?: unknown): void {
    this.abort(new BrokenConnectionError(message, this.#connected, cause));
  }
}

interface Pending {
  readonly resolve: (response: RawResponse) => void;
  readonly reject: (error: unknown) => void;
  readonly bodiless: boolean;
  readonly admit: Admit | undefined;
}

/** Waits until there is memory for so many bytes. */
export type Admit = (bytes: number) => Promise<void>;

/** A response whose body comes. */
interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly length: number;
}

interface Body {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly buffer: Buffer;
  filled: number;
}

const NO_PLACE = { buffer: NO_BODY, filled: 0 };

function parseHead(text: string): { status: number; headers: Map<string, string> } | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3})/.exec(first)?.[1];
  if (status === undefined) return undefined;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return { status: Number(status), headers };
}

function lengthOf(headers: ReadonlyMap<string, string>): number | undefined {
  const text = headers.get('content-length') ?? '';
  const length = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  return length <= MAX_BODY_BYTES ? length : undefined;
}
