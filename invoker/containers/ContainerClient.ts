import { randomBytes } from 'node:crypto';
import { retry } from '../../shared/process/retry.js';
import { BodyBytes } from './BodyBytes.js';
import type { ContainerAddress } from './HttpConnection.js';
import { HttpConnections, type Sending } from './HttpConnections.js';
import {
  ContainerConnectionError,
  ContainerTimeoutError,
  type ContainerResponse,
  type PostOptions,
  type RequestBody,
} from './ContainerDriver.js';

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

/** The code of a request that was not served: its connection closed before the whole request was written. */
const NOT_WRITTEN = 'EPIPE';
const RETRY_MS = 3;
const TOKEN_ACCEPTED = 'accepted';
/** Tells our runtimes, in `/run`, that a run that writes nothing needs no sentinels. */
const LOGS_ON_DEMAND = 'x-palette-logs: on-demand\r\n';
/** Their response: it wrote nothing, and no sentinels follow. */
const NO_LOGS = 'none';

/** Makes a secret of the invoker and one container's runtime: 128 random bits as 22 characters. */
export const newToken = (): string => randomBytes(16).toString('base64url');

/** Sends `/init` and `/run` to one container over persistent connections. */
export class ContainerClient {
  readonly #options: ContainerClientOptions;
  readonly #connections: HttpConnections;
  /** The heads of requests, after the path. The token is described in `ContainerDriver`. */
  readonly #head: string;
  readonly #runHead: string;
  readonly #pending = new Set<(error: Error) => void>();
  #answered = false;
  #gone = false;

  constructor(options: ContainerClientOptions) {
    this.#options = options;
    const { address, concurrency, token } = options;
    this.#connections = new HttpConnections(address, concurrency);
    const host = 'socketPath' in address ? 'localhost' : `${address.host}:${address.port}`;
    this.#head = [
      ' HTTP/1.1',
      `host: ${host}`,
      'connection: keep-alive',
      'content-type: application/json',
      'accept: application/json',
      `x-invoker-token: ${token}`,
      '',
    ].join('\r\n');
    this.#runHead = this.#head + LOGS_ON_DEMAND;
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
  #try(path: string, body: RequestBody, timeoutMs: number, options: PostOptions): Promise<ContainerResponse> {
    if (this.#gone) return Promise.reject(new ContainerConnectionError('refused', 'the container is gone'));
    return this.#send(path, body, timeoutMs, options).catch((error: unknown) => this.#explain(error));
  }

  /** @throws the error, or that the container died of its memory if this is the reason. */
  async #explain(error: unknown): Promise<never> {
    const broken = error instanceof ContainerConnectionError && error.failure === 'broken';
    if (!broken || !(await this.#options.diedOfMemory())) throw error;
    throw new ContainerConnectionError('outOfMemory', error.message, { cause: error });
  }

  /** Closes the connections. The next request opens new ones. */
  disconnect(): void {
    this.#connections.destroy();
  }

  /** To be called when the container is gone: pending requests fail without a retry. */
  close(): void {
    if (this.#gone) return;
    this.#gone = true;
    for (const fail of this.#pending) fail(new Error('the container is gone'));
    this.disconnect();
  }

  #send(path: string, body: RequestBody, timeoutMs: number, options: PostOptions): Promise<ContainerResponse> {
    return new Promise((resolve, reject) => {
      let sending: Sending | undefined;
      let started = false;
      let settled = false;
      const settle = (): void => {
        settled = true;
        clearTimeout(timer);
        this.#pending.delete(fail);
      };
      const stop = (error: Error): void => {
        if (settled) return;
        settle();
        sending?.abort();
        reject(error);
      };
      const fail = (error: Error): void => stop(this.#connectionError(error, started));
      const timer = setTimeout(() => {
        stop(new ContainerTimeoutError(`no answer in ${options.timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.add(fail);

      let status = 0;
      let tokenAccepted = false;
      let silent = false;
      let announced = -1;
      let room = options.maxResponseBytes;
      let received = new BodyBytes(0);
      const finish = (): void => {
        if (settled) return;
        settle();
        this.#answered = true;
        const bytes = received.bytes();
        const isLarge = announced <= options.maxResponseBytes && announced > (options.large?.over ?? Infinity);
        const told: { tokenAccepted?: true; silent?: true } = {};
        if (tokenAccepted) told.tokenAccepted = true;
        if (silent) told.silent = true;
        if (isLarge) resolve({ status, body: '', bytes, ...told });
        else if (announced > options.maxResponseBytes) {
          const truncated = { length: announced, limit: options.maxResponseBytes };
          resolve({ status, body: utf8Prefix(bytes, options.truncationBytes), ...told, truncated });
        } else if (tokenAccepted) {
          // Most responses have these shapes. A spread costs more than all the rest.
          const body = bytes.toString();
          resolve(silent ? { status, body, tokenAccepted, silent } : { status, body, tokenAccepted });
        } else resolve({ status, body: bytes.toString(), ...told });
      };

      const head = `POST ${path}${path === '/run' ? this.#runHead : this.#head}`;
      sending = this.#connections.send(
        { head, body },
        {
          started: () => (started = true),
          head: (response) => {
            status = response.status;
            tokenAccepted = response.token === TOKEN_ACCEPTED;
            silent = path === '/run' && response.logs === NO_LOGS;
            if (response.length === undefined) return fail(new Error('a response without a length'));
            announced = response.length;
            // Read one byte more than needed to see whether the last character is complete.
            if (announced > options.maxResponseBytes) room = options.truncationBytes + 1;
            received = new BodyBytes(Math.min(announced, room));
            const { large } = options;
            if (!large || announced <= large.over || announced > options.maxResponseBytes) return;
            sending?.pause();
            large.admit(announced).then(() => sending?.resume(), fail);
          },
          data: (chunk) => {
            received.push(chunk);
            room -= chunk.length;
            if (room <= 0 && announced > options.maxResponseBytes) {
              finish();
              sending?.abort();
            }
          },
          place: () => received.place(),
          end: finish,
          failed: fail,
        },
      );
      // Its connection may have failed at once.
      if (settled) sending.abort();
    });
  }

  /** @param sent whether the request was sent on a connection. */
  #connectionError(error: Error, sent: boolean): ContainerConnectionError {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    const refused = !sent || code === NOT_WRITTEN || (this.#options.proxied === true && !this.#answered);
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
