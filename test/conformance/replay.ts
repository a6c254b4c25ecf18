import { setTimeout as sleep } from 'node:timers/promises';

/** What a step sends: text as it is, anything else as JSON. */
export type Body = string | object | undefined;

/** An answer, with those of its headers that a client acts on. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[]>;
  /** Parsed where it is JSON. */
  body: unknown;
}

export interface Step {
  name: string;
  method: string;
  path: string;
  body?: Body;
  headers?: Record<string, string>;
  /** `guest` (the default), `system`, `none`, or a key. */
  auth?: string;
  /** Sent, not compared. */
  setup?: boolean;
  compare?: 'status';
  /** Tries again until the answer is the awaited one, for so long. */
  retryMs?: number;
  until?(answer: Answer): boolean;
  /** Variables of later steps (`${name}`), by their place in the answer. */
  capture?: Record<string, string>;
  pick?(body: unknown): unknown;
  ignoreHeaders?: string[];
}

export interface Suite {
  name: string;
  steps: Step[];
}

export type Variables = Record<string, string>;

/** OpenWhisk's well-known users. */
const KEYS: Readonly<Record<string, string>> = {
  guest: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
  system: '789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
};

const HEADERS = [
  'content-type',
  'location',
  'allow',
  'access-control-allow-origin',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'x-custom',
  'set-cookie',
  'x-openwhisk-activation-id',
  'www-authenticate',
  'cache-control',
];

const REQUEST_TIMEOUT_MS = 90_000;
const RETRY_PAUSE_MS = 250;

/** Sends a step (again, while it waits for another answer), and keeps what it captures in `variables`. */
export async function perform(base: string, step: Step, variables: Variables): Promise<Answer> {
  const deadline = Date.now() + (step.retryMs ?? 0);
  for (;;) {
    const answer = await request(base, step, variables);
    if (!step.until || step.until(answer) || Date.now() >= deadline) {
      for (const [name, path] of Object.entries(step.capture ?? {})) {
        const value = at(answer, path);
        if (typeof value === 'string') variables[name] = value;
      }
      return answer;
    }
    await sleep(RETRY_PAUSE_MS);
  }
}

async function request(base: string, step: Step, variables: Variables): Promise<Answer> {
  const headers: Record<string, string> = { ...step.headers };
  const auth = step.auth ?? 'guest';
  if (auth !== 'none') headers['authorization'] = `Basic ${Buffer.from(KEYS[auth] ?? auth).toString('base64')}`;
  let body: string | undefined;
  if (step.body !== undefined) {
    const raw = typeof step.body === 'string';
    body = substitute(raw ? (step.body as string) : JSON.stringify(step.body), variables);
    headers['content-type'] ??= raw ? 'text/plain' : 'application/json';
  }
  const res = await fetch(base + substitute(step.path, variables), {
    method: step.method,
    headers,
    body: body ?? null,
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  const text = await res.text();
  return { status: res.status, headers: headersOf(res), body: bodyOf(res, text) };
}

function bodyOf(res: Response, text: string): unknown {
  if (text === '' || !(res.headers.get('content-type') ?? '').includes('json')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function headersOf(res: Response): Record<string, string | string[]> {
  const picked: Record<string, string | string[]> = {};
  for (const name of HEADERS) {
    if (name === 'set-cookie') {
      const cookies = res.headers.getSetCookie();
      if (cookies.length > 0) picked[name] = cookies;
      continue;
    }
    const value = res.headers.get(name);
    if (value === null) continue;
    if (name === 'x-openwhisk-activation-id') picked[name] = '<string>';
    else if (name === 'content-type') {
      picked[name] = value
        .toLowerCase()
        .replace(/\s+/g, '')
        .replace('application/json;charset=utf-8', 'application/json');
    } else picked[name] = value;
  }
  return picked;
}

const substitute = (text: string, variables: Variables): string =>
  text.replace(/\$\{(\w+)\}/g, (whole, name: string) => variables[name] ?? whole);

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => {
    return inner !== null && typeof inner === 'object' ? (inner as Record<string, unknown>)[key] : undefined;
  }, value);
}
