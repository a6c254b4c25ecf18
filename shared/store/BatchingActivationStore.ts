import { setTimeout as sleep } from 'node:timers/promises';
import { activationDocument, activationRecordSchema, type ActivationRecord } from '../entities/activation.js';
import type { JsonObject } from '../entities/keyvalue.js';
import { silentLogger, type Logger } from '../logging/Logger.js';
import { Pace } from '../process/Pace.js';
import { CorruptedEntityError } from './EntityStore.js';
import { TooManyRecordsError, type ActivationFilter, type ActivationStore } from './ActivationStore.js';
import {
  RefusedByStoreError,
  StoreError,
  type ArtifactStore,
  type StoredDocument,
  type ViewKey,
  type ViewName,
} from './ArtifactStore.js';

const MB = 1024 * 1024;

/** What metrics want to know. */
export interface ActivationWriteObserver {
  /** A batch is durable; `ms` is how long the store took. */
  stored(records: number, ms: number): void;
  /** The store did not take a batch; it is tried again. */
  failed(): void;
  /** Records that wait to be stored, and about how many bytes they have. */
  backlog(records: number, bytes: number): void;
}

export interface ActivationWriteOptions {
  readonly maxBatchRecords?: number;
  readonly maxBatchBytes?: number;
  /** Above so many bytes that wait, `ready` holds its callers. */
  readonly maxBacklogBytes?: number;
  /** So long, in ms, until it refuses them. */
  readonly patienceMs?: number;
  /** Batches under way at the same time. */
  readonly concurrency?: number;
  /** So many ms lie between the beginnings of two batches: under load fewer and larger ones cost less. */
  readonly intervalMs?: number;
  /** At most so many, where the store is busy: five times what its last batch took. `intervalMs` where missing. */
  readonly maxIntervalMs?: number;
  /** The first and the longest pause before a batch is tried again, in ms. */
  readonly retryDelayMs?: number;
  readonly maxRetryDelayMs?: number;
  readonly log?: Logger;
  readonly observer?: ActivationWriteObserver | undefined;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** A record on its way into the store. */
interface Pending {
  readonly record: ActivationRecord;
  readonly updated: number;
  /** About. */
  readonly bytes: number;
  done(): void;
  failed(error: Error): void;
}

interface ListOptions {
  readonly skip: number;
  readonly limit: number;
}

const BY_NAMESPACE: ViewName = 'whisks.v2.1.0/activations';
const BY_NAME: ViewName = 'whisks-filters.v2.1.1/activations';
const BY_COLOR: ViewName = 'palette.v1.0.0/activations-by-color';
/** Above every string of a key. */
const TOP = '\ufff0';

/**
 * The database `activations`. Records are written in batches: one goes out at once after a pause, and those that come
 * soon after or while it is under way go together next. While the store is away they are kept and tried again until it is
 * back, and `ready` holds those who would make more; a record is given up only when the store refuses that very record or
 * the process ends, and then `store` rejects. A record that waits can already be read here.
 */
export class BatchingActivationStore implements ActivationStore {
  readonly #store: ArtifactStore;
  readonly #pace: Pace;
  readonly #options: Required<Omit<ActivationWriteOptions, 'observer'>> & Pick<ActivationWriteOptions, 'observer'>;
  /** By document id, from `store` until the record is durable. */
  readonly #unwritten = new Map<string, ActivationRecord>();
  #queue: Pending[] = [];
  #backlogBytes = 0;
  #underWay = 0;
  #scheduled = false;
  #away = false;
  #pending = 0;
  #closed = false;
  /** Ends the pauses between tries. */
  readonly #giveUp = new AbortController();
  readonly #waiting = new Set<() => void>();
  #idle: (() => void)[] = [];

  constructor(store: ArtifactStore, options: ActivationWriteOptions = {}) {
    this.#store = store;
    const { intervalMs = 5, maxIntervalMs = intervalMs } = options;
    this.#pace = new Pace({ factor: 5, minMs: intervalMs, maxMs: maxIntervalMs });
    this.#options = {
      maxBatchRecords: options.maxBatchRecords ?? 500,
      maxBatchBytes: options.maxBatchBytes ?? 4 * MB,
      maxBacklogBytes: options.maxBacklogBytes ?? 64 * MB,
      patienceMs: options.patienceMs ?? 30_000,
      concurrency: options.concurrency ?? 2,
      intervalMs,
      maxIntervalMs,
      retryDelayMs: options.retryDelayMs ?? 50,
      maxRetryDelayMs: options.maxRetryDelayMs ?? 5000,
      log: options.log ?? silentLogger,
      now: options.now ?? Date.now,
      observer: options.observer,
    };
  }

