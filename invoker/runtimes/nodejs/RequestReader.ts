import type { Socket } from 'node:net';

/*
 * Reads the requests of one connection without `node:http`, which spends more time on a warm `/run` than the action protocol
 * itself. It reads the requests that an invoker sends: `POST` with a `Content-Length`, one after the other. `node:http` gets the
 * connection with the first request of any other form.
 *
 * States:
 *   idle       a head comes                        → receiving; passed on, if it is of another form
 *   receiving  the rest of the body comes          → answering
 *   answering  further bytes wait in the socket    → idle: the response is written; closed, if the client has ended
 *   passed on, closed: no more is read here
 */

export interface ActionRequest {
  readonly method: string;
  readonly path: string;
  /** The value of `x-invoker-token`. */
  readonly token: string | undefined;
  /** The value of `x-palette-logs`. */
  readonly logs: string | undefined;
  /** Undefined: it is too long. */
  readonly body: Buffer | undefined;
  /** Writes the response at once, since this process ends. Missing: this connection cannot. */
  readonly lastWords?: (response: ActionResponse) => void;
}

export interface ActionResponse {
  readonly status: number;
  readonly json: string;
  /** Tells the invoker that this runtime signs its sentinels with the invoker's token. */
  readonly tokenAccepted: boolean;
  /** Tells the invoker that the run wrote nothing, and that no sentinels follow. */
  readonly silent: boolean;
}

export interface ReaderParts {
  /** Never rejects. */
  readonly answer: (request: ActionRequest) => Promise<ActionResponse>;
  /** Takes the connection, which is paused, and has all its bytes. */
  readonly passOn: (socket: Socket) => void;
  /** The longest body that is read here. */
  readonly maxBodyBytes: number;
  /** The idle time of a connection. */
  readonly keepAliveMs: number;
}

const BLANK_LINE = Buffer.from('\r\n\r\n');
const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  403: 'Forbidden',
  404: 'Not Found',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
};

/** Serves a new connection. */
export function readRequests(socket: Socket, parts: ReaderParts): void {
  const { answer, passOn, maxBodyBytes, keepAliveMs } = parts;
  const tail = `\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${keepAliveMs / 1000}\r\n\r\n`;
  let head: Head | undefined;
  let chunks: Buffer[] = [];
  /** The bytes of the body that are missing. */
  let missing = 0;
  let answering = false;
  let ended = false;

  const read = (chunk: Buffer): void => {
    if (answering) giveBack(chunk);
    else if (head) receive(head, chunk);
    else {
      const end = chunk.indexOf(BLANK_LINE);
      const found = end < 0 ? undefined : parseHead(chunk.toString('latin1', 0, end));
      if (!found || found.length > maxBodyBytes) return leave(chunk);
      head = found;
      missing = found.length;
      receive(found, chunk.subarray(end + BLANK_LINE.length));
    }
  };
  /** Gives bytes back to the socket until `resume`. While it has bytes, it does not tell the end of the client's half. */
  const giveBack = (bytes: Buffer): void => {
    socket.pause();
    socket.unshift(bytes);
  };
  const receive = ({ method, path, token, logs }: Head, chunk: Buffer): void => {
    if (chunk.length < missing) {
      chunks.push(chunk);
      missing -= chunk.length;
      return;
    }
    if (chunk.length > missing) giveBack(chunk.subarray(missing));
    chunks.push(chunk.subarray(0, missing));
    const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
    head = undefined;
    chunks = [];
    answering = true;
    void answer({ method, path, token, logs, body, lastWords: send }).then(write);
  };
  const send = ({ status, json, tokenAccepted, silent }: ActionResponse): void => {
    if (socket.destroyed) return;
    const start = `HTTP/1.1 ${status} ${REASONS[status] ?? ''}\r\nContent-Type: application/json\r\n`;
    const token = tokenAccepted ? 'x-invoker-token: accepted\r\n' : '';
    const logs = silent ? 'x-palette-logs: none\r\n' : '';
    socket.write(`${start}${token}${logs}Content-Length: ${Buffer.byteLength(json)}${tail}${json}`);
  };
  const write = (response: ActionResponse): void => {
    answering = false;
    if (socket.destroyed) return;
    send(response);
    // Bytes that came early are read now.
    if (socket.isPaused()) socket.resume();
    else if (ended) socket.end();
  };
  const end = (): void => {
    ended = true;
    if (!answering) socket.end();
  };
  const fail = (): void => void socket.destroy();
  /** A long run is not idle. */
  const tooLate = (): void => {
    if (!answering) socket.destroy();
  };
  const leave = (bytes: Buffer): void => {
    socket.off('data', read).off('end', end).off('timeout', tooLate).setTimeout(0);
    giveBack(bytes);
    passOn(socket);
  };
  socket.on('data', read).on('end', end).on('error', fail).on('timeout', tooLate).setTimeout(keepAliveMs);
}

interface Head {
  readonly method: string;
  readonly path: string;
  readonly length: number;
  readonly token: string | undefined;
  readonly logs: string | undefined;
}

const REQUEST_LINE = /^(POST) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
const NAME = /^[\w-]+$/;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** The head of a request of the form that is read here; undefined: it has another form, or is malformed. */
function parseHead(text: string): Head | undefined {
  const [requestLine = '', ...lines] = text.split('\r\n');
  const [, method, path] = REQUEST_LINE.exec(requestLine) ?? [];
  if (method === undefined || path === undefined) return undefined;
  let length: number | undefined;
  let token: string | undefined;
  let logs: string | undefined;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1).trim();
    if (!NAME.test(name) || !PRINTABLE.test(value)) return undefined;
    switch (name.toLowerCase()) {
      case 'transfer-encoding':
      case 'expect':
      case 'upgrade':
        return undefined;
      case 'content-length':
        if (length !== undefined || !/^\d{1,15}$/.test(value)) return undefined;
        length = Number(value);
        break;
      case 'connection':
        if (value.toLowerCase() !== 'keep-alive') return undefined;
        break;
      case 'x-invoker-token':
        if (token !== undefined) return undefined;
        token = value;
        break;
      case 'x-palette-logs':
        logs = value;
        break;
      default:
    }
  }
  return length === undefined ? undefined : { method, path, length, token, logs };
}
