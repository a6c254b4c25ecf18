import { POLICY_NAMES } from '../../../shared/colors/ColorPolicy.js';
import { AdminError } from './AdminError.js';
import { TRACE_FORMATS, type TraceRun } from './traces.js';
import { isDatabase } from './databases.js';
import { isList, LIMIT_NAMES, parseLimit, type LimitName } from './limits.js';
import type { DatabaseName } from '../../../shared/store/views.js';
import { at } from '../../../shared/collections/at.js';
import { own } from '../../../shared/collections/own.js';

export const USAGE = `Usage: npm run --silent admin -- [--data DIR] COMMAND

Administers the users, limits and data of palette-whisk, or of Apache OpenWhisk on CouchDB.

  user create SUBJECT [-ns NAMESPACE] [-u UUID:KEY] [-r] [-g] [-s]
                           create a subject, or give a subject a key to another namespace; prints the key
                           (-u: use this key; -r: replace the old key; -g: only print a new key; -s: print nothing)
  user delete SUBJECT [-ns NAMESPACE]
                           delete a subject, or only its key to a namespace
  user get SUBJECT [-ns NAMESPACE] [-a]
                           print a subject's key; -a: all its namespaces and keys
  user list NAMESPACE [-p N] [-a] [-k]
                           print the keys to a namespace with their subjects (one, N or all; -k: only the keys)
  users list               print all subjects with their namespaces
  user rotate SUBJECT [-ns NAMESPACE] [--finish]
                           give a subject a second, new key to a namespace and print it; both keys are valid until
                           you repeat the command with --finish, which removes the old one
  user whois UUID:KEY      print the subject of a key
  user block SUBJECT...    refuse all requests of these subjects
  user unblock SUBJECT...  accept requests of these subjects again
  user grant SUBJECT NAMESPACE     give an existing subject a key to a namespace; prints the key
  user revoke SUBJECT NAMESPACE    remove a subject's key to a namespace
  limits set NAMESPACE [--force] --NAME VALUE...
                           set limits of a namespace (--force: even if no user has a key to it):
                           ${LIMIT_NAMES.slice(0, 4).join(', ')},
                           ${LIMIT_NAMES.slice(4, 9).join(', ')},
                           ${LIMIT_NAMES.slice(9, 13).join(', ')},
                           ${LIMIT_NAMES.slice(13, 17).join(', ')},
                           ${LIMIT_NAMES.slice(17).join(', ')}
  limits get NAMESPACE     print the limits of a namespace as wskadmin does: "name = value" lines
  limits delete NAMESPACE  delete the limits of a namespace
  data check               check an embedded store for damage; its server may run
  data backup FOLDER       copy a snapshot of an embedded store into a new folder; its server may run
  data restore FOLDER      replace an embedded store by a backup and keep the old data file; stop its server first
  data compact             release the free space of an embedded store; stop its server first
  activations prune --older-than AGE [-ns NAMESPACE]
                           delete activation records that are older than AGE (such as 30d, 12h), of all namespaces or
                           of one; you may stop this command and start it again
  trace record [-ns NAMESPACE]
                           print the activations as a trace for the policy lab, in JSON lines (docs/lab.md)
  trace run FILE [--policy NAME|FILE.js,...] [--workers N] [--slots N] [--cache BYTES] [--miss MS] [--patience MS]
            [--format jsonl|azure2021|azure2019 --durations FILE [--minutes FROM-TO]]
                           simulate the balancer with color policies on a trace, and print hits and latencies;
                           azure2019 has durations in a file of its own, and a day of 1,440 minutes
  trace run --generate INVOCATIONS [--colors N] [--rate PER_SECOND] [...]
                           the same on a generated trace, whose colors follow Zipf's law
  db get whisks|activations|subjects [-w DESIGN/VIEW] [--docs]
                           print a database, or one of its views, as JSON

The database is the embedded store in DIR (its server may run), or the CouchDB in the environment variables
CONFIG_whisk_couchdb_* (see docs/configuration.md), or else the embedded store in ./data. With --json, user get, user list,
users list, user whois and limits get print JSON. "--version" alone prints the version.
Exit code 1: the command failed; 2: the command line is invalid.
`;

