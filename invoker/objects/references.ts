import { isObject, type Json, type JsonObject } from '../../shared/entities/keyvalue.js';
import type { ObjectAddress } from '../../shared/objects/objectPath.js';
import { addressOf, fieldsBeside } from '../../shared/objects/reference.js';

/** The most references in the parameters of one activation, and the deepest nesting in which they are found. */
export const MAX_REFERENCES = 1000;
const MAX_DEPTH = 16;

/** Parameters as JSON text that is cut at their references: `texts[0] object[0] texts[1] … object[n-1] texts[n]`. */
export interface CutParameters {
  readonly texts: readonly string[];
  readonly addresses: readonly ObjectAddress[];
}

/** Parameters that are a reference themselves: the result of the step before in a sequence. */
export interface WholeReference {
  readonly address: ObjectAddress;
  /** The parameters beside it: those of the action, and others. */
  readonly others: JsonObject;
}

/** Undefined if only a part of the parameters, or none, is a reference. @throws ObjectError 400 for an invalid address */
export function wholeReference(parameters: Json): WholeReference | undefined {
  const address = addressOf(parameters);
  return address && { address, others: fieldsBeside(parameters) };
}

/** The parameters have too many references. */
export class TooManyReferencesError extends Error {
  override readonly name = 'TooManyReferencesError';
}

/**
 * Cuts the JSON text of parameters at their references, so that the bytes of the objects can take their places: large
 * objects are not parsed. Undefined without a reference.
 * @throws ObjectError 400 for an invalid address; TooManyReferencesError
 */
export function cutAtReferences(parameters: Json): CutParameters | undefined {
  const texts: string[] = [];
  const addresses: ObjectAddress[] = [];
  let text = '';
  const write = (value: Json, depth: number): void => {
    const address = addressOf(value);
    if (address) {
      if (addresses.length >= MAX_REFERENCES) {
        throw new TooManyReferencesError(`Parameters have at most ${MAX_REFERENCES} references to objects.`);
      }
      addresses.push(address);
      texts.push(text);
      text = '';
    } else if (Array.isArray(value) && depth < MAX_DEPTH) {
      value.forEach((entry, i) => {
        text += i === 0 ? '[' : ',';
        write(entry, depth + 1);
      });
      text += value.length === 0 ? '[]' : ']';
    } else if (isObject(value) && depth < MAX_DEPTH) {
      const entries = Object.entries(value);
      entries.forEach(([key, entry], i) => {
        text += `${i === 0 ? '{' : ','}${JSON.stringify(key)}:`;
        write(entry, depth + 1);
      });
      text += entries.length === 0 ? '{}' : '}';
    } else text += JSON.stringify(value);
  };
  write(parameters, 0);
  return addresses.length === 0 ? undefined : { texts: [...texts, text], addresses };
}

/**
 * The JSON of an object's bytes: JSON as it is (the runtime checks it), a text as a string, and other bytes as a string
 * in base64.
 */
export function asJson(bytes: Buffer, contentType: string): Buffer {
  const type = contentType.toLowerCase();
  if (/^application\/(?:[\w.-]+\+)?json\b/.test(type)) return bytes;
  return Buffer.from(JSON.stringify(bytes.toString(type.startsWith('text/') ? 'utf8' : 'base64')));
}
