import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { WELL_KNOWN_USERS } from '../../../shared/access/wellKnownKeys.js';
import { codeOf, messageOf } from '../../../shared/errors/reasons.js';
import { CommandError } from './CommandError.js';
import type { Io } from './Io.js';
import { isLoopbackHost } from './loopback.js';

/** The names of properties in `~/.wskprops`, the file that `wsk` uses. */
export type Property = 'APIHOST' | 'AUTH' | 'APIVERSION' | 'CERT' | 'KEY';

/** The content of the file. Entries that this program does not know are kept. */
export type Properties = ReadonlyMap<string, string>;

/** The server that `palette-whisk start` starts. */
export const LOCAL_SERVER = 'http://127.0.0.1:3233';

/** The file of properties. `WSK_CONFIG_FILE` names another one. */
export function propertiesFile({ variables, home }: Pick<Io, 'variables' | 'home'>): string {
  return variables['WSK_CONFIG_FILE'] ?? join(home, '.wskprops');
}

/** Reads the properties: `NAME=value` lines, `#` begins a comment. A missing file has none. @throws CommandError */
export function readProperties(file: string): Properties {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return new Map();
    throw new CommandError(`cannot read the properties in ${file}: ${messageOf(error)}`);
  }
  const properties = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [name, value, ...more] = line.replace(/#.*/, '').trim().split('=');
    if (name !== undefined && value !== undefined && more.length === 0) properties.set(name, value);
  }
  return properties;
}

/** Writes the properties. Only the user may read the file, since it has a key. @throws CommandError */
export function writeProperties(file: string, properties: Properties): void {
  const lines = [...properties].map(([name, value]) => `${name}=${value}\n`);
  try {
    writeFileSync(file, lines.join(''), { mode: 0o600 });
    chmodSync(file, 0o600);
  } catch (error) {
    throw new CommandError(`cannot write the properties to ${file}: ${messageOf(error)}`);
  }
}

/** The options of the command line that choose a server. */
export interface ConnectionOptions {
  readonly apihost?: string | undefined;
  readonly auth?: string | undefined;
  readonly apiversion?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** A server and the key of a user. */
export interface Connection {
  /** Its URL without a path, such as `http://127.0.0.1:3233`. */
  readonly base: string;
  /** `uuid:key`; undefined: none is known. */
  readonly auth: string | undefined;
  readonly version: string;
  /** Whether to accept any certificate of the server. */
  readonly insecure: boolean;
  /** The files of a client's certificate and its key. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/**
 * The server and the key: from the options, else the environment (WHISK_APIHOST, WHISK_AUTH, WHISK_APIVERSION), else the
 * properties, else the local server with the key of `guest`.
 * @throws CommandError if the host is not valid.
 */
export function connectionOf(options: ConnectionOptions, io: Pick<Io, 'variables' | 'home'>): Connection {
  const properties = readProperties(propertiesFile(io));
  const chosen = (option: string | undefined, variable: string, property: Property): string | undefined =>
    [option, io.variables[variable], properties.get(property)].find((value) => value !== undefined && value !== '');
  const base = baseUrl(chosen(options.apihost, 'WHISK_APIHOST', 'APIHOST') ?? LOCAL_SERVER);
  return {
    base,
    auth: chosen(options.auth, 'WHISK_AUTH', 'AUTH') ?? (isLoopbackHost(base) ? WELL_KNOWN_USERS.guest : undefined),
    version: chosen(options.apiversion, 'WHISK_APIVERSION', 'APIVERSION') ?? 'v1',
    insecure: options.insecure ?? false,
    cert: options.cert ?? properties.get('CERT'),
    key: options.key ?? properties.get('KEY'),
  };
}

/** The URL of a host without a scheme begins with `https`, as with `wsk`. @throws CommandError */
export function baseUrl(host: string): string {
  const text = /^https?:\/\//i.test(host) ? host : `https://${host}`;
  if (!URL.canParse(text)) {
    throw new CommandError(`the API host '${host}' is not valid: give a name or a URL such as ${LOCAL_SERVER}`);
  }
  return new URL(text).origin;
}