export type AdminCommand =
  | { verb: 'help' }
  | {
      verb: 'user create';
      subject: string;
      namespace: string | undefined;
      auth: string | undefined;
      replace: boolean;
      generateOnly: boolean;
      silent: boolean;
    }
  | { verb: 'user delete'; subject: string; namespace: string | undefined }
  | { verb: 'user get'; subject: string; namespace: string | undefined; all: boolean; json: boolean }
  | { verb: 'user list'; namespace: string; limit: number | undefined; keysOnly: boolean; json: boolean }
  | { verb: 'users list'; json: boolean }
  | { verb: 'user whois'; auth: string; json: boolean }
  | { verb: 'user rotate'; subject: string; namespace: string | undefined; finish: boolean }
  | { verb: 'user block' | 'user unblock'; subjects: string[] }
  | { verb: 'user grant' | 'user revoke'; subject: string; namespace: string }
  | { verb: 'limits set'; namespace: string; limits: Partial<Record<LimitName, unknown>>; force: boolean }
  | { verb: 'limits get'; namespace: string; json: boolean }
  | { verb: 'limits delete'; namespace: string }
  | { verb: 'data check' | 'data compact' }
  | { verb: 'data backup' | 'data restore'; folder: string }
  | { verb: 'activations prune'; olderThanMs: number; namespace: string | undefined }
  | { verb: 'trace record'; namespace: string | undefined }
  | { verb: 'trace run'; run: TraceRun }
  | { verb: 'db get'; database: DatabaseName; view: string | undefined; docs: boolean };

export interface CommandLine {
  readonly command: AdminCommand;
  /** The folder of an embedded store. */
  readonly data: string | undefined;
}

/** The options by flag: their names, and whether they have a value. */
const OPTIONS: Readonly<Record<string, { name: string; value: boolean }>> = {
  '--data': { name: 'data', value: true },
  '-ns': { name: 'namespace', value: true },
  '-n': { name: 'namespace', value: true },
  '--namespace': { name: 'namespace', value: true },
  '-u': { name: 'auth', value: true },
  '--auth': { name: 'auth', value: true },
  '-r': { name: 'revoke', value: false },
  '--revoke': { name: 'revoke', value: false },
  '-g': { name: 'genonly', value: false },
  '--genonly': { name: 'genonly', value: false },
  '-s': { name: 'silent', value: false },
  '--silent': { name: 'silent', value: false },
  '-a': { name: 'all', value: false },
  '--all': { name: 'all', value: false },
  '-k': { name: 'key', value: false },
  '--key': { name: 'key', value: false },
  '-p': { name: 'pick', value: true },
  '--pick': { name: 'pick', value: true },
  '--finish': { name: 'finish', value: false },
  '--force': { name: 'force', value: false },
  '--json': { name: 'json', value: false },
  '--older-than': { name: 'olderThan', value: true },
  '--policy': { name: 'policy', value: true },
  '--workers': { name: 'workers', value: true },
  '--slots': { name: 'slots', value: true },
  '--cache': { name: 'cache', value: true },
  '--miss': { name: 'miss', value: true },
  '--patience': { name: 'patience', value: true },
  '--format': { name: 'format', value: true },
  '--durations': { name: 'durations', value: true },
  '--minutes': { name: 'minutes', value: true },
  '--generate': { name: 'generate', value: true },
  '--colors': { name: 'colors', value: true },
  '--rate': { name: 'rate', value: true },
  '-w': { name: 'view', value: true },
  '--view': { name: 'view', value: true },
  '--docs': { name: 'docs', value: false },
  '-h': { name: 'help', value: false },
  '--help': { name: 'help', value: false },
};

