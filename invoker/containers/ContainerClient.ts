import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { Client, Pool, type Dispatcher } from 'undici';
import { retry } from '../../shared/process/retry.js';
import { BodyBytes } from './BodyBytes.js';
import {
  ContainerConnectionError,
  ContainerTimeoutError,
  type ContainerResponse,
  type PostOptions,
  type RequestBody,
} from './ContainerDriver.js';

/** The address of a container's proxy: TCP or a Unix socket. */
export type ContainerAddress = { readonly host: string; readonly port: number } | { readonly socketPath: string };

export interface ContainerClientOptions {
  readonly address: ContainerAddress;
  /** The most open connections. */
  readonly concurrency: number;
  /** The container's token, sent with each request. */
  readonly token: string;
  /** Called after a broken connection: whether the container was killed because of its memory. */
  readonly diedOfMemory: () => Promise<boolean>;
  /**
   * Whether a proxy in front of the container (a published port) accepts connections before the container does, and
   * closes them. Then a broken connection before the first response counts as refused.
   */
  readonly proxied?: boolean | undefined;
}

/** Codes of requests that were not served: no listener yet, or closed before the whole request was written (EPIPE). */
const NOT_LISTENING = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'EPIPE',
]);
const RETRY_MS = 3;
/** The header with the container's token; see `ContainerDriver`. */
const TOKEN_HEADER = 'x-invoker-token';
const TOKEN_ACCEPTED = 'accepted';
/** The idle time of connections if the runtime does not name one. */
const IDLE_CONNECTION_MS = 4000;

/** Makes a secret of the invoker and one container's runtime: 128 random bits as 22 characters. */
export const newToken = (): string => randomBytes(16).toString('base64url');

/** Sends `/init` and `/run` to one container over persistent connections. */
export class ContainerClient {
  readonly #options: ContainerClientOptions;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #pending = new Set<(error: Error) => void>();
  #dispatcher: Dispatcher | undefined;
  #answered = false;
  #gone = false;

