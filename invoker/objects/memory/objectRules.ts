import { ObjectError } from '../../../shared/objects/ObjectError.js';
import type { Condition, KnownTags, Persistence } from '../../../shared/objects/ObjectRequest.js';
import { parseNumber } from '../../../shared/objects/parseRequest.js';
import type { StoredObject } from './StoredObject.js';

/** Whether a wait with these known tags ends at this object. */
export function endsWait(object: StoredObject | undefined, known: KnownTags | undefined): boolean {
  if (known === undefined) return object !== undefined;
  return !object || !isKnown(object, known);
}

/** Whether a tag is among the known ones. */
export const isKnown = ({ etag }: StoredObject, known: KnownTags): boolean => known === 'any' || known.includes(etag);

/** Whether an object of this persistence is never evicted. */
export const isKept = (persistence: Persistence): boolean => persistence === 'replicated';

/** Whether an object's time is over. */
export const isExpired = ({ expiresAt }: StoredObject, now: number): boolean =>
  expiresAt !== undefined && expiresAt <= now;

export const notFound = (): ObjectError => new ObjectError(404, 'The object does not exist.');

/** @throws ObjectError 412 */
export function requireCondition(condition: Condition | undefined, object: StoredObject | undefined): void {
  if (!condition) return;
  if (condition.kind === 'absent') {
    if (object) throw new ObjectError(412, 'The object exists already.');
  } else if (!object) {
    throw new ObjectError(412, 'The object does not exist.');
  } else if (condition.kind === 'tags' && !condition.tags.includes(object.etag)) {
    throw new ObjectError(412, 'The object has changed: its tag is another one.');
  }
}

/** The sum of an object's number and another one. A missing object counts as 0. @throws ObjectError 400 */
export function addTo(object: StoredObject | undefined, by: number): number {
  const before = object ? numberOf(object) : 0;
  if (before === undefined) throw new ObjectError(400, 'The object is not a decimal number.');
  const sum = before + by;
  if (!Number.isFinite(sum)) throw new ObjectError(400, 'The sum is too large.');
  if (Number.isInteger(before) && Number.isInteger(by) && !Number.isSafeInteger(sum)) {
    throw new ObjectError(400, 'The sum is not exact: whole numbers go up to 9007199254740991.');
  }
  return sum;
}

const MAX_NUMBER_BYTES = 32;

function numberOf({ bytes }: StoredObject): number | undefined {
  return bytes.length > MAX_NUMBER_BYTES ? undefined : parseNumber(bytes.text().trim());
}
