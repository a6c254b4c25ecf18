import type { Command } from 'commander';
import * as z from 'zod';
import { programVersion } from '../../../shared/process/version.js';
import { Api } from '../client/Api.js';
import { CommandError, usageError } from '../client/CommandError.js';
import { namespacesOf } from '../client/entities.js';
import type { Io } from '../client/Io.js';
import { ok } from '../client/output.js';
import {
  baseUrl,
  connectionOf,
  propertiesFile,
  readProperties,
  writeProperties,
  type Property,
} from '../client/properties.js';

/** The properties that can be set, by their options. */
const SETTABLE: Readonly<
  Record<string, { readonly property: Property; readonly label: string; readonly shown: boolean }>
> = {
  apihost: { property: 'APIHOST', label: 'whisk API host', shown: true },
  auth: { property: 'AUTH', label: 'whisk auth', shown: false },
  apiversion: { property: 'APIVERSION', label: 'whisk API version', shown: true },
  cert: { property: 'CERT', label: 'client cert', shown: false },
  key: { property: 'KEY', label: 'client key', shown: false },
};

type Given = Readonly<Record<string, string | boolean | undefined>>;

/** `property set|unset|get`, on the file that `wsk` uses. */
export function addProperty(program: Command, io: Io): void {
  const property = program
    .command('property')
    .description('work with the properties in ~/.wskprops, which wsk uses, too');

  property
    .command('set')
    .description('set properties')
    .option('--apihost <host>', 'the API host')
    .option('-u, --auth <key>', 'the key of the user')
    .option('--apiversion <version>', 'the version of the API')
    .option('--cert <file>', "a client's certificate")
    .option('--key <file>', 'its private key')
    .action((given: Given) => {
      const file = propertiesFile(io);
      const properties = new Map(readProperties(file));
      const lines: string[] = [];
      for (const [option, { property, label, shown }] of Object.entries(SETTABLE)) {
        const value = given[option];
        if (typeof value !== 'string' || value === '') continue;
        if (property === 'APIHOST') baseUrl(value);
        if (property === 'AUTH' && !/^[^:]+:.+$/.test(value)) {
          // The value may be the secret alone, and errors end up in logs.
          throw usageError('the value of --auth is not a key: a key has the form UUID:SECRET');
        }
        properties.set(property, value);
        lines.push(
          shown
            ? `${label} set to ${io.paint('bold', value)}`
            : `${label} set. Run 'palette-whisk property get --${option}' to see the new value.`,
        );
      }
      if (lines.length === 0) throw usageError('name a property to set, such as --apihost HOST or --auth KEY');
      writeProperties(file, properties);
      for (const line of lines) ok(io, line);
    });

  property
    .command('unset')
    .description('remove properties')
    .option('--apihost', 'the API host')
    .option('--auth', 'the key of the user')
    .option('--apiversion', 'the version of the API')
    .option('--cert', "a client's certificate")
    .option('--key', 'its private key')
    .action((given: Given) => {
      const file = propertiesFile(io);
      const properties = new Map(readProperties(file));
      const chosen = Object.entries(SETTABLE).filter(([option]) => given[option] === true);
      if (chosen.length === 0) throw usageError('name a property to remove, such as --apihost or --auth');
      for (const [, { property }] of chosen) properties.delete(property);
      writeProperties(file, properties);
      for (const [, { property, label }] of chosen) {
        const standard =
          property === 'APIVERSION' ? `; the default value of ${io.paint('bold', 'v1')} will be used.` : '.';
        ok(io, `${label} unset${standard}`);
      }
    });

  property
    .command('get')
    .description('print all properties, or the named ones')
    .option('--all', 'all properties')
    .option('--apihost', 'the API host')
    .option('--auth', 'the key of the user')
    .option('--apiversion', 'the version of the API')
    .option('--namespace', 'the namespace of the key')
    .option('--cert', "a client's certificate")
    .option('--key', 'its private key')
    .option('--cliversion', 'the version of this command')
    .option('--apibuild', 'the build date of the server')
    .option('--apibuildno', 'the build number of the server')
    .option('-o, --output <format>', 'std (a label and the value) or raw (the value)', 'std')
    .action((given: Given) => printProperties(io, given));
}

/** Where a property comes from: the connection, or the server. */
interface Shown {
  readonly option: string;
  readonly label: string;
  readonly tabs: 1 | 2;
  readonly value: () => string | Promise<string>;
}

const infoSchema = z.object({ build: z.string(), buildno: z.string() });

async function printProperties(io: Io, given: Given): Promise<void> {
  const format = given['output'];
  if (format !== 'std' && format !== 'raw') throw usageError('Supported output format are std|raw');
  const connection = connectionOf({}, io);
  const api = new Api(connection);
  const info = async (): Promise<z.infer<typeof infoSchema>> => infoSchema.parse((await api.call('GET', '')).body);
  const shown: readonly Shown[] = [
    { option: 'apihost', label: 'whisk API host', tabs: 2, value: () => connection.base },
    { option: 'auth', label: 'whisk auth', tabs: 2, value: () => connection.auth ?? '' },
    {
      option: 'namespace',
      label: 'whisk namespace',
      tabs: 2,
      value: async () => namespacesOf((await api.call('GET', '/namespaces')).body)[0] ?? '_',
    },
    { option: 'cert', label: 'client cert', tabs: 2, value: () => connection.cert ?? '' },
    { option: 'key', label: 'Client key', tabs: 2, value: () => connection.key ?? '' },
    { option: 'apiversion', label: 'whisk API version', tabs: 1, value: () => connection.version },
    { option: 'cliversion', label: 'whisk CLI version', tabs: 1, value: () => programVersion() },
    { option: 'apibuild', label: 'whisk API build', tabs: 2, value: async () => (await info()).build },
    { option: 'apibuildno', label: 'whisk API build number', tabs: 1, value: async () => (await info()).buildno },
  ];
  const named = shown.filter(({ option }) => given[option] === true);
  const all = named.length === 0 || given['all'] === true;
  if (all && format === 'raw') throw usageError('--output|-o raw only supported with specific property type');
  try {
    let failure: CommandError | undefined;
    for (const { label, tabs, value } of all ? shown : named) {
      const text = await Promise.resolve()
        .then(value)
        .catch((error: unknown) => {
          if (!(error instanceof CommandError)) throw error;
          failure ??= error;
          return 'Unknown';
        });
      const painted = io.paint('bold', text);
      io.out(format === 'raw' ? `${painted}\n` : `${label}${'\t'.repeat(tabs)}${painted}\n`);
    }
    if (failure) throw new CommandError(`Unable to obtain API build information: ${failure.message}`, failure.exitCode);
  } finally {
    api.close();
  }
}
