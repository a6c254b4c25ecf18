import { isObject, type JsonObject } from '../entities/keyvalue.js';
import { StoreError, type ViewRow } from './ArtifactStore.js';

/**
 * The summaries in the rows of a view of entities or activations.
 * @throws StoreError for a value that is not an object: the database has another view with that name.
 */
export function summariesOf(rows: readonly ViewRow[]): JsonObject[] {
  return rows.map(({ id, value }) => {
    if (!isObject(value)) throw new StoreError(`the row of ${id} in the view is not a summary`);
    return value;
  });
}
