import { isObject, type JsonObject } from '../entities/keyvalue.js';
import { StoreError, type ViewRow } from './ArtifactStore.js';

/**
 * The summaries that a view of entities or activations emits.
 * @throws StoreError for a value that is not an object: the database has another view under that name.
 */
export function summariesOf(rows: readonly ViewRow[]): JsonObject[] {
  return rows.map(({ id, value }) => {
    if (!isObject(value)) throw new StoreError(`the view emits no summary for ${id}`);
    return value;
  });
}