/** The options of each command in addition to `--data`. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  'user create': ['namespace', 'auth', 'revoke', 'genonly', 'silent'],
  'user delete': ['namespace'],
  'user get': ['namespace', 'all', 'json'],
  'user list': ['pick', 'all', 'key', 'json'],
  'users list': ['json'],
  'user whois': ['json'],
  'user rotate': ['namespace', 'finish'],
  'limits set': ['force'],
  'limits get': ['json'],
  'user grant': ['namespace'],
  'user revoke': ['namespace'],
  'activations prune': ['olderThan', 'namespace'],
  'trace record': ['namespace'],
  'trace run': [
    'policy',
    'workers',
    'slots',
    'cache',
    'miss',
    'patience',
    'format',
    'generate',
    'colors',
    'rate',
    'durations',
    'minutes',
  ],
  'db get': ['view', 'docs'],
};

/** @throws AdminError with a one-line message. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { words, options, limits } = split(args);
  const data = options.get('data');
  if (options.has('help') || words.length === 0) return { command: { verb: 'help' }, data };
  const verb = words.slice(0, 2).join(' ');
  for (const name of options.keys()) {
    if (name !== 'data' && !own(TAKES, verb)?.includes(name))
      throw new AdminError(`"${verb}" takes no option ${name}`, 2);
  }
  if (limits.size > 0 && verb !== 'limits set') throw new AdminError(`"${verb}" sets no limits`, 2);
  return { command: commandOf(verb, words.slice(2), options, limits), data };
}

function commandOf(
  verb: string,
  words: readonly string[],
  options: ReadonlyMap<string, string>,
  limits: ReadonlyMap<LimitName, readonly string[]>,
): AdminCommand {
  const namespace = options.get('namespace')?.trim();
  if (namespace === '') throw new AdminError('Namespace must not be empty', 2);
  const json = options.has('json');
  const one = (what: string): string => at(exactly(verb, words, [what]), 0);
  switch (verb) {
    case 'user create':
      return {
        verb,
        subject: one('SUBJECT'),
        namespace,
        auth: options.get('auth'),
        replace: options.has('revoke'),
        generateOnly: options.has('genonly'),
        silent: options.has('silent'),
      };
    case 'user delete':
      return { verb, subject: one('SUBJECT'), namespace };
    case 'user get':
      return { verb, subject: one('SUBJECT'), namespace, all: options.has('all'), json };
    case 'user list':
      return { verb, namespace: one('NAMESPACE'), limit: pickOf(options), keysOnly: options.has('key'), json };
    case 'users list':
      exactly(verb, words, []);
      return { verb, json };
    case 'user rotate':
      return { verb, subject: one('SUBJECT'), namespace, finish: options.has('finish') };
    case 'user whois':
      return { verb, auth: one('UUID:KEY'), json };
    case 'user block':
    case 'user unblock':
      if (words.length === 0) throw new AdminError(`"${verb}" needs one or more SUBJECT`, 2);
      // As in `wskadmin`, empty names are ignored.
      return { verb, subjects: words.filter((word) => word !== '') };
    case 'user grant':
    case 'user revoke': {
      const given = namespace === undefined ? words : [...words, namespace];
      const [subject = '', space = ''] = exactly(verb, given, ['SUBJECT', 'NAMESPACE']);
      return { verb, subject, namespace: space };
    }
    case 'limits set': {
      if (limits.size === 0) throw new AdminError('"limits set" needs one or more limits', 2);
      const values: Partial<Record<LimitName, unknown>> = {};
      for (const [name, texts] of limits) values[name] = parseLimit(name, texts);
      return { verb, namespace: one('NAMESPACE'), limits: values, force: options.has('force') };
    }
    case 'limits get':
      return { verb, namespace: one('NAMESPACE'), json };
    case 'limits delete':
      return { verb, namespace: one('NAMESPACE') };
    case 'data check':
    case 'data compact':
      exactly(verb, words, []);
      return { verb };
    case 'data backup':
    case 'data restore':
      return { verb, folder: one('FOLDER') };
    case 'activations prune':
      exactly(verb, words, []);
      return { verb, olderThanMs: ageOf(options), namespace };
    case 'trace record':
      exactly(verb, words, []);
      return { verb, namespace };
    case 'trace run':
      if (options.has('generate')) exactly(verb, words, []);
      return { verb, run: runOf(options.has('generate') ? undefined : one('FILE'), options) };
    case 'db get': {
      const database = one('DATABASE');
      if (!isDatabase(database)) throw new AdminError(`unknown database "${database}"`, 2);
      return { verb, database, view: options.get('view'), docs: options.has('docs') };
    }
    default:
      throw new AdminError(`unknown command "${verb}" (--help lists them)`, 2);
  }
}

/** Their columns take some 6 GB with those of the simulation. */
const MOST_GENERATED = 100_000_000;

