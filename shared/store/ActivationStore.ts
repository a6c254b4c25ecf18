import type { ActivationRecord } from '../entities/activation.js';
import type { JsonObject } from '../entities/keyvalue.js';
import { StoreError } from './ArtifactStore.js';

export interface ActivationFilter {
  /** A name, or `package/name`. */
  readonly name?: string | undefined;
  /** Started at or after, in ms since the epoch. */
  readonly since?: number | undefined;
  /** Started at or before, in ms since the epoch. */
  readonly upto?: number | undefined;
  /** The value of the record's annotation `color`. */
  readonly color?: string | undefined;
}

/** The records of what ran: the database `activations`. */
export interface ActivationStore {
  get(namespace: string, activationId: string): Promise<ActivationRecord | undefined>;
  /** Resolves once the record is durable. A record that exists already is left alone. */
  store(record: ActivationRecord): Promise<void>;
  /**
   * Resolves when there is room for more records: at once, unless the store is away and many records wait for it. Callers
   * wait here before they begin work that makes a record.
   * @throws TooManyRecordsError where there is no room for half a minute; StoreFullError, at once, where the disk is full.
   */
  ready(): Promise<void>;
  /** Newest first. Without `docs` the summaries that the view emits, with it the records. */
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

/** The store has been away for so long that no more work is taken of which it has to keep a record. */
export class TooManyRecordsError extends StoreError {
  override readonly name = 'TooManyRecordsError';
  constructor(bytes: number) {
    super(`records of some ${bytes} bytes wait for the store`);
  }
}
