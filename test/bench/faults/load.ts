import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waiting } from '../../../deploy/local/waits.js';
import { within } from '../../../shared/process/within.js';
import { outcomeUnknown } from '../../../invoker/activations/texts.js';
import type { Answer, History, RecordSeen } from './history.js';

/** A client gives up after this time: the longest wait of a blocking invocation, and then some. */
const CLIENT_MS = 90_000;
/** The limit for one read, since one request to CouchDB has 30 s. */
const READ_MS = 35_000;
/** The time for a request to end after its limit. */
const GRACE_MS = 5000;
/** How long CouchDB may take to bring its view up to date with the thousands of records of a round. */
const LIST_MS = 60_000;
/** How long the list may be refused or unanswered, on a machine that starves CouchDB. */
const UNREADABLE_MS = 300_000;
/** How many records or list pages are asked for at once. */
const READERS = 8;
const PAGE = 200;

/** Invocations a second, and fewer after `laterMs`: a part that is away for long leaves no backlog of minutes then. */
export interface Rate {
  readonly perSecond: number;
  readonly laterPerSecond: number;
  readonly laterMs: number;
}

export interface LoadOptions {
  /** Base URLs of the controllers; each invocation goes to one of them, in turns. */
  readonly bases: () => readonly string[];
  /** `uuid:key` of the user. */
  readonly key: string;
  /** Name of the action, which `install` creates. */
  readonly action: string;
  /** How long one run of the action lasts. */
  readonly runMs: number;
  /** The bytes of each result; missing: a few. */
  readonly resultBytes?: number | undefined;
}

/**
 * Invokes an action that leaves a line in a file as soon as it begins, and remembers every answer. So `history` can say of
 * each activation whether it was accepted, began, and was recorded.
 */
