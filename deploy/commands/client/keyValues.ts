import * as z from 'zod';
import { readBounded } from '../../../shared/files/readBounded.js';
import { jsonSchema, type Json, type JsonObject, type KeyValue } from '../../../shared/entities/keyvalue.js';
import { messageOf } from '../../../shared/errors/reasons.js';
import { CommandError, usageError } from './CommandError.js';

/** The options that take a name and a value as two words, as with `wsk`, by their flags. */
const PAIR_FLAGS: ReadonlyMap<string, string> = new Map([
  ['-p', '--param'],
  ['--param', '--param'],
  ['-a', '--annotation'],
  ['--annotation', '--annotation'],
  ['-F', '--feed-param'],
  ['--feed-param', '--feed-param'],
  ['-T', '--trigger-param'],
  ['--trigger-param', '--trigger-param'],
]);

const pairSchema = z.tuple([z.string(), z.string()]);

/**
 * Folds `-p NAME VALUE` into one word, `--param=["NAME","VALUE"]`, since libraries for command lines take a fixed
 * number of values as one.
 * @throws CommandError if the value is missing.
 */
export function foldPairs(args: readonly string[]): string[] {
  const folded: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--') return [...folded, ...args.slice(i)];
    const flag = PAIR_FLAGS.get(arg);
    if (flag === undefined) {
      folded.push(arg);
      continue;
    }
    const [name, value] = [args[i + 1], args[i + 2]];
    if (name === undefined || value === undefined)
      throw usageError(`${arg} takes a name and a value: ${arg} NAME VALUE`);
    folded.push(`${flag}=${JSON.stringify([name, value])}`);
    i += 2;
  }
  return folded;
}

/** Parses the word that `foldPairs` makes, and adds it to the earlier ones. */
export function addPair(word: string, earlier: readonly KeyValue[] = []): KeyValue[] {
  const [key, text] = pairSchema.parse(JSON.parse(word));
  return [...earlier, { key, value: valueOfText(text) }];
}

/** A value on the command line: JSON, else the text itself. */
function valueOfText(text: string): Json {
  try {
    return jsonSchema.parse(JSON.parse(text));
  } catch {
    return text;
  }
}

/** Reads a file with a JSON object of names and values. @throws CommandError */
function readPairs(file: string): KeyValue[] {
  let value: Json;
  try {
    value = jsonSchema.parse(JSON.parse(readBounded(file).toString()));
  } catch (error) {
    throw new CommandError(`cannot read the values in ${file}: ${messageOf(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CommandError(`the values in ${file} are not a JSON object such as {"name":"value"}`);
  }
  return Object.entries(value).map(([key, value]) => ({ key, value: value ?? null }));
}

/** The values of a file and of the command line; of two with the same name the last counts. */
export function mergedPairs(file: string | undefined, given: readonly KeyValue[] = []): KeyValue[] {
  const values = new Map<string, Json>();
  for (const { key, value } of [...(file === undefined ? [] : readPairs(file)), ...given]) values.set(key, value);
  return [...values].map(([key, value]) => ({ key, value }));
}

export const pairsObject = (pairs: readonly KeyValue[]): JsonObject =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
