import { POLICY_NAMES } from '../../shared/colors/ColorPolicy.js';
import { isPolicyFile } from '../../shared/config/loadPolicy.js';
import { parseArgs } from 'node:util';
import type { WellKnownKeysFrom } from '../../shared/access/wellKnownKeys.js';
import type { RetentionLimits } from '../../shared/store/embedded/Retention.js';
import type { Durability } from '../../shared/store/embedded/commits.js';
import type { LogLevel } from '../../shared/logging/Logger.js';

/** What the standalone server can be told on its command line. */
export interface StandaloneOptions {
  readonly host: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly durability: Durability;
  readonly keepActivations: RetentionLimits;
  /** Which container driver; undefined: Docker where an engine answers, else sandboxed processes, else plain ones. */
  readonly driver: 'docker' | 'sandbox' | 'process' | undefined;
  /** The user accepts that plain processes isolate nothing, and wants them on an address that others reach. */
  readonly acceptsNoIsolation: boolean;
  readonly invokers: number;
  /** Memory for containers of each invoker, in MB. */
  readonly userMemoryMB: number;
  readonly usersFile: string | undefined;
  readonly manifestFile: string | undefined;
  /** Undefined: what the environment says. */
  readonly wellKnownKeys: WellKnownKeysFrom | undefined;
  /** Undefined: what the environment says. */
  /** A policy's name, or a JavaScript file with one. */
  readonly colorPolicy: string | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly catalog: boolean;
}

export const USAGE = `Usage: npm start -- [options]

Starts controller, invoker, store and bus of palette-whisk in one process.

  --port PORT           where the API listens (default 3233; 0 takes a free one)
  --host HOST           the address it binds (default 127.0.0.1; 0.0.0.0 for every one)
  --data DIR            where entities, users and activations are kept (default ./data)
  --durability LEVEL    what survives of that and of accepted work: disk (default), whatever happens; process, a kill of
                        the server, but not a power failure (answers come sooner where the disk is slow)
  --keep-activations N  how long records of activations are kept: an age (7d, 12h), a size of the store (2GB), both (7d,2GB:
                        whichever comes first; the default), or all
  --docker | --sandbox | --process
                        run actions in Docker containers, in processes that bubblewrap isolates, or in plain processes
                        that isolate nothing (default: the first of these that works here)
  --i-know-processes-isolate-nothing
                        let plain processes run on a --host that others reach: whoever has a key can read and write
                        all that this user may
  --invokers N          how many invokers (default 1)
  --memory MB           memory for action containers of each invoker (default 2048)
  --users FILE          more users: a JSON object of "name": "uuid:key", or an array of subject documents; each is made
                        once: later npm run admin changes them
  --well-known-keys WHERE  accept the keys of guest and whisk.system that everybody knows from loopback (default: this
                        machine only) or anywhere
  --runtimes FILE       a runtimes manifest in OpenWhisk's runtimes.json format
  --color-policy NAME   consistent-hashing (default), bounded-load, bucket-hashing, least-assigned, random, round-robin,
                        or a file with a policy of your own, such as ./mine.js (docs/policies.md)
  --no-catalog          do not install the packages of whisk.system
  --log-level LEVEL     debug, info (default), warn or error
  --log-format FORMAT   text (default) or json
  --help                this text

Limits and other settings are environment variables: see docs/configuration.md.
`;

/** Something on the command line cannot be used; the message says what, in one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads the command line.
 * @returns `'help'` where help was asked for.
 * @throws UsageError
 */
export function parseOptions(args: readonly string[]): StandaloneOptions | 'help' {
  const values = parse(args);
  if (values.help) return 'help';
  const drivers = (['docker', 'sandbox', 'process'] as const).filter((name) => values[name]);
  if (drivers.length > 1) throw new UsageError(`--${drivers.join(' and --')} exclude each other`);
  return {
    host: values.host,
    port: integer('port', values.port, 0, 65_535),
    dataFolder: values.data,
    keepActivations: retention(values['keep-activations']),
    durability: oneOf('durability', values.durability, ['disk', 'process']),
    driver: drivers[0],
    acceptsNoIsolation: values['i-know-processes-isolate-nothing'],
    invokers: integer('invokers', values.invokers, 1, 64),
    userMemoryMB: integer('memory', values.memory, 128, 1_048_576),
    usersFile: values.users,
    manifestFile: values.runtimes,
    wellKnownKeys: placeOption(values['well-known-keys']),
    colorPolicy: policyOption(values['color-policy']),
    logLevel: oneOf('log-level', values['log-level'], ['debug', 'info', 'warn', 'error']),
    logFormat: oneOf('log-format', values['log-format'], ['text', 'json']),
    catalog: !values['no-catalog'],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        host: { type: 'string', default: '127.0.0.1' },
        port: { type: 'string', short: 'p', default: '3233' },
        data: { type: 'string', default: 'data' },
        'keep-activations': { type: 'string', default: '7d,2GB' },
        durability: { type: 'string', default: 'disk' },
        docker: { type: 'boolean', default: false },
        sandbox: { type: 'boolean', default: false },
        process: { type: 'boolean', default: false },
        'i-know-processes-isolate-nothing': { type: 'boolean', default: false },
        invokers: { type: 'string', default: '1' },
        memory: { type: 'string', default: '2048' },
        users: { type: 'string' },
        runtimes: { type: 'string' },
        'well-known-keys': { type: 'string' },
        'color-policy': { type: 'string' },
        'no-catalog': { type: 'boolean', default: false },
        'log-level': { type: 'string', default: 'info' },
        'log-format': { type: 'string', default: 'text' },
      },
    }).values;
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error);
    throw new UsageError(`${reason} (--help lists the options)`);
  }
}

function placeOption(text: string | undefined): WellKnownKeysFrom | undefined {
  return text === undefined ? undefined : oneOf('well-known-keys', text, ['loopback', 'anywhere']);
}

const AGES_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Readonly<Record<string, number>> = { MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };

function retention(text: string): RetentionLimits {
  if (text === 'all') return {};
  const limits: { maxAgeMs?: number; maxBytes?: number } = {};
  for (const part of text.split(',')) {
    const [, amount = '', unit = ''] = /^([1-9]\d{0,5})([a-zA-Z]{1,2})$/.exec(part.trim()) ?? [];
    const age = AGES_MS[unit];
    const size = SIZES[unit];
    if (age !== undefined && limits.maxAgeMs === undefined) limits.maxAgeMs = Number(amount) * age;
    else if (size !== undefined && limits.maxBytes === undefined) limits.maxBytes = Number(amount) * size;
    else
      throw new UsageError(
        `--keep-activations takes an age (7d, 12h, 30m), a size (500MB, 10GB), both, or all, not '${text}'`,
      );
  }
  return limits;
}

function policyOption(text: string | undefined): string | undefined {
  return text === undefined || isPolicyFile(text) ? text : oneOf('color-policy', text, POLICY_NAMES);
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not '${text}'`);
  return value;
}

function oneOf<const T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new UsageError(`--${name} is one of ${choices.join(', ')}, not '${text}'`);
  return found;
}
