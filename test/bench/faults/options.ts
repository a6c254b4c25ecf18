import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench:faults -- [options]

Breaks each part of the platform while invocations arrive, and looks for activations that were lost, run twice or answered
late.

  --rounds N        the number of rounds of each trial (default: 3)
  --brokers 1|3     the number of brokers of the cluster (default: 1); leaders are elected only with 3
  --couchdb FOLDER  an installed CouchDB, which the trials start, kill and freeze
  --couchdb URL     a running CouchDB, with its administrator: http://name:password@host:port. It gets databases of
                    the bench's own, which are removed at the end. Trials that kill or freeze CouchDB are left out.
                    Without --couchdb, the tests' stand-in for CouchDB is used.
  --only NAME       the name of a trial, or a part of the names of several trials; may be repeated
  --results FILE    append each round to FILE, as a line of JSON. Rounds that FILE has already count: an interrupted bench
                    is continued by the same command
  --seed N          the seed of the random moments; round n takes N + n
  --list            print the names of the trials
  --help            print this text

Exits with 1 if a trial finds a fault or cannot be tried, and with 2 if an option is invalid.`;

/** The CouchDB of the cluster: the tests' stand-in, an installed CouchDB in a folder, or a running CouchDB. */
export type CouchChoice =
  | { readonly kind: 'stand-in' }
  | { readonly kind: 'installed'; readonly home: string }
  /** `http` or `https`, with credentials. */
  | { readonly kind: 'running'; readonly url: string };

export interface FaultOptions {
  readonly rounds: number;
  readonly brokers: 1 | 3;
  readonly couch: CouchChoice;
  /** Parts of names; a trial is wanted whose name has one of them. */
  readonly only: readonly string[];
  /** The file of the results, which may exist. */
  readonly results: string | undefined;
  readonly seed: number;
  readonly list: boolean;
  readonly help: boolean;
}

/** An option is wrong; the message says which, and what it takes. It never shows a password. */
export class OptionError extends Error {
  override name = 'OptionError';
}

/** @throws OptionError */
export function readOptions(args: readonly string[]): FaultOptions {
  const values = parsed(args);
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new OptionError('--rounds takes a whole number from 1');
  const seed = Number(values.seed);
  if (!Number.isInteger(seed)) throw new OptionError('--seed takes a whole number');
  if (values.brokers !== '1' && values.brokers !== '3') throw new OptionError('--brokers takes 1 or 3');
  const { only, results, list, help } = values;
  return {
    rounds,
    seed,
    brokers: values.brokers === '1' ? 1 : 3,
    couch: couchOf(values.couchdb),
    only,
    results,
    list,
    help,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        rounds: { type: 'string', default: '3' },
        brokers: { type: 'string', default: '1' },
        couchdb: { type: 'string' },
        only: { type: 'string', multiple: true, default: [''] },
        results: { type: 'string' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}

function couchOf(value: string | undefined): CouchChoice {
  if (value === undefined) return { kind: 'stand-in' };
  if (value.includes('://')) return { kind: 'running', url: couchUrl(value) };
  if (['bin/couchdb', 'etc/default.ini'].every((file) => existsSync(join(value, file)))) {
    return { kind: 'installed', home: value };
  }
  throw new OptionError(
    `--couchdb takes the folder of an installed CouchDB, with bin/couchdb and etc/default.ini in it, ` +
      `or a URL http://name:password@host:port; '${value}' is neither`,
  );
}

function couchUrl(value: string): string {
  const wrong = (why: string): OptionError =>
    new OptionError(`--couchdb takes a URL http://name:password@host:port: ${why}`);
  if (!URL.canParse(value)) throw wrong('this one cannot be read');
  const url = new URL(value);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw wrong(`${url.protocol} is not http: or https:`);
  if (url.username === '' || url.password === '') throw wrong('the name and the password are missing');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') throw wrong('nothing may follow the port');
  return url.href;
}
