import type { Json } from '../../../shared/entities/keyvalue.js';
import { CommandError } from './CommandError.js';
import type { Io } from './Io.js';

/** Prints `ok: TEXT`, as `wsk` does. `names` are bold in a terminal. */
export function ok({ out, paint }: Pick<Io, 'out' | 'paint'>, text: string): void {
  out(`${paint('green', 'ok:')} ${text}\n`);
}

/** Prints JSON with an indent of four spaces, as `wsk` does. */
export function printJson({ out }: Pick<Io, 'out'>, value: Json): void {
  out(`${JSON.stringify(value, null, 4)}\n`);
}

/** A copy with the fields of all objects in alphabetical order, as `wsk` prints results. */
export function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key] ?? null)]),
  );
}

/** A field of an entity, by its name in any case. @throws CommandError if there is none. */
export function fieldOf(entity: Json, field: string): Json {
  const fields = typeof entity === 'object' && entity !== null && !Array.isArray(entity) ? entity : {};
  const name = Object.keys(fields).find((key) => key.toLowerCase() === field.toLowerCase());
  if (name === undefined) {
    throw new CommandError(`Invalid field filter '${field}'. The fields are ${Object.keys(fields).join(', ')}.`);
  }
  return fields[name] ?? null;
}

/** Prints a list: its title, then one row for each entry. */
export function printList({ out, paint }: Pick<Io, 'out' | 'paint'>, title: string, rows: readonly string[]): void {
  out(`${paint('bold', title)}\n`);
  for (const row of rows) out(`${row}\n`);
}
