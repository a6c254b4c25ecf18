import { Pool } from 'undici';
import type { Json, JsonObject } from '../../shared/entities/keyvalue.js';
import { GUEST_KEY } from '../e2e/keys.js';

/**
 * Posts of a social network: each invocation reads one, and keeps the last 40 that it read in memory. It says whether the
 * post was there already. Forty are too few for all posts, and enough for a quarter of them that are read often.
 */
const read = ({ hitMs, missMs }: WorkloadOptions): string => `
const kept = new Map();
async function main({ post }) {
  const known = kept.delete(post);
  kept.set(post, true);
  if (kept.size > 40) kept.delete(kept.keys().next().value);
  await new Promise((resolve) => setTimeout(resolve, known ? ${hitMs} : ${missMs}));
  return { known };
}`;

export interface WorkloadOptions {
  readonly posts: number;
  /** Those before them do not count: the memories are empty at first. */
  readonly warmUp: number;
  readonly invocations: number;
  readonly parallel: number;
  /** Of Zipf's law: the k-th most popular post is read 1/k^exponent as often as the first. */
  readonly exponent: number;
  /** The time to read a post that is in memory, and another one. */
  readonly hitMs: number;
  readonly missMs: number;
  /** The longest expected wait for a busy home. Missing: as the server decides. */
  readonly patienceMs?: number | undefined;
}

/**
 * Seven at a time, on eight slots of four invokers. With few at a time, or with an action that takes no time, every home
 * is free.
 */
export const WORKLOAD: WorkloadOptions = {
  posts: 200,
  warmUp: 800,
  invocations: 1200,
  parallel: 7,
  exponent: 0.8,
  hitMs: 100,
  missMs: 300,
};

/** Shares from 0 to 1. */
export interface Hits {
  /** Invocations that found their post in memory. */
  readonly memory: number;
  /** Invocations whose record says that they met their color's home. */
  readonly home: number;
  /** The mean number of invocations that ran at a time, by their records. */
  readonly running: number;
}

/** A user of the API of one server. */
export class Caller {
  readonly #pool: Pool;
  readonly #authorization = `Basic ${Buffer.from(GUEST_KEY).toString('base64')}`;

  constructor(base: string, connections = 16) {
    // A busy machine may take long to accept a connection.
    this.#pool = new Pool(base, { connections, connect: { timeout: 60_000 } });
  }

  async request(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: Json,
    headers: Record<string, string> = {},
  ): Promise<JsonObject> {
    const answer = await this.#pool.request({
      path: path.startsWith('/api/') ? path : `/api/v1/namespaces/_${path}`,
      method,
      headers: { authorization: this.#authorization, 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 400) throw new Error(`${method} ${path} answered ${answer.statusCode}: ${text}`);
    return JSON.parse(text) as JsonObject;
  }

  /** Creates an action that runs `code`, with annotations. */
  async createAction(name: string, code: string, annotations: JsonObject): Promise<void> {
    const list = Object.entries(annotations).map(([key, value]) => ({ key, value }));
    await this.request('PUT', `/actions/${name}?overwrite=true`, {
      exec: { kind: 'nodejs:20', code },
      limits: { memory: 128 },
      annotations: list,
    });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** Reads posts by Zipf's law through an action whose color is the post, mapped by a policy. */
export async function readPosts(caller: Caller, policy: string, options = WORKLOAD): Promise<Hits> {
  const name = `read-${policy}`;
  const patience = options.patienceMs === undefined ? {} : { 'color-patience': options.patienceMs };
  await caller.createAction(name, read(options), { color: '{post}', 'color-policy': policy, ...patience });
  const draw = zipf(options.posts, options.exponent);
  await reads(caller, name, draw, { ...options, invocations: options.warmUp });
  const hits = await reads(caller, name, draw, options);
  await caller.request('DELETE', `/actions/${name}`);
  return hits;
}

async function reads(
  caller: Caller,
  action: string,
  draw: () => number,
  { invocations, parallel }: WorkloadOptions,
): Promise<Hits> {
  let memory = 0;
  let home = 0;
  let runMs = 0;
  let left = invocations;
  const begun = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const record = await caller.request('POST', `/actions/${action}?blocking=true`, { post: draw() });
      const { result } = record['response'] as { result: { known?: boolean } };
      if (result.known === true) memory++;
      const annotations = record['annotations'] as { key: string; value: Json }[];
      if (annotations.some(({ key, value }) => key === 'colorHome' && value === true)) home++;
      runMs += record['duration'] as number;
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  const running = runMs / (performance.now() - begun);
  return { memory: memory / invocations, home: home / invocations, running };
}

/** Draws from 0 to `count` - 1 by Zipf's law; the same numbers each time. */
export function zipf(count: number, exponent: number): () => number {
  const sums: number[] = [];
  let total = 0;
  for (let k = 1; k <= count; k++) sums.push((total += 1 / k ** exponent));
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const wanted = (state / 0x100000000) * total;
    return sums.findIndex((sum) => sum >= wanted);
  };
}
