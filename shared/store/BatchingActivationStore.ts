import { activationRecordSchema, type ActivationRecord } from '../entities/activation.js';
import type { JsonObject } from '../entities/keyvalue.js';
import { silentLogger } from '../logging/Logger.js';
import { ActivationWriter, type WriterOptions } from './ActivationWriter.js';
import { CorruptedEntityError } from './EntityStore.js';
import type { ActivationFilter, ActivationStore } from './ActivationStore.js';
import type { ArtifactStore, StoredDocument, ViewKey, ViewName } from './ArtifactStore.js';
import { summariesOf } from './summariesOf.js';

const MB = 1024 * 1024;

/** The options of writing records. Every option has a default. */
export type ActivationWriteOptions = Partial<WriterOptions>;

interface ListOptions {
  readonly skip: number;
  readonly limit: number;
}

const BY_NAMESPACE: ViewName = 'whisks.v2.1.0/activations';
const BY_NAME: ViewName = 'whisks-filters.v2.1.1/activations';
const BY_COLOR: ViewName = 'palette.v1.0.0/activations-by-color';
/** The longest wait of a list for waiting records, in ms, so that it contains a record that `get` has already found. */
const LIST_PATIENCE_MS = 1000;
/** Above every string of a key. */
const TOP = '\ufff0';

/**
 * The database `activations`, with batched writes. The first record after a pause is written at once; records that
 * arrive meanwhile form the next batch. While the store is unavailable, records are kept and retried, and `ready` and
 * `room` delay new work. A record is lost only if the store refuses it or the process ends; then `store` rejects.
 * Waiting records can already be read. For the states see `ActivationWriter.ts`.
 */
export class BatchingActivationStore implements ActivationStore {
  readonly #store: ArtifactStore;
  readonly #writer: ActivationWriter;

  constructor(store: ArtifactStore, options: ActivationWriteOptions = {}) {
    this.#store = store;
    const { intervalMs = 5, maxIntervalMs = intervalMs } = options;
    this.#writer = new ActivationWriter(store, {
      maxBatchRecords: options.maxBatchRecords ?? 500,
      maxBatchBytes: options.maxBatchBytes ?? 4 * MB,
      maxBacklogBytes: options.maxBacklogBytes ?? 64 * MB,
      patienceMs: options.patienceMs ?? 30_000,
      concurrency: options.concurrency ?? 2,
      intervalMs,
      maxIntervalMs,
      retryDelayMs: options.retryDelayMs ?? 50,
      maxRetryDelayMs: options.maxRetryDelayMs ?? 5000,
      requireRoom: options.requireRoom ?? (() => {}),
      log: options.log ?? silentLogger,
      now: options.now ?? Date.now,
      observer: options.observer,
    });
  }

  ready(): Promise<void> {
    return this.#writer.ready();
  }

  /**
   * Resolves when there is room for more records, without a time limit, or when the store is closed; undefined: there
   * is room. An invoker waits for this before it takes an activation; further ones stay in its topic.
   */
  room(): Promise<void> | undefined {
    return this.#writer.room();
  }

  /** @throws RefusedByStoreError if the store refuses the record; StoreError if the store is closed first. */
  store(record: ActivationRecord): Promise<void> {
    return this.#writer.write(record);
  }

  async get(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    const waiting = this.#writer.waiting(namespace, activationId);
    if (waiting) return waiting;
    const document = await this.#store.get(`${namespace}/${activationId}`);
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
    await this.#writer.stored(namespace, LIST_PATIENCE_MS);
    const rows = await this.#store.query(view, { ...range, skip, limit, includeDocs: docs, descending: true });
    // Skip damaged records, so that the others are listed.
    if (docs) return rows.flatMap(({ doc }) => activationRecordSchema.safeParse(doc).data ?? []);
    return summariesOf(rows);
  }

  async count(namespace: string, filter: ActivationFilter, skip: number): Promise<number> {
    const { view, ...range } = rangeOf(namespace, filter);
    await this.#writer.stored(namespace, LIST_PATIENCE_MS);
    return this.#store.count(view, { ...range, skip });
  }

  /** Resolves when no record waits. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /**
   * Takes no more records, and waits up to `maxWaitMs` for the waiting ones. The rest is lost: `store` rejects, and the
   * log names each record.
   */
  close(maxWaitMs = 10_000): Promise<void> {
    return this.#writer.close(maxWaitMs);
  }
}

function parseRecord(document: StoredDocument): ActivationRecord {
  const parsed = activationRecordSchema.safeParse(document);
  if (!parsed.success) throw new CorruptedEntityError(document._id, 'it is not an activation record');
  return parsed.data;
}

/** The view and the range of rows of a list. */
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
