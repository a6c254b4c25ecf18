import { isPolicyFile, isPolicyName, POLICY_NAMES } from '../../shared/colors/ColorPolicy.js';
import { parseArgs } from 'node:util';
import type { WellKnownKeysFrom } from '../../shared/access/wellKnownKeys.js';
import type { RetentionLimits } from '../../shared/store/embedded/Retention.js';
import type { Durability } from '../../shared/store/embedded/Commits.js';
import type { LogLevel } from '../../shared/logging/Logger.js';

/** The command line's options of the standalone server. */
export interface StandaloneOptions {
  readonly host: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly durability: Durability;
  readonly keepActivations: RetentionLimits;
  /**
   * The container driver; undefined: Docker if an engine answers, else sandboxed processes, else processes without
   * isolation.
   */
  readonly driver: 'docker' | 'oci' | 'sandbox' | 'process' | undefined;
  /** Whether the user accepts processes without isolation on an address that other machines reach. */
  readonly acceptsNoIsolation: boolean;
  /** The number of controllers: one runs in the main process, several run in processes of their own. */
  readonly controllers: number;
  readonly invokers: number;
  /** Whether each invoker runs in a thread of its own; otherwise all run in the main thread. */
  readonly threads: boolean;
  /** The memory for containers of each invoker, in MB. */
  readonly userMemoryMB: number;
  readonly usersFile: string | undefined;
  readonly manifestFile: string | undefined;
  /** Whether the idle times of actions decide how long containers stay; undefined: use the environment. */
  readonly predictsIdle: boolean | undefined;
  /** Undefined: use the environment. */
  readonly wellKnownKeys: WellKnownKeysFrom | undefined;
  /** Whether to print requests and activations; undefined: only in a terminal. */
  readonly logRequests: boolean | undefined;
  /** The name of a policy, or the path of a JavaScript file with a policy. */
  readonly colorPolicy: string | undefined;
  /** Undefined: use the environment, as for the format. */
  readonly logLevel: LogLevel | undefined;
  readonly logFormat: 'text' | 'json' | undefined;
  readonly catalog: boolean;
}

export const USAGE = `Usage: npm start -- [options]

Starts controller, invoker, store and bus of palette-whisk in one process.

  --port PORT           the port of the API (default 3233; 0: any free port)
  --host HOST           the address of the API (default 127.0.0.1; 0.0.0.0: all addresses)
  --data DIR            the folder of entities, users and activations (default ./data)
  --durability LEVEL    disk (default): data and accepted work survive a power failure (of blocking calls, the records of
                        the last 0.1 s may be lost); process: they survive a kill of the server, but not a power failure
                        (faster responses on a slow disk)
  --keep-activations N  the limit on activation records: an age (7d, 12h), a size of the store (2GB), both (default:
                        7d,2GB; the limit that is reached first applies), or all (no limit)
  --docker | --sandbox | --process
                        run actions in Docker containers, in processes that bubblewrap isolates, or in processes
                        without isolation (default: the first of these that is usable)
  --oci                 run actions in containers that crun or runc starts from Docker's images: cold starts take a third
                        of the time; needs root (docs/runtimes.md)
  --i-know-processes-isolate-nothing
                        allow processes without isolation on a --host that other machines reach: every user with a key
                        can read and write everything that this user may
  --invokers N          the number of invokers (default 1)
  --controllers N       the number of controllers (default 1); several run in processes of their own behind the one port,
                        and share the memory of each invoker; implies --threads
  --threads             run each invoker in a thread of its own, to use more than one core (docs/running.md)
  --memory MB           the memory for action containers of each invoker (default 2048)
  --predict             learn when each action is invoked, and keep or start its containers accordingly, instead of
                        removing them after ten idle minutes (docs/running.md)
  --users FILE          additional users: a JSON object of "name": "uuid:key", or an array of subject documents; each is
                        created once; npm run admin changes existing users
  --well-known-keys WHERE  accept the well-known keys of guest and whisk.system from loopback (default: this machine
                        only) or anywhere
  --runtimes FILE       a runtimes manifest in OpenWhisk's runtimes.json format
  --color-policy NAME   consistent-hashing (default), bounded-load, bucket-hashing, least-assigned, random, round-robin,
                        or a file with your own policy, such as ./mine.js (docs/policies.md)
  --no-catalog          do not install the packages of whisk.system
  --quiet               print no requests and no logs of actions
  --log-requests        print them also if the output is not a terminal
  --log-level LEVEL     debug, info (default), warn or error
  --log-format FORMAT   text (default) or json
  --version             print the version
  --help                print this text

Limits and other settings are environment variables: see docs/configuration.md.
`;

