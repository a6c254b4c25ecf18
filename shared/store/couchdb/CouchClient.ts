import { randomUUID } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import nano from 'nano';
import { Agent, request } from 'undici';
import * as z from 'zod';
import { StoreError, type Attachment } from '../ArtifactStore.js';
import { messageOf } from '../../errors/reasons.js';

/** The connection to CouchDB. */
export interface CouchConnection {
  /** `http` or `https`, host and port. */
  readonly url: string;
  /** Missing: no credentials are sent. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Additional trusted certificates (PEM). */
  readonly ca?: string | undefined;
  readonly maxConnections?: number | undefined;
  readonly timeoutMs?: number | undefined;
}

export interface CouchRequest {
  readonly method?: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** The encoded path: nano would treat an id that contains `_local` as the id of a local document. */
  readonly path: string;
  readonly qs?: Readonly<Record<string, unknown>>;
  /** The JSON text. */
  readonly body?: string;
  /** The time limit; missing: the client's default. */
  readonly timeoutMs?: number | undefined;
}

/** CouchDB's error response; status 0 without a response. */
export class CouchError extends StoreError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** CouchDB did not answer within the time limit. */
export class CouchTimeoutError extends CouchError {
  constructor(ms: number) {
    super(0, `CouchDB does not answer within ${ms} ms`);
  }
}

/** The path of a database or a document. */
export function pathOf(database: string, id?: string): string {
  const db = encodeURIComponent(database);
  if (id === undefined) return db;
  if (id.startsWith(DESIGN)) return `${db}/${DESIGN}${encodeURIComponent(id.slice(DESIGN.length))}`;
  return `${db}/${encodeURIComponent(id)}`;
}

const DESIGN = '_design/';

/** A client of one CouchDB: a bounded number of persistent connections, and a time limit for each request. */
export class CouchClient {
  readonly #agent: Agent;
  readonly #server: nano.ServerScope;
  readonly #origin: string;
  readonly #authorization: Record<string, string>;
  readonly #timeoutMs: number;

  constructor(connection: CouchConnection) {
    const { url, username, password = '', ca, maxConnections = 32, timeoutMs = 30_000 } = connection;
    this.#agent = new Agent({
      connections: maxConnections,
      keepAliveTimeout: 60_000,
      connect: { timeout: 5000, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) },
    });
    this.#origin = new URL(url).origin;
    this.#timeoutMs = timeoutMs;
    const basic = Buffer.from(`${username}:${password}`).toString('base64');
    this.#authorization = username === undefined ? {} : { authorization: `Basic ${basic}` };
    this.#server = nano({
      url: this.#origin,
      headers: this.#authorization,
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nano takes an agent; its types name the class instead
      agentOptions: this.#agent as unknown as typeof Agent,
    });
  }

  /** CouchDB's URL without credentials. */
  get origin(): string {
    return this.#origin;
  }

  /** @returns the response's JSON. @throws CouchError */
  async json({ method = 'GET', body, timeoutMs = this.#timeoutMs, ...rest }: CouchRequest): Promise<unknown> {
    const signal = AbortSignal.timeout(timeoutMs);
    const options = { ...rest, method, ...(body === undefined ? {} : { body, dontStringify: true }), signal };
    let answer: unknown;
    try {
      answer = await this.#server.request(options);
    } catch (error) {
      throw signal.aborted ? new CouchTimeoutError(timeoutMs) : couchError(error);
    }
    // nano returns '' if the connection breaks in the middle of a body.
    if (answer === '') {
      throw signal.aborted
        ? new CouchTimeoutError(timeoutMs)
        : new CouchError(0, 'CouchDB did not complete its response');
    }
    return answer;
  }

  /**
   * Posts a JSON text without nano and the `fetch` below it, which take most of the processor time of a request. For the
   * batches of activation records, which are written many times a second.
   * @returns the response's JSON. @throws CouchError
   */
  async postBatch(path: string, json: string): Promise<unknown> {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const answer = await this.#raw('POST', path, headers, json);
    if (answer.status >= 300) throw new CouchError(answer.status, reasonOf(answer.bytes));
    try {
      return JSON.parse(answer.bytes.toString('utf8'));
    } catch {
      throw new CouchError(0, 'the response is not JSON');
    }
  }

  /**
   * Writes a document with an attachment that its JSON declares (`_attachments` with `follows`), as multipart/related
   * (https://docs.couchdb.org/en/stable/api/document/common.html#creating-multiple-attachments).
   * @returns the response's JSON. @throws CouchError
   */
  async putMultipart(path: string, json: string, { name, contentType, bytes }: Attachment): Promise<unknown> {
    const boundary = randomUUID();
    const head =
      `--${boundary}\r\nContent-Type: application/json\r\n\r\n${json}\r\n` +
      `--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Length: ${bytes.length}\r\n` +
      `Content-Disposition: attachment; filename="${name}"\r\n\r\n`;
    const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--`)]);
    const headers = { 'content-type': `multipart/related; boundary="${boundary}"`, accept: 'application/json' };
    const answer = await this.#raw('PUT', path, headers, body);
    if (answer.status >= 300) throw new CouchError(answer.status, reasonOf(answer.bytes));
    return JSON.parse(answer.bytes.toString('utf8'));
  }

  /** @returns undefined if it does not exist. @throws CouchError */
  async getAttachment(path: string): Promise<Uint8Array | undefined> {
    const answer = await this.#raw('GET', path, {}, undefined);
    if (answer.status === 404) return undefined;
    if (answer.status >= 300) throw new CouchError(answer.status, reasonOf(answer.bytes));
    return answer.bytes;
  }

  /** Waits for pending requests. */
  async close(): Promise<void> {
    await this.#agent.close();
  }

  /** Aborts pending requests: they reject. */
  async abandon(): Promise<void> {
    await this.#agent.destroy();
  }

  /** Sends without nano, which decodes text and does not report a connection that breaks within an attachment. */
  async #raw(
    method: 'GET' | 'PUT' | 'POST',
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | string | undefined,
  ): Promise<{ status: number; bytes: Buffer }> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const answer = await request(`${this.#origin}/${path}`, {
        method,
        dispatcher: this.#agent,
        headers: { ...this.#authorization, ...headers },
        body: body ?? null,
        signal,
      });
      return { status: answer.statusCode, bytes: Buffer.from(await answer.body.arrayBuffer()) };
    } catch (error) {
      throw signal.aborted ? new CouchTimeoutError(this.#timeoutMs) : couchError(error);
    }
  }
}

/** Converts an error to one that is safe to log: nano's errors contain the request. */
function couchError(error: unknown): CouchError {
  const status = statusOf(error);
  const message = messageOf(error);
  return new CouchError(status, status === 0 ? `CouchDB does not answer: ${message}` : message);
}

/** The status of the response; 0 without a response. */
function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return 0;
  return typeof error.statusCode === 'number' ? error.statusCode : 0;
}

const refusalSchema = z.object({ error: z.string().optional(), reason: z.string().optional() });

function reasonOf(bytes: Buffer): string {
  try {
    const { error, reason } = refusalSchema.parse(JSON.parse(bytes.toString('utf8')));
    return reason ?? error ?? 'CouchDB refused';
  } catch {
    return 'CouchDB refused';
  }
}
