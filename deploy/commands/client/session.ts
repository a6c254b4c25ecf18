import { InvalidArgumentError, type Command } from 'commander';
import type { KeyValue } from '../../../shared/entities/keyvalue.js';
import { Api } from './Api.js';
import type { Io } from './Io.js';
import { addPair, mergedPairs } from './keyValues.js';
import { connectionOf, type ConnectionOptions } from './properties.js';

/** What a verb gets. */
export interface Session {
  readonly io: Io;
  readonly api: Api;
}

/** Adds the options that choose a server, as `wsk` names them. */
export function withConnection(command: Command): Command {
  return command
    .optionsGroup('Server:')
    .option('--apihost <host>', 'the API host (default: the property, else http://127.0.0.1:3233)')
    .option('-u, --auth <key>', 'the key of the user')
    .option('--apiversion <version>', 'the version of the API')
    .option('-i, --insecure', 'accept any certificate of the server')
    .option('--cert <file>', "a client's certificate")
    .option('--key <file>', 'its private key');
}

/** Adds `-p NAME VALUE` and `-P FILE`. */
export function withParameters(command: Command): Command {
  return command
    .option('-p, --param <name value>', 'a parameter; may be repeated', addPair)
    .option('-P, --param-file <file>', 'a JSON file of parameters');
}

/** Adds `-a NAME VALUE` and `-A FILE`. */
export function withAnnotations(command: Command): Command {
  return command
    .option('-a, --annotation <name value>', 'an annotation; may be repeated', addPair)
    .option('-A, --annotation-file <file>', 'a JSON file of annotations');
}

/** Adds `--limit`, `--skip` and `--name-sort`. */
export function withRange(command: Command): Command {
  return command
    .option('-l, --limit <number>', 'the most entries of the list', whole, 30)
    .option('-s, --skip <number>', 'the number of entries to leave out at the beginning', whole, 0)
    .option('-n, --name-sort', 'sort the entries by their names');
}

export interface RangeOptions {
  readonly limit: number;
  readonly skip: number;
  readonly nameSort?: boolean | undefined;
}

export interface ParameterOptions {
  readonly param?: KeyValue[] | undefined;
  readonly paramFile?: string | undefined;
}

export interface AnnotationOptions {
  readonly annotation?: KeyValue[] | undefined;
  readonly annotationFile?: string | undefined;
}

/** The parameters of the command line; undefined if there are none. */
export const parametersOf = ({ param, paramFile }: ParameterOptions): KeyValue[] | undefined =>
  param === undefined && paramFile === undefined ? undefined : mergedPairs(paramFile, param);

/** The annotations of the command line; undefined if there are none. */
export const annotationsOf = ({ annotation, annotationFile }: AnnotationOptions): KeyValue[] | undefined =>
  annotation === undefined && annotationFile === undefined ? undefined : mergedPairs(annotationFile, annotation);

/** Parses a whole number, the value of an option. @throws InvalidArgumentError, which names the option */
export function whole(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It takes a whole number.');
  return Number(text);
}

/** Runs a verb with a connection to the server of its options, and closes the connection. */
export async function withSession(io: Io, options: ConnectionOptions, work: (session: Session) => Promise<void>) {
  const api = new Api(connectionOf(options, io));
  try {
    await work({ io, api });
  } finally {
    api.close();
  }
}
