import { isObject, type Json } from '../entities/keyvalue.js';

/** A document as the store has it: CouchDB's `_id` and `_rev` and the entity's own fields. */
export interface StoredDocument {
  readonly _id: string;
  readonly _rev: string;
  readonly [field: string]: unknown;
}

/** A document to be written: without `_rev` it is new, with one it replaces that revision. */
export type NewDocument = {
  _id: string;
  _rev?: string | undefined;
};

/** The attachments that a document names, by their names. */
export function attachmentsOf(document: NewDocument | StoredDocument): Readonly<Record<string, unknown>> {
  const attachments: unknown = '_attachments' in document ? document['_attachments'] : undefined;
  return isObject(attachments) ? attachments : {};
}

/** A key of a view: null, a number, a string, or an array of these, compared element by element as CouchDB does (null first,
 * then numbers, then strings); a shorter array comes first. */
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
  /** Inclusive, in ascending order of keys whatever `descending` says. */
  startKey: ViewKey;
  /** Inclusive. */
  endKey: ViewKey;
  descending?: boolean;
  skip?: number;
  /** No limit where it is missing or 0. */
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

/** Bytes that are stored beside a document. `name`: letters, digits, `-`, `_` and `.`. */
export interface Attachment {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
}

/** What became of documents that were written together. */
export interface ManyWritten {
  /** Ids of documents that exist already: they are left alone. */
  readonly conflicts: readonly string[];
  /** Documents that the store did not take, while it may have taken the others. */
  readonly refused: readonly Refusal[];
}

export interface Refusal {
  readonly id: string;
  readonly reason: string;
  /** Whether the document itself is the reason: trying again does not help. */
  readonly final: boolean;
}

/**
 * One database of documents, their attachments and their views. Embedded (on disk) and CouchDB pass the same
 * behavioural suite. Documents are plain JSON; a caller never changes one that it got.
 */
export interface ArtifactStore {
  /** @returns undefined where there is no such document. */
  get(id: string): Promise<StoredDocument | undefined>;
  /**
   * Writes a document, and an attachment with it, and resolves to the new revision once both are durable: either both
   * are stored or neither. Attachments that the document does not name (`_attachments`) go.
   * @throws DocumentConflictError where the document exists and `_rev` is not its revision, or it was deleted and there
   * is one.
   */
  put(document: NewDocument, attachment?: Attachment): Promise<string>;
  /**
   * Writes many new documents at once. Resolves when all are durable but those that it names.
   * @throws RefusedByStoreError where the request as a whole is refused, for one of its documents; StoreError where the
   * store does not answer. Nothing may be stored then.
   */
  putMany(documents: readonly NewDocument[]): Promise<ManyWritten>;
  /** @throws DocumentConflictError; resolves to false where there is no such document. */
  delete(id: string, revision: string): Promise<boolean>;
  /**
   * Deletes documents, whatever their revisions. Those that are missing, or changed meanwhile, are left.
   * @returns how many went
   */
  deleteMany(ids: readonly string[]): Promise<number>;
  query(view: ViewName, query: ViewQuery): Promise<ViewRow[]>;
  /** How many rows the query has, `skip` taken off, `limit` aside. */
  count(view: ViewName, query: ViewQuery): Promise<number>;
  readAttachment(id: string, name: string): Promise<Uint8Array | undefined>;
  /** Up to `limit` documents in the order of their ids, those after `after`: to walk through a whole database. */
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

/** Another process changed the document, or it exists already. */
export class DocumentConflictError extends Error {
  override readonly name = 'DocumentConflictError';
  constructor(id: string) {
    super(`document ${id} was changed concurrently`);
  }
}

/** The store does not answer, or answered with an error that is not the caller's. Trying again may help. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError';
}

/** The store cannot be reached, does not answer in time, or says that it cannot work now. */
export class StoreUnavailableError extends StoreError {
  override readonly name: string = 'StoreUnavailableError';
}

/** There is no room in the store: for reads it answers. The message is for users. */
export class StoreFullError extends StoreUnavailableError {
  override readonly name: string = 'StoreFullError';
}

/** The store answers, and refuses this request (a document that is too large for it): trying again does not help. */
export class RefusedByStoreError extends StoreError {
  override readonly name = 'RefusedByStoreError';
}