  constructor(options: ContainerClientOptions) {
    this.#options = options;
    this.#headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      [TOKEN_HEADER]: options.token,
    };
  }

  /** See `Container.post`. */
  post(path: '/init' | '/run', body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    return path === '/run' ? this.#try(path, body, options.timeoutMs, options) : this.#init(body, options);
  }

  /** Retries until the runtime listens. */
  async #init(body: RequestBody, options: PostOptions): Promise<ContainerResponse> {
    const deadline = performance.now() + options.timeoutMs;
    let left = options.timeoutMs;
    const isTooEarly = (error: unknown): boolean =>
      error instanceof ContainerConnectionError && error.failure === 'refused' && !this.#gone;
    try {
      return await retry(() => this.#try('/init', body, left, options), {
        isFinal: (error) => !isTooEarly(error),
        delayMs: () => {
          left = deadline - performance.now() - RETRY_MS;
          return left > 0 ? RETRY_MS : undefined;
        },
      });
    } catch (error) {
      if (!isTooEarly(error)) throw error;
      throw new ContainerTimeoutError(`not reachable in ${options.timeoutMs} ms`, { cause: error });
    }
  }

  /** Sends one request. */
  async #try(path: string, body: RequestBody, timeoutMs: number, options: PostOptions): Promise<ContainerResponse> {
    try {
      if (this.#gone) throw new ContainerConnectionError('refused', 'the container is gone');
      const response = await this.#send(path, body, timeoutMs, options);
      this.#answered = true;
      return response;
    } catch (error) {
      const broken = error instanceof ContainerConnectionError && error.failure === 'broken';
      if (!broken || !(await this.#options.diedOfMemory())) throw error;
      throw new ContainerConnectionError('outOfMemory', error.message, { cause: error });
    }
  }

  /** Closes the connections. The next request opens new ones. */
  disconnect(): void {
    const dispatcher = this.#dispatcher;
    this.#dispatcher = undefined;
    // The handlers of pending requests report the error.
    dispatcher?.destroy().catch(() => undefined);
  }

  /** To be called when the container is gone: pending requests fail without a retry. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const fail of this.#pending) fail(new Error('the container is gone'));
    this.disconnect();
  }

  #connect(): Dispatcher {
    const { address, concurrency } = this.#options;
    const socketPath = 'socketPath' in address ? address.socketPath : undefined;
    const origin = 'socketPath' in address ? 'http://localhost' : `http://${address.host}:${address.port}`;
    const options = {
      ...(socketPath === undefined ? {} : { socketPath }),
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_CONNECTION_MS,
    };
    return concurrency > 1 ? new Pool(origin, { ...options, connections: concurrency }) : new Client(origin, options);
  }

  #send(path: string, body: RequestBody, timeoutMs: number, options: PostOptions): Promise<ContainerResponse> {
    return new Promise((resolve, reject) => {
      let controller: Dispatcher.DispatchController | undefined;
      let settled = false;
      const settle = (): void => {
        settled = true;
        clearTimeout(timer);
        this.#pending.delete(fail);
      };
      const stop = (error: Error): void => {
        if (settled) return;
        settle();
        controller?.abort(error);
        reject(error);
      };
      const fail = (error: Error): void => stop(this.#connectionError(error, controller !== undefined));
      const timer = setTimeout(() => {
        stop(new ContainerTimeoutError(`no answer in ${options.timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.add(fail);

      let status = 0;
      let accepted: { tokenAccepted?: true } = {};
      let announced = -1;
      let room = options.maxResponseBytes;
      let received = new BodyBytes(0);
      const finish = (): void => {
        if (settled) return;
        settle();
        const bytes = received.bytes();
        if (announced <= options.maxResponseBytes) resolve({ status, body: bytes.toString(), ...accepted });
        else {
          const truncated = { length: announced, limit: options.maxResponseBytes };
          resolve({ status, body: utf8Prefix(bytes, options.truncationBytes), ...accepted, truncated });
        }
      };

      const dispatcher = (this.#dispatcher ??= this.#connect());
      dispatcher.dispatch(
        { path, method: 'POST', ...this.#content(body) },
        {
          onRequestStart(started) {
            controller = started;
            if (settled) started.abort(new Error('the request timed out'));
          },
          onResponseStart(_, statusCode, headers) {
            status = statusCode;
            if (headers[TOKEN_HEADER] === TOKEN_ACCEPTED) accepted = { tokenAccepted: true };
            const length = headers['content-length'];
            if (typeof length !== 'string') return fail(new Error('a response without a length'));
            announced = Number(length);
            // Read one byte more than needed to see whether the last character is complete.
            if (announced > options.maxResponseBytes) room = options.truncationBytes + 1;
            received = new BodyBytes(Math.min(announced, room));
          },
          onResponseData(_, chunk) {
            received.push(chunk);
            room -= chunk.length;
            if (room <= 0 && announced > options.maxResponseBytes) {
              finish();
              controller?.abort(new Error('the response is longer than the limit'));
            }
          },
          onResponseEnd: finish,
          onResponseError: (_, error) => fail(error),
        },
      );
    });
  }

  #content(body: RequestBody): Pick<Dispatcher.DispatchOptions, 'headers' | 'body'> {
    if (typeof body === 'string') return { headers: this.#headers, body };
    const headers = { ...this.#headers, 'content-length': String(body.bytes) };
    return { headers, body: Readable.from(body.pieces(), { objectMode: false }) };
  }

  /** @param sent whether the request was sent on a connection. */
  #connectionError(error: Error, sent: boolean): ContainerConnectionError {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    const refused = !sent || NOT_LISTENING.has(code) || (this.#options.proxied === true && !this.#answered);
    return new ContainerConnectionError(refused ? 'refused' : 'broken', error.message, { cause: error });
  }
}

/** The text of the first bytes, without an incomplete last character. */
export function utf8Prefix(bytes: Buffer, length: number): string {
  let end = Math.min(length, bytes.length);
  if (end < bytes.length) {
    while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  }
  return bytes.toString('utf8', 0, end);
}
