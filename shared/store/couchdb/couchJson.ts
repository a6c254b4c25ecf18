import { RefusedByStoreError } from '../ArtifactStore.js';
import { messageOf } from '../../errors/reasons.js';

/**
 * A value as JSON that CouchDB takes. JavaScript's strings may hold half a character (an emoji that was cut in two), which
 * JSON can write; CouchDB then refuses the request with all that is in it. U+FFFD stands in its place.
 *
 * @throws RefusedByStoreError where the value nests too deeply to be written.
 */
export function couchJson(value: unknown): string {
  const text = stringify(value);
  return text.includes('\\ud') ? text.replaceAll(HALF_A_CHARACTER, '$1\ufffd') : text;
}

/** Whole characters are written as they are. A backslash that is escaped itself escapes nothing. */
const HALF_A_CHARACTER = /(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g;

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new RefusedByStoreError(messageOf(error), { cause: error });
  }
}
