import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Call {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer | undefined;
}

/** Where a server listens. */
export type Place = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Sends a request to an object server over its own connections. */
export class ObjectCaller {
  readonly #agent: Agent;
  readonly #place: Place;
  readonly #token: string | undefined;

  readonly #sockets = new WeakSet<Socket>();
  #connections = 0;

  /** @param maxConnections at a time. More requests wait for one of them. */
  constructor(place: Place, token?: string, maxConnections = Infinity) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: maxConnections });
    this.#place = place;
    this.#token = token;
  }

  /** How many connections it has used. */
  get connections(): number {
    return this.#connections;
  }

  call(path: string, { method = 'GET', headers = {}, body }: Call = {}): Promise<Answer> {
    const authorization = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const chunked = headers['transfer-encoding'] !== undefined;
    const length = body === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          ...this.#place,
          agent: this.#agent,
          method,
          path,
          headers: { ...authorization, ...length, ...headers },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
          );
        },
      );
      outgoing.once('socket', (socket) => {
        if (!this.#sockets.has(socket)) this.#connections++;
        this.#sockets.add(socket);
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }

  /** The body of a response as text, with its status. */
  async text(path: string, call?: Call): Promise<string> {
    const { status, body } = await this.call(path, call);
    return `${status} ${body.toString()}`;
  }

  close(): void {
    this.#agent.destroy();
  }
}
