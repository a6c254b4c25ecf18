import { RefusedByStoreError } from '../ArtifactStore.js';
import { messageOf } from '../../errors/reasons.js';

/**
 * A value as JSON that CouchDB accepts. A JavaScript string may contain a lone surrogate (half of an emoji), which JSON
 * can express, but CouchDB then refuses the whole request. So U+FFFD replaces it.
 *
 * @throws RefusedByStoreError if the value is nested too deeply.
 */
export function couchJson(value: unknown): string {
  const text = stringify(value);
  return text.includes('\\ud') ? text.replaceAll(HALF_A_CHARACTER, '$1\ufffd') : text;
}

/** An escaped lone surrogate. JSON escapes only lone ones. The backslash must not be escaped itself. */
const HALF_A_CHARACTER = /(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g;

function stringify(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw new RefusedByStoreError(messageOf(error), { cause: error });
  }
}
