import { isObject, type Json } from '../entities/keyvalue.js';

/** A stored document: CouchDB's `_id` and `_rev` and the entity's fields. */
export interface StoredDocument {
  readonly _id: string;
  readonly _rev: string;
  readonly [field: string]: unknown;
}

/** A document to write. Without `_rev` it is new; with `_rev` it replaces that revision. */
export type NewDocument = {
  _id: string;
  _rev?: string | undefined;
};

/** The attachments of a document by name. */
export function attachmentsOf(document: NewDocument | StoredDocument): Readonly<Record<string, unknown>> {
  const attachments: unknown = '_attachments' in document ? document['_attachments'] : undefined;
  return isObject(attachments) ? attachments : {};
}

/**
 * A key of a view: null, a number, a string, or an array of these. Arrays are compared element by element, as in
 * CouchDB: null before numbers before strings; a shorter array comes first.
 */
export type ViewKey = string | number | null | readonly (string | number | null)[];

/**
 * The named views, with the design document and view that OpenWhisk's databases have them under (`palette.v1.0.0` is
 * our own), and what they emit: see `views.ts`.
 */
export type ViewName =
  | 'whisks.v2.1.0/actions'
  | 'whisks.v2.1.0/packages'
  | 'whisks.v2.1.0/packages-public'
  | 'whisks.v2.1.0/rules'
  | 'whisks.v2.1.0/triggers'
  | 'whisks.v2.1.0/activations'
  | 'whisks-filters.v2.1.1/activations'
  | 'palette.v1.0.0/activations-by-color'
  | 'activations/byDate'
  | 'subjects.v2.0.0/identities'
  | 'namespaceThrottlings/blockedNamespaces';

export interface ViewQuery {
  /** The smallest key, inclusive, even with `descending`. */
  startKey: ViewKey;
  /** The largest key, inclusive. */
  endKey: ViewKey;
  descending?: boolean;
  skip?: number;
  /** Missing or 0: no limit. */
  limit?: number;
  includeDocs?: boolean;
}

export interface ViewRow {
  id: string;
  /** A \`ViewKey\`, unless the database has another view under that name. */
  key: Json;
  value: Json;
  /**
   * With `includeDocs`; for a value with an `_id` of its own, the document of that id (as CouchDB does), null where it
   * is missing.
   */
  doc?: StoredDocument | null | undefined;
}

/** An attachment of a document. `name`: letters, digits, `-`, `_` and `.`. */
export interface Attachment {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** The outcome of a write of several documents. */
export interface ManyWritten {
  /** The ids of existing documents, which stay unchanged. */
  readonly conflicts: readonly string[];
  /** The refused documents. The others may be stored. */
  readonly refused: readonly WriteRefusal[];
}

export interface WriteRefusal {
  readonly id: string;
  readonly reason: string;
  /** Whether the document itself is the reason, so that a retry does not help. */
  readonly final: boolean;
}

/**
 * A database of documents, their attachments and views. The embedded store (on disk) and CouchDB pass the same
 * behavioural suite. Documents are plain JSON; callers must not change them.
 */
export interface ArtifactStore {
  /** @returns undefined if the document does not exist. */
  get(id: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a document, and an attachment with it, and resolves to the new revision once both are durable: either both
   * are stored or neither. Attachments that the document does not name (`_attachments`) go.
   * @throws DocumentConflictError where the document exists and `_rev` is not its revision, or it was deleted and there
   * is one.
   */
  put(document: NewDocument, attachment?: Attachment): Promise<string>;
  /**
   * Writes many new documents at once. Resolves when all are durable, except for those in the result.
   * @throws RefusedByStoreError if the store refuses the whole request because of one document; StoreError if the store
   * does not answer. The documents may not be stored then.
   */
  putMany(documents: readonly NewDocument[]): Promise<ManyWritten>;
  /** Deletes a document. Resolves to false if it does not exist. @throws DocumentConflictError */
  delete(id: string, revision: string): Promise<boolean>;
  /**
   * Deletes documents of any revision. Skips missing and concurrently changed ones.
   * @returns how many went
   */
  deleteMany(ids: readonly string[]): Promise<number>;
  query(view: ViewName, query: ViewQuery): Promise<ViewRow[]>;
  /** The number of rows of the query after `skip`. Ignores `limit`. */
  count(view: ViewName, query: ViewQuery): Promise<number>;
  readAttachment(id: string, name: string): Promise<Uint8Array | undefined>;
  /** Up to `limit` documents after the id `after`, in the order of ids, for a walk through a whole database. */
  listDocuments(after: string | undefined, limit: number): Promise<StoredDocument[]>;
  close(): Promise<void>;
}

/** The three databases of an installation. */
export interface Stores {
  readonly whisks: ArtifactStore;
  readonly activations: ArtifactStore;
  readonly subjects: ArtifactStore;
  close(): Promise<void>;
}

/** Another process changed the document, or it already exists. */
export class DocumentConflictError extends Error {
  override readonly name = 'DocumentConflictError';
  constructor(id: string) {
    super(`document ${id} was changed concurrently`);
  }
}

/** The store does not answer, or responded with an error that the caller did not cause. A retry may help. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
}

/** The store cannot be reached, does not answer in time, or reports that it is unavailable. */
export class StoreUnavailableError extends StoreError {
  override readonly name: string = 'StoreUnavailableError';
}

/** The store is full. Reads still work. The message is for users. */
export class StoreFullError extends StoreUnavailableError {
  override readonly name: string = 'StoreFullError';
}

/** The store refuses this request, such as a document that is too large. A retry does not help. */
export class RefusedByStoreError extends StoreError {
  override readonly name = 'RefusedByStoreError';
}
