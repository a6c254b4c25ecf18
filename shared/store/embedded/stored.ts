import { isObject, parseJson, type Json, type JsonObject } from '../../entities/keyvalue.js';
import { StoreError, type StoredDocument, type ViewRow } from '../ArtifactStore.js';

/** @throws StoreError for a text that this store did not write. */
export function readDocument(text: string): StoredDocument {
  const document = parseJson(text);
  if (!isStored(document)) throw new StoreError('a document in the store is damaged');
  return document;
}

const isStored = (value: Json): value is JsonObject & { _id: string; _rev: string } =>
  isObject(value) && typeof value['_id'] === 'string' && typeof value['_rev'] === 'string';

/** @throws StoreError for a text that this store did not write. */
export function readRow(text: string): ViewRow {
  const row = parseJson(text);
  if (!isObject(row) || typeof row['id'] !== 'string') throw new StoreError('a row of a view in the store is damaged');
  const { id, key = null, value = null } = row;
  return { id, key, value };
}

/** The id of the document that `includeDocs` adds to a row: the value's own `_id`, or else the row's id. */
export function documentOf(row: ViewRow): string {
  const value = row.value;
  const id = value !== null && typeof value === 'object' && !Array.isArray(value) ? value['_id'] : undefined;
  return typeof id === 'string' ? id : row.id;
}