/** The command line is invalid. The message is one line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Parses the command line.
 * @returns `'help'` for `--help`, `'version'` for `--version`.
 * @throws UsageError
 */
export function parseOptions(args: readonly string[]): StandaloneOptions | 'help' | 'version' {
  const values = parse(args);
  if (values.help) return 'help';
  if (values.version) return 'version';
  if (values.quiet && values['log-requests']) throw new UsageError('--quiet and --log-requests exclude each other');
  const drivers = (['docker', 'oci', 'sandbox', 'process'] as const).filter((name) => values[name]);
  if (drivers.length > 1) throw new UsageError(`--${drivers.join(' and --')} exclude each other`);
  const controllers = integer('controllers', values.controllers, 1, 32);
  return {
    host: values.host,
    port: integer('port', values.port, 0, 65_535),
    dataFolder: values.data,
    keepActivations: retention(values['keep-activations']),
    durability: oneOf('durability', values.durability, ['disk', 'process']),
    driver: drivers[0],
    acceptsNoIsolation: values['i-know-processes-isolate-nothing'],
    invokers: integer('invokers', values.invokers, 1, 64),
    controllers,
    threads: values.threads || controllers > 1,
    userMemoryMB: integer('memory', values.memory, 128, 1_048_576),
    predictsIdle: values.predict ? true : undefined,
    usersFile: values.users,
    manifestFile: values.runtimes,
    wellKnownKeys: placeOption(values['well-known-keys']),
    colorPolicy: policyOption(values['color-policy']),
    logLevel: optionalOf('log-level', values['log-level'], ['debug', 'info', 'warn', 'error']),
    logFormat: optionalOf('log-format', values['log-format'], ['text', 'json']),
    logRequests: values.quiet ? false : values['log-requests'] ? true : undefined,
    catalog: !values['no-catalog'],
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', short: 'V', default: false },
        quiet: { type: 'boolean', short: 'q', default: false },
        'log-requests': { type: 'boolean', default: false },
        host: { type: 'string', default: '127.0.0.1' },
        port: { type: 'string', short: 'p', default: '3233' },
        data: { type: 'string', default: 'data' },
        'keep-activations': { type: 'string', default: '7d,2GB' },
        durability: { type: 'string', default: 'disk' },
        docker: { type: 'boolean', default: false },
        oci: { type: 'boolean', default: false },
        sandbox: { type: 'boolean', default: false },
        process: { type: 'boolean', default: false },
        'i-know-processes-isolate-nothing': { type: 'boolean', default: false },
        controllers: { type: 'string', default: '1' },
        invokers: { type: 'string', default: '1' },
        threads: { type: 'boolean', default: false },
        memory: { type: 'string', default: '2048' },
        predict: { type: 'boolean', default: false },
        users: { type: 'string' },
        runtimes: { type: 'string' },
        'well-known-keys': { type: 'string' },
        'color-policy': { type: 'string' },
        'no-catalog': { type: 'boolean', default: false },
        'log-level': { type: 'string' },
        'log-format': { type: 'string' },
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
  if (text === undefined || isPolicyFile(text) || isPolicyName(text)) return text;
  throw new UsageError(
    `--color-policy is one of ${POLICY_NAMES.join(', ')}, or a JavaScript file (.js, .mjs, .cjs), not '${text}'`,
  );
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max))
    throw new UsageError(`--${name} takes a whole number from ${min} to ${max}, not '${text}'`);
  return value;
}

function optionalOf<const T extends string>(name: string, text: string | undefined, choices: readonly T[]) {
  return text === undefined ? undefined : oneOf(name, text, choices);
}

function oneOf<const T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new UsageError(`--${name} is one of ${choices.join(', ')}, not '${text}'`);
  return found;
}