/** @param file undefined: the trace is generated. */
function runOf(file: string | undefined, options: ReadonlyMap<string, string>): TraceRun {
  const number = (name: string, fallback: number, least: number): number => {
    const text = options.get(name) ?? String(fallback);
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= Number.MAX_SAFE_INTEGER)) {
      throw new AdminError(`--${name} takes a number of at least ${least}, not '${text}'`, 2);
    }
    return value;
  };
  const count = (name: string, fallback: number, most = 10_000): number => {
    const value = number(name, fallback, 1);
    if (!Number.isInteger(value) || value > most) {
      throw new AdminError(`--${name} takes a whole number of at most ${most.toLocaleString('en')}, not '${value}'`, 2);
    }
    return value;
  };
  for (const name of file === undefined ? ['format'] : ['colors', 'rate']) {
    if (options.has(name))
      throw new AdminError(`--${name} needs a trace that is ${file === undefined ? 'read' : 'generated'}`, 2);
  }
  const wanted = options.get('format') ?? 'jsonl';
  const format = TRACE_FORMATS.find((name) => name === wanted);
  if (format === undefined) throw new AdminError(`--format takes ${TRACE_FORMATS.join(' or ')}, not '${wanted}'`, 2);
  return {
    source: file ?? {
      invocations: count('generate', 1, MOST_GENERATED),
      colors: count('colors', 100_000, 10_000_000),
      rate: options.has('rate') ? number('rate', 1, 0.001) : undefined,
    },
    format,
    azure2019: azure2019Of(format, options),
    policies: options.get('policy')?.split(',') ?? POLICY_NAMES,
    workers: count('workers', 8),
    slots: count('slots', 8),
    cache: number('cache', 100, 0),
    missMs: number('miss', 20, 0),
    patienceMs: options.has('patience') ? number('patience', 0, 0) : undefined,
  };
}

/** @throws AdminError for options that do not fit to the format. */
function azure2019Of(format: string, options: ReadonlyMap<string, string>): TraceRun['azure2019'] {
  const durations = options.get('durations');
  const minutes = options.get('minutes');
  if (format !== 'azure2019') {
    if (durations === undefined && minutes === undefined) return undefined;
    throw new AdminError('--durations and --minutes need --format azure2019', 2);
  }
  if (durations === undefined) throw new AdminError('--format azure2019 needs --durations FILE', 2);
  const [, first = '', last = ''] = /^(\d{1,4})-(\d{1,4})$/.exec(minutes ?? '0-1440') ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === '' || from >= to || to > 1440) {
    throw new AdminError(`--minutes takes two numbers from 0 to 1440, such as 600-610, not '${minutes}'`, 2);
  }
  return { durations, from, to };
}

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function ageOf(options: ReadonlyMap<string, string>): number {
  const text = options.get('olderThan');
  if (text === undefined) throw new AdminError('"activations prune" needs --older-than AGE', 2);
  const [, amount, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs === undefined) throw new AdminError(`--older-than takes an age such as 30d, 12h or 90m, not '${text}'`, 2);
  return Number(amount) * unitMs;
}

function pickOf(options: ReadonlyMap<string, string>): number | undefined {
  if (options.has('all')) return undefined;
  const text = options.get('pick') ?? '1';
  if (!/^[1-9]\d*$/.test(text)) throw new AdminError('pick at least 1 identity to show', 2);
  return Number(text);
}

function exactly(verb: string, words: readonly string[], wanted: readonly string[]): readonly string[] {
  if (words.length !== wanted.length || words.includes('')) {
    throw new AdminError(`"${verb}" ${wanted.length > 0 ? `needs ${wanted.join(' ')}` : 'takes no other words'}`, 2);
  }
  return words;
}

/** Splits the arguments into words, options and limits. */
function split(args: readonly string[]) {
  const words: string[] = [];
  const options = new Map<string, string>();
  const limits = new Map<LimitName, string[]>();
  for (let i = 0; i < args.length; i++) {
    const arg = at(args, i);
    const [flag = '', inline] = arg.startsWith('--') ? cut(arg) : [arg];
    const value = (): string => {
      const text = inline ?? args[++i];
      if (text === undefined) throw new AdminError(`${flag} needs a value`, 2);
      return text;
    };
    const option = own(OPTIONS, flag);
    const limit = LIMIT_NAMES.find((name) => flag === `--${name}`);
    if (option) options.set(option.name, option.value ? value() : '');
    else if (limit) {
      limits.set(limit, [value()]);
      // A list ends at the next option.
      while (isList(limit) && args[i + 1]?.startsWith('-') === false) limits.get(limit)?.push(at(args, ++i));
    } else if (arg.startsWith('-') && arg !== '-')
      throw new AdminError(`unknown option ${flag} (--help lists them)`, 2);
    else words.push(arg.trim());
  }
  return { words, options, limits };
}

function cut(arg: string): [string, string | undefined] {
  const equals = arg.indexOf('=');
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}
