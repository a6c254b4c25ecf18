import { setTimeout as sleep } from 'node:timers/promises';
import { BrokenConnectionError, Connection, type RawResponse, type ServerAddress } from './Connection.js';
import { ObjectsError } from './ObjectsError.js';
import { Turns } from './Turns.js';

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Percent-encoded, with the query. */
  readonly path: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: Uint8Array | undefined;
  /** The longest time until the response, with the wait for a connection, in ms. */
  readonly timeoutMs: number;
  /** Whether the server responds only after a change of the object. Missing: it responds at once. */
  readonly waits?: boolean | undefined;
}

/** The most requests at a time, each with a connection. Further ones wait. */
const MAX_REQUESTS = 64;
/** The same for requests that wait for a change: others must not wait behind them, since they may make the change. */
const MAX_WAITS = 256;
/** The most requests of each kind that wait for a connection. */
const MAX_QUEUED = 10_000;
/** The most idle connections. */
const MAX_IDLE = 64;
/** An idle connection of this age is not used again: the server closes it after 10 minutes. */
const MAX_IDLE_MS = 300_000;
/** The pause before another try to connect, in ms. */
const RECONNECT_MS = 20;

const VALUE = /^[\u0020-\u007e]*$/;

interface Idle {
  readonly connection: Connection;
  readonly since: number;
}

/** Sends requests to the object server over connections that stay open. */
export class Transport {
  readonly #address: ServerAddress;
  readonly #shared: string;
  readonly #idle: Idle[] = [];
  readonly #requests = new Turns(MAX_REQUESTS, MAX_QUEUED);
  readonly #waits = new Turns(MAX_WAITS, MAX_QUEUED);

  constructor(address: ServerAddress, token: string) {
    this.#address = address;
    const host = 'path' in address ? 'objects' : `${address.host}:${address.port}`;
    this.#shared = ` HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n`;
  }

  /**
   * Resolves to the response of any status. Tries again while the server does not accept connections, and once if a
   * connection that was idle breaks, unless a repeated request could do harm.
   * @throws ObjectsError with status 0: no response in time, too many requests, or nonsense from the server.
   */
  async send(request: TransportRequest): Promise<RawResponse> {
    const deadline = performance.now() + request.timeoutMs;
    const turns = request.waits === true ? this.#waits : this.#requests;
    await turns.take(request.timeoutMs);
    try {
      for (;;) {
        const idle = this.#takeIdle();
        try {
          return await this.#sendOver(idle ?? new Connection(this.#address), request, deadline);
        } catch (error) {
          if (!(error instanceof BrokenConnectionError)) throw error;
          const again = !error.sent || (idle !== undefined && isRepeatable(request));
          if (!again || performance.now() >= deadline) {
            throw new ObjectsError(0, `The object server cannot be reached: ${error.message}.`, { cause: error });
          }
          if (!idle) await sleep(RECONNECT_MS);
        }
      }
    } finally {
      turns.leave();
    }
  }

  /** Closes the idle connections. */
  close(): void {
    for (const { connection } of this.#idle.splice(0)) connection.close();
  }

  async #sendOver(connection: Connection, request: TransportRequest, deadline: number): Promise<RawResponse> {
    const { method, body, timeoutMs } = request;
    let late = false;
    const timer = setTimeout(
      () => {
        late = true;
        connection.close();
      },
      Math.max(0, deadline - performance.now()),
    );
    try {
      const response = await connection.send(this.#head(request), body, method === 'HEAD');
      if (this.#idle.length >= MAX_IDLE) connection.close();
      else if (connection.open) this.#idle.push({ connection, since: performance.now() });
      return response;
    } catch (error) {
      if (late)
        throw new ObjectsError(0, `The object server did not respond within ${timeoutMs} ms.`, { cause: error });
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #head({ method, path, headers = [], body }: TransportRequest): string {
    let head = `${method} ${path}${this.#shared}`;
    for (const [name, value] of headers) {
      // The end of a line would begin another header, or another request.
      if (!VALUE.test(value)) throw new ObjectsError(400, `The header ${name} takes visible ASCII characters only.`);
      head += `${name}: ${value}\r\n`;
    }
    const length = method === 'PUT' || method === 'POST' ? `Content-Length: ${body?.length ?? 0}\r\n` : '';
    return `${head}${length}\r\n`;
  }

  #takeIdle(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.connection.open && performance.now() - idle.since < MAX_IDLE_MS) return idle.connection;
      idle.connection.close();
    }
    return undefined;
  }
}

/** Whether it does no harm to send the request twice. */
function isRepeatable({ method, headers = [] }: TransportRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  return method === 'PUT' && !headers.some(([name]) => name.startsWith('If-'));
}