export class Load {
  readonly #options: LoadOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), 'palette-whisk-faults-'));
  readonly #file = join(this.#folder, 'runs');
  readonly #authorization: string;
  readonly #open = new Set<Promise<void>>();
  readonly #observers = new Set<(answer: Answer) => void>();
  #answers: Answer[] = [];
  #since = Date.now();
  #count = 0;
  #requests = 0;
  #readErrors: Record<string, number> = {};

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#authorization = `Basic ${Buffer.from(options.key).toString('base64')}`;
  }

  /** @throws where no controller takes the action. */
  async install(): Promise<void> {
    const code = `const fs = require('fs');
      function main({ file, ms, bytes }) {
        fs.appendFileSync(file, process.env.__OW_ACTIVATION_ID + '\\n');
        return new Promise((resolve) => setTimeout(resolve, ms, { ok: 'x'.repeat(bytes) }));
      }`;
    const body = { exec: { kind: 'nodejs:default', code } };
    const { status, text } = await this.#request('PUT', `actions/${this.#options.action}?overwrite=true`, body);
    if (status !== 200) throw new Error(`the action was not created: ${status} ${text}`);
  }

  /** Invokes at this rate until told to end, without waiting for answers; one in four waits for its result. */
  async run(end: AbortSignal, { perSecond, laterPerSecond, laterMs }: Rate): Promise<void> {
    const begun = performance.now();
    for (let next = begun; !end.aborted;) {
      const answered = this.#invoke(this.#count % 4 === 3).finally(() => this.#open.delete(answered));
      this.#open.add(answered);
      this.#count += 1;
      next += 1000 / (next - begun < laterMs ? perSecond : laterPerSecond);
      await sleep(Math.max(0, next - performance.now()));
    }
  }

  /** Resolves when an invocation that was sent after this call has its result, or after `limitMs`. Needs a `run`. */
  async nextResult(limitMs: number): Promise<void> {
    const called = performance.now();
    let observer: ((answer: Answer) => void) | undefined;
    const seen = new Promise<void>((resolve) => {
      observer = ({ id, blocking, status, at, tookMs }) => {
        if (id !== undefined && blocking && status === 200 && at - tookMs >= called) resolve();
      };
      this.#observers.add(observer);
    });
    try {
      await within(seen, limitMs, () => undefined);
    } finally {
      if (observer) this.#observers.delete(observer);
    }
  }

  /**
   * Everything that has happened since the last call. Waits until every request is answered and every accepted activation
   * has its record, or `settleMs` have passed. Times are those of `performance.now()`.
   *
   * @throws Error if requests are not answered and do not end at their limit.
   */
  async history(settleMs: number): Promise<Omit<History, 'backAt' | 'rejoinsMs'>> {
    await waiting(
      {
        what: 'the answers to all invocations',
        limitMs: CLIENT_MS + 2 * GRACE_MS,
        say: () => undefined,
        detail: () => `${this.#open.size} are open`,
      },
      Promise.all(this.#open),
    );
    this.#readErrors = {};
    const answers = this.#answers;
    const accepted = new Set(answers.flatMap(({ id }) => (id === undefined ? [] : [id])));
    const records = new Map<string, RecordSeen>();
    for (const end = Date.now() + settleMs; ; await sleep(200)) {
      await each(
        [...accepted].filter((id) => !records.has(id)),
        async (id) => {
          // One controller that answers no reads must not make each of a thousand reads wait.
          const record = Date.now() > end ? undefined : await this.#record(id);
          if (record) records.set(id, record);
        },
      );
      if (records.size === accepted.size || Date.now() > end) break;
    }
    const listed = (await this.#list(this.#since, accepted.size)).filter((id) => accepted.has(id));
    const lines = existsSync(this.#file) ? readFileSync(this.#file, 'utf8').trimEnd() : '';
    this.#answers = [];
    this.#since = Date.now();
    rmSync(this.#file, { force: true });
    return { answers, runs: lines === '' ? [] : lines.split('\n'), records: [...records.values()], listed };
  }

  /** Why records and pages of the list could not be read at first during the last `history`, and how often. */
  get readErrors(): Readonly<Record<string, number>> {
    return this.#readErrors;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #invoke(blocking: boolean): Promise<void> {
    const begun = performance.now();
    const path = `actions/${this.#options.action}${blocking ? '?blocking=true' : ''}`;
    const took = (): number => performance.now() - begun;
    const refused = { id: undefined, blocking, status: 0, reason: '', unanswered: false };
    try {
      const { status, text } = await this.#request('POST', path, {
        file: this.#file,
        ms: this.#options.runMs,
        bytes: this.#options.resultBytes ?? 1,
      });
      this.#answered({ ...refused, status, ...outcomeOf(text), tookMs: took(), at: performance.now() });
    } catch (error) {
      const unanswered = error instanceof DOMException && error.name === 'TimeoutError';
      this.#answered({ ...refused, reason: reasonOf(error), unanswered, tookMs: took(), at: performance.now() });
    }
  }

  #answered(answer: Answer): void {
    this.#answers.push(answer);
    for (const observer of this.#observers) observer(answer);
  }

  async #record(id: string): Promise<RecordSeen | undefined> {
    try {
      const { status, text } = await this.#request('GET', `activations/${id}`, undefined, READ_MS);
      if (status !== 200 && status !== 404) this.#readFailed(status, text);
      if (status !== 200) return undefined;
      const { response } = JSON.parse(text) as { response: { success: boolean; result?: { error?: unknown } } };
      const { success, result } = response;
      const error = success ? '' : String(result?.error).slice(0, 200);
      return { id, success, given: error === outcomeUnknown, error };
    } catch (error) {
      this.#readFailed(0, reasonOf(error));
      return undefined;
    }
  }

  #readFailed(status: number, text: string): void {
    const reason = `${status} ${text.slice(0, 200)}`;
    this.#readErrors[reason] = (this.#readErrors[reason] ?? 0) + 1;
  }

  /**
   * The ids of all activations since a time, by pages. A view of CouchDB may be behind, so the list is asked for again.
   * @throws Error if the list could not be read once to its end.
   */
  async #list(since: number, expected: number): Promise<string[]> {
    let ids: string[] | undefined;
    const begun = Date.now();
    for (;;) {
      const read = await this.#listOnce(since);
      ids = read ?? ids;
      if (ids && (new Set(ids).size >= expected || Date.now() - begun > LIST_MS)) return ids;
      if (Date.now() - begun > UNREADABLE_MS) {
        throw new Error(`the list of activations could not be read: ${JSON.stringify(this.#readErrors)}`);
      }
      await sleep(500);
    }
  }

  /** @returns undefined where a page could not be read. */
  async #listOnce(since: number): Promise<string[] | undefined> {
    const ids: string[] = [];
    for (let skip = 0; ; skip += PAGE) {
      const path = `activations?limit=${PAGE}&skip=${skip}&since=${since - 5000}`;
      const { status, text } = await this.#request('GET', path).catch((error: unknown) => ({
        status: 0,
        text: reasonOf(error),
      }));
      if (status !== 200) {
        this.#readFailed(status, text);
        return undefined;
      }
      const page = JSON.parse(text) as readonly { activationId: string }[];
      ids.push(...page.map(({ activationId }) => activationId));
      if (page.length < PAGE) return ids;
    }
  }

  async #request(
    method: string,
    path: string,
    body?: unknown,
    limitMs = CLIENT_MS,
  ): Promise<{ status: number; text: string }> {
    const bases = this.#options.bases();
    const base = bases[this.#requests % bases.length] ?? '';
    this.#requests += 1;
    const answer = async (): Promise<{ status: number; text: string }> => {
      const response = await fetch(`${base}/api/v1/namespaces/_/${path}`, {
        method,
        headers: { authorization: this.#authorization, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(limitMs),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    };
    // A round must end even if `fetch` misses its limit.
    return within(answer(), limitMs + GRACE_MS, () => {
      throw new DOMException(`fetch did not end ${GRACE_MS / 1000} s after its limit`, 'TimeoutError');
    });
  }
}

/** The id of an activation, whether it succeeded or failed, or else why there is none. */
function outcomeOf(text: string): Pick<Answer, 'id' | 'reason'> {
  let body: { activationId?: unknown; error?: unknown };
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    return { id: undefined, reason: `not JSON: ${text.slice(0, 100)}` };
  }
  if (typeof body.activationId === 'string') return { id: body.activationId, reason: '' };
  return { id: undefined, reason: typeof body.error === 'string' ? body.error.slice(0, 200) : 'no reason' };
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  return code === '' ? message : code;
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: READERS }, worker));
}