  async ready(): Promise<void> {
    const { maxBacklogBytes, patienceMs } = this.#options;
    if (this.#backlogBytes < maxBacklogBytes) return;
    const end = performance.now() + patienceMs;
    do await this.#roomUntil(end);
    while (this.#backlogBytes >= maxBacklogBytes);
  }

  /** Resolves when something was stored. @throws TooManyRecordsError when it is `end`. */
  #roomUntil(end: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(go);
        reject(new TooManyRecordsError(this.#backlogBytes));
      }, end - performance.now());
      this.#waiting.add(go);
    });
  }

  /** @throws RefusedByStoreError where the store does not take this record; StoreError where it was closed before it did. */
  store(record: ActivationRecord): Promise<void> {
    if (this.#closed) return Promise.reject(new StoreError('the store of activations is closed'));
    return new Promise((resolve, reject) => {
      const bytes = roughSize(record);
      this.#queue.push({ record, updated: this.#options.now(), bytes, done: resolve, failed: reject });
      this.#unwritten.set(idOf(record.namespace, record.activationId), record);
      this.#pending++;
      this.#backlogBytes += bytes;
      this.#schedule();
    });
  }

  async get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    const id = idOf(namespace, activationId);
    const waiting = this.#unwritten.get(id);
    if (waiting) return waiting;
    const document = await this.#store.get(id);
    return document && parseRecord(document);
  }

  list(
    namespace: string,
    filter: ActivationFilter,
    options: ListOptions & { readonly docs: false },
  ): Promise<JsonObject[]>;
  list(
    namespace: string,
    filter: ActivationFilter,
    options: ListOptions & { readonly docs: true },
  ): Promise<ActivationRecord[]>;
  async list(
    namespace: string,
    filter: ActivationFilter,
    options: ListOptions & { readonly docs: boolean },
  ): Promise<JsonObject[] | ActivationRecord[]> {
    const { view, ...range } = rangeOf(namespace, filter);
    const { skip, limit, docs } = options;
    const rows = await this.#store.query(view, { ...range, skip, limit, includeDocs: docs, descending: true });
    // One that is damaged does not keep the others from being listed.
    if (docs) return rows.flatMap(({ doc }) => activationRecordSchema.safeParse(doc).data ?? []);
    return rows.map((row) => row.value as JsonObject);
  }

  count(namespace: string, filter: ActivationFilter, skip: number): Promise<number> {
    const { view, ...range } = rangeOf(namespace, filter);
    return this.#store.count(view, { ...range, skip });
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    while (this.#pending > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /**
   * Takes no more records, and waits up to `maxWaitMs` for those that are there to become durable. What does not is
   * given up: its `store` rejects, and the log says how many there were.
   */
  async close(maxWaitMs = 10_000): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const deadline = new AbortController();
    const expired = sleep(maxWaitMs, undefined, { signal: deadline.signal }).catch(() => {});
    await Promise.race([this.flush(), expired]);
    deadline.abort();
    this.#giveUp.abort();
    await this.flush();
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay >= this.#options.concurrency || this.#queue.length === 0) return;
    this.#scheduled = true;
    const begin = (): void => {
      this.#scheduled = false;
      this.#pace.began(performance.now());
      void this.#write(this.#takeBatch());
      this.#schedule();
    };
    const wait = this.#pace.rest(performance.now());
    if (wait > 0 && this.#queue.length < this.#options.maxBatchRecords) setTimeout(begin, wait);
    else setImmediate(begin);
  }

  #takeBatch(): Pending[] {
    const { maxBatchRecords, maxBatchBytes } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const pending of this.#queue) {
      bytes += pending.bytes;
      if (count > 0 && (count >= maxBatchRecords || bytes > maxBatchBytes)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Writes a batch, again and again where it must; never rejects. */
  async #write(batch: readonly Pending[]): Promise<void> {
    this.#underWay++;
    try {
      await this.#writeUntilTaken(batch);
    } finally {
      this.#underWay--;
      this.#schedule();
    }
  }

  async #writeUntilTaken(batch: readonly Pending[]): Promise<void> {
    for (let delay = this.#options.retryDelayMs; ; delay = Math.min(2 * delay, this.#options.maxRetryDelayMs)) {
      const begin = performance.now();
      try {
        await this.#store.putMany(batch.map(({ record, updated }) => activationDocument(record, updated)));
        const took = performance.now() - begin;
        this.#pace.took(took);
        this.#options.observer?.stored(batch.length, took);
        return this.#taken(batch);
      } catch (error) {
        this.#options.observer?.failed();
        if (error instanceof RefusedByStoreError) return this.#findRefused(batch, error);
        this.#reportAway(error);
        if (!(await this.#pause(delay))) return this.#givenUp(batch, new StoreError('closed before it was stored'));
      }
    }
  }

  /** Halves a batch in which something is refused, until what is refused is alone. */
  async #findRefused(batch: readonly Pending[], error: RefusedByStoreError): Promise<void> {
    if (batch.length > 1) {
      const half = batch.length >> 1;
      await this.#writeUntilTaken(batch.slice(0, half));
      return this.#writeUntilTaken(batch.slice(half));
    }
    const [pending] = batch as [Pending];
    const { record } = pending;
    if (record.logs.length === 0 || record.logs[0] === LOGS_LEFT_OUT) return this.#givenUp(batch, error);
    // Logs are most of a large record: without them there is at least a record of what happened.
    this.#options.log.warn('the store refused a record: storing it without its logs', { error, ...idFields(record) });
    await this.#writeUntilTaken([{ ...pending, record: { ...record, logs: [LOGS_LEFT_OUT] } }]);
  }

  #taken(batch: readonly Pending[]): void {
    if (this.#away) this.#options.log.info('activation records are stored again');
    this.#away = false;
    for (const { record } of batch) this.#unwritten.delete(idOf(record.namespace, record.activationId));
    this.#release(batch);
    for (const pending of batch) pending.done();
  }

  #givenUp(batch: readonly Pending[], error: StoreError): void {
    const { log } = this.#options;
    for (const { record } of batch) {
      log.error('an activation record is lost', { error, ...idFields(record) });
      this.#unwritten.delete(idOf(record.namespace, record.activationId));
    }
    this.#release(batch);
    for (const pending of batch) pending.failed(error);
  }

  #release(batch: readonly Pending[]): void {
    for (const { bytes } of batch) this.#backlogBytes -= bytes;
    this.#pending -= batch.length;
    this.#options.observer?.backlog(this.#pending, this.#backlogBytes);
    if (this.#backlogBytes < this.#options.maxBacklogBytes) {
      for (const go of this.#waiting) go();
      this.#waiting.clear();
    }
    if (this.#pending === 0) for (const go of this.#idle.splice(0)) go();
  }

  #reportAway(error: unknown): void {
    this.#options.observer?.backlog(this.#pending, this.#backlogBytes);
    if (this.#away) return;
    this.#away = true;
    this.#options.log.warn('activation records wait: the store does not take them', { error });
  }

  /** Waits before the next try; resolves to false where there will be none. */
  async #pause(ms: number): Promise<boolean> {
    const { signal } = this.#giveUp;
    await sleep(ms, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  }
}

/** What stands in the place of logs that the store did not take. */
const LOGS_LEFT_OUT = 'Logs were left out: with them the activation record was too large for the store.';

const idOf = (namespace: string, activationId: string): string => `${namespace}/${activationId}`;

const idFields = ({ namespace, activationId }: ActivationRecord): object => ({ namespace, activationId });

function parseRecord(document: StoredDocument): ActivationRecord {
  const parsed = activationRecordSchema.safeParse(document);
  if (!parsed.success) throw new CorruptedEntityError(document._id, 'it is no record of an activation');
  return parsed.data;
}

/** Which rows of which view a list is of. */
function rangeOf(
  namespace: string,
  { name, since, upto, color }: ActivationFilter,
): { view: ViewName; startKey: ViewKey; endKey: ViewKey } {
  const path = name === undefined ? namespace : `${namespace}/${name}`;
  if (color !== undefined) {
    return { view: BY_COLOR, startKey: [path, color, since ?? 0], endKey: [path, color, upto ?? TOP, TOP] };
  }
  return {
    view: name === undefined ? BY_NAMESPACE : BY_NAME,
    startKey: [path, since ?? 0],
    endKey: [path, upto ?? TOP, TOP],
  };
}

/** About the bytes of a record as JSON, without making it. */
function roughSize({ response, logs }: ActivationRecord): number {
  let size = 1000 + (response.size ?? 0);
  for (const line of logs) size += line.length;
  return size;
}
