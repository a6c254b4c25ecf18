import type * as z from 'zod';
import type { Environment } from './environment.js';

/** A setting: an environment variable with its description and its parser. */
export interface Setting<T> {
  readonly name: string;
  /** The description in the table of settings: one sentence. */
  readonly about: string;
  readonly schema: z.ZodType<T, string>;
  /** The default text; undefined: see `need`. */
  readonly standard?: string | undefined;
  /** Whether it is required, optional, or has a default. */
  readonly need: 'required' | 'optional' | 'standard';
  /** Whether its value must never be printed. */
  readonly secret: boolean;
}

interface Extra {
  secret?: boolean;
}

export const required = <T>(
  name: string,
  schema: z.ZodType<T, string>,
  about: string,
  extra: Extra = {},
): Setting<T> => ({
  name,
  about,
  schema,
  need: 'required',
  secret: extra.secret ?? false,
});

export const optional = <T>(
  name: string,
  schema: z.ZodType<T, string>,
  about: string,
  extra: Extra = {},
): Setting<T | undefined> => ({ name, about, schema, need: 'optional', secret: extra.secret ?? false });

export const standard = <T>(
  name: string,
  schema: z.ZodType<T, string>,
  text: string,
  about: string,
  extra: Extra = {},
): Setting<T> => ({ name, about, schema, standard: text, need: 'standard', secret: extra.secret ?? false });

export type SettingTable = Readonly<Record<string, Setting<unknown>>>;
export type SettingValues<Table extends SettingTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer T> ? T : never;
};

/** A setting is missing or invalid. The message is one line that names it. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * Reads the settings of a table.
 * @throws ConfigurationError for the first missing or invalid setting. The message never contains a secret.
 */
export function readSettings<Table extends SettingTable>(table: Table, environment: Environment): SettingValues<Table> {
  const values = Object.entries(table).map(([key, setting]) => [key, readSetting(setting, environment)]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each key has what its own setting's schema answered
  return Object.fromEntries(values) as SettingValues<Table>;
}

function readSetting<T>(setting: Setting<T>, environment: Environment): T | undefined {
  const { name, about, schema, need, secret } = setting;
  const text = environment[name] ?? setting.standard;
  if (text === undefined) {
    if (need === 'optional') return undefined;
    throw new ConfigurationError(`${name} is missing: ${about}`);
  }
  const parsed = schema.safeParse(text);
  if (parsed.success) return parsed.data;
  const expected = parsed.error.issues[0]?.message ?? 'something else';
  throw new ConfigurationError(`${name} must be ${expected}${secret ? '' : `, not '${text}'`}`);
}
