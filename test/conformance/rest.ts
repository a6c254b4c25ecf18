import assert from 'node:assert/strict';
import { eventually } from '../e2e/eventually.js';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';

export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Headers;
}

/** An activation as the API shows it. */
export interface Activation {
  readonly activationId: string;
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly duration: number;
  readonly logs: readonly string[];
  readonly annotations: readonly { readonly key: string; readonly value: Json }[];
  readonly response: {
    readonly status: string;
    readonly success: boolean;
    readonly result: JsonObject;
    readonly size?: number;
    /** The text of `result.error`; empty where there is none. */
    readonly error: string;
  };
}

/** A user of the REST API, of one server and with one key. */
export class RestUser {
  readonly #base: string;
  readonly #authorization: string;

  constructor(base: string, key: string) {
    this.#base = `${base}/api/v1/namespaces/_`;
    this.#authorization = `Basic ${Buffer.from(key).toString('base64')}`;
  }

  /** `path` is below the user's namespace. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(`${this.#base}/${path}`, {
      method,
      headers: { authorization: this.#authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: (text === '' ? {} : JSON.parse(text)) as JsonObject,
    };
  }

  /** As `ask`, where nothing but success will do. */
  async must(method: string, path: string, body?: unknown): Promise<JsonObject> {
    const answer = await this.ask(method, path, body);
    assert.ok(answer.status < 300, `${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Makes or replaces a JavaScript action. */
  action(name: string, code: string, more: JsonObject = {}): Promise<JsonObject> {
    const exec = { kind: 'nodejs:default', code };
    return this.must('PUT', `actions/${encodeURIComponent(name)}?overwrite=true`, { exec, ...more });
  }

  /** Invokes, waits, and gives the record with its logs, whatever became of it. */
  async run(name: string, payload: JsonObject = {}): Promise<Activation> {
    const answer = await this.ask('POST', `actions/${encodeURIComponent(name)}?blocking=true`, payload);
    const id = answer.headers.get('x-openwhisk-activation-id');
    assert.ok(id, `invoke answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return this.record(id);
  }

  /** The record of an activation, once it is stored. */
  async record(activationId: string): Promise<Activation> {
    const record = await eventually(() => this.must('GET', `activations/${activationId}`));
    const { response } = record as unknown as Activation;
    const error = response.result['error'];
    return {
      ...record,
      response: { ...response, error: typeof error === 'string' ? error : '' },
    } as unknown as Activation;
  }
}
