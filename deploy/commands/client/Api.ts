import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import * as z from 'zod';
import { jsonSchema, type Json } from '../../../shared/entities/keyvalue.js';
import { codeOf, messageOf } from '../../../shared/errors/reasons.js';
import { CommandError } from './CommandError.js';
import type { Connection } from './properties.js';

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** The answer of the server. */
export interface Answer {
  readonly status: number;
  readonly body: Json;
}

/** The longest wait for an answer in ms: the longest blocking invocation and some. */
const ANSWER_MS = 75_000;
/** The most bytes of an answer: an action's code of 48 MB in base64, and room. */
const MAX_ANSWER_BYTES = 100 * 1024 * 1024;

const refusalSchema = z.object({ error: z.string(), code: z.union([z.string(), z.number()]).optional() });

/** The server refused a request. The exit code is the lower 8 bits of the status, as with `wsk`. */
export class RefusedError extends CommandError {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message, status & 0xff);
    this.status = status;
  }
}

/** Calls the API of a server. */
export class Api {
  readonly connection: Connection;
  readonly #agent: HttpAgent;
  readonly #answerMs: number;

  /**
   * @param answerMs the longest time without a part of an answer.
   * @throws CommandError if the certificate of the client cannot be read.
   */
  constructor(connection: Connection, answerMs = ANSWER_MS) {
    this.connection = connection;
    this.#answerMs = answerMs;
    const { base, insecure, cert, key } = connection;
    this.#agent = base.startsWith('https:')
      ? new HttpsAgent({
          keepAlive: true,
          rejectUnauthorized: !insecure,
          ...(cert !== undefined && cert !== '' ? { cert: readFileSync(cert) } : {}),
          ...(key !== undefined && key !== '' ? { key: readFileSync(key) } : {}),
        })
      : new HttpAgent({ keepAlive: true });
  }

  /** Closes idle connections. */
  close(): void {
    this.#agent.destroy();
  }

  /**
   * Calls a path below `/api/v1`.
   * @throws RefusedError for a status that is not below 300 nor in `accepted`; CommandError without an answer.
   */
  async call(
    method: Method,
    path: string,
    { body, accepted = [] }: { readonly body?: Json | undefined; readonly accepted?: readonly number[] } = {},
  ): Promise<Answer> {
    const answer = await this.#send(method, `/api/${this.connection.version}${path}`, body);
    if (answer.status < 300 || accepted.includes(answer.status)) return answer;
    throw new RefusedError(answer.status, refusalText(answer, this.connection));
  }

  /** Whether a server answers at the address. Never rejects. */
  async answers(limitMs: number): Promise<boolean> {
    try {
      return (await this.#send('GET', '/ping', undefined, limitMs)).status === 200;
    } catch {
      return false;
    }
  }

  #send(method: Method, path: string, body: Json | undefined, limitMs = this.#answerMs): Promise<Answer> {
    const { base, auth } = this.connection;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      timeout: limitMs,
      headers: {
        accept: 'application/json',
        'user-agent': 'palette-whisk',
        ...(auth === undefined ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` }),
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      },
    };
    return new Promise((resolve, reject) => {
      const send = base.startsWith('https:') ? httpsRequest : httpRequest;
      const request = send(`${base}${path}`, options, (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) request.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(chunks) }));
        response.on('error', (error) => reject(unreachable(base, error)));
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${limitMs / 1000} s`)));
      request.on('error', (error) => reject(unreachable(base, error)));
      request.end(text);
    });
  }
}

/** The JSON of a body; its text if it is not JSON; null if it is empty. */
function parsed(chunks: readonly Buffer[]): Json {
  const text = Buffer.concat(chunks).toString();
  if (text === '') return null;
  try {
    return jsonSchema.parse(JSON.parse(text));
  } catch {
    return text;
  }
}

function refusalText({ status, body }: Answer, { base, auth }: Connection): string {
  const refusal = refusalSchema.safeParse(body).data;
  const code = refusal?.code === undefined ? '' : ` (code ${refusal.code})`;
  const reason = refusal === undefined ? `the server answered ${status}` : `${refusal.error}${code}`;
  if (status !== 401) return reason;
  const what = auth === undefined ? 'no key is set' : `${base} does not accept the key`;
  return `${reason}: ${what}; set one with 'palette-whisk property set --auth KEY'`;
}

function unreachable(base: string, error: Error): CommandError {
  const code = codeOf(error);
  if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EHOSTUNREACH') {
    return new CommandError(
      `no server answers at ${base}: start one with 'palette-whisk start', or name another with --apihost`,
    );
  }
  if (typeof code === 'string' && /CERT|SIGNED|ALTNAME/.test(code)) {
    return new CommandError(
      `the certificate of ${base} is not trusted (${messageOf(error)}): -i accepts any certificate`,
    );
  }
  return new CommandError(`${base} did not answer: ${messageOf(error)}`);
}
