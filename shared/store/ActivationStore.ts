import type { ActivationRecord } from '../entities/activation.js';
import type { JsonObject } from '../entities/keyvalue.js';
import { StoreError } from './ArtifactStore.js';

export interface ActivationFilter {
  /** A name, or `package/name`. */
  readonly name?: string | undefined;
  /** The earliest start, in ms since the epoch. */
  readonly since?: number | undefined;
  /** The latest start, in ms since the epoch. */
  readonly upto?: number | undefined;
  /** The value of the record's annotation `color`. */
  readonly color?: string | undefined;
}

/** The records of activations: the database `activations`. */
export interface ActivationStore {
  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined>;
  /** Stores a record. Resolves once it is durable. An existing record stays unchanged. */
  store(record: ActivationRecord): Promise<void>;
  /**
   * Resolves when there is room for more records: at once, unless the store is unavailable and many records wait. To be
   * awaited before work that makes a record.
   * @throws TooManyRecordsError if there is no room for half a minute; StoreFullError at once if the disk is full.
   */
  ready(): Promise<void>;
  /** Lists activations, the newest first: with `docs` the records, otherwise the summaries of the view. */
  list(
    namespace: string,
    filter: ActivationFilter,
    options: { readonly skip: number; readonly limit: number; readonly docs: false },
  ): Promise<JsonObject[]>;
  list(
    namespace: string,
    filter: ActivationFilter,
    options: { readonly skip: number; readonly limit: number; readonly docs: true },
  ): Promise<ActivationRecord[]>;
  count(namespace: string, filter: ActivationFilter, skip: number): Promise<number>;
}

/** Too many records wait for the store, so work that makes records is refused. */
export class TooManyRecordsError extends StoreError {
  override readonly name = 'TooManyRecordsError';
  constructor(bytes: number) {
    super(`records of about ${bytes} bytes wait for the store`);
  }
}
