import { activationRecordSchema, type ActivationRecord } from '../entities/activation.js';
import type { JsonObject } from '../entities/keyvalue.js';
import { silentLogger } from '../logging/Logger.js';
import { ActivationWriter, type WriterOptions } from './ActivationWriter.js';
import { CorruptedEntityError } from './EntityStore.js';
import type { ActivationFilter, ActivationStore } from './ActivationStore.js';
import type { ArtifactStore, StoredDocument, ViewKey, ViewName } from './ArtifactStore.js';
import { summariesOf } from './summariesOf.js';

const MB = 1024 * 1024;

/** How records are written; every option has a default. */
export type ActivationWriteOptions = Partial<WriterOptions>;

interface ListOptions {
  readonly skip: number;
  readonly limit: number;
}

const BY_NAMESPACE: ViewName = 'whisks.v2.1.0/activations';
const BY_NAME: ViewName = 'whisks-filters.v2.1.1/activations';
const BY_COLOR: ViewName = 'palette.v1.0.0/activations-by-color';
/** A record that `get` finds is in the lists that are asked for after it: they wait for those on their way, up to this. */
const LIST_PATIENCE_MS = 1000;
/** Above every string of a key. */
const TOP = '\ufff0';

/**
 * The database `activations`. Records are written in batches: the first one after a pause goes at once, and those that
 * come while it is under way go together next. While the store is away records are kept and tried again until it is back,
 * and `ready` and `room` hold new work. A record is lost only when the store refuses that very record or the process
 * ends; then `store` rejects. A waiting record can already be read here. `ActivationWriter.ts` has the states.
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
   * Resolves when there is room for more records, however long that takes, or when the store is closed; undefined: there
   * is room. An invoker waits here before it takes an activation: the others stay in its topic.
   */
  room(): Promise<void> | undefined {
    return this.#writer.room();
  }

  /** @throws RefusedByStoreError where the store does not take this record; StoreError where it was closed before. */
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
    // A damaged record does not keep the others from being listed.
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
   * Takes no more records, and waits up to `maxWaitMs` for those that wait to become durable. The rest is lost: its
   * `store` rejects, and the log names each record.
   */
  close(maxWaitMs = 10_000): Promise<void> {
    return this.#writer.close(maxWaitMs);
  }
}

function parseRecord(document: StoredDocument): ActivationRecord {
  const parsed = activationRecordSchema.safeParse(document);
  if (!parsed.success) throw new CorruptedEntityError(document._id, 'it is not a record of an activation');
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
