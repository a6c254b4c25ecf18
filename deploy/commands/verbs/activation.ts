import type { Command } from 'commander';
import { valueOf } from '../../../shared/entities/keyvalue.js';
import type { Api } from '../client/Api.js';
import { CommandError, usageError } from '../client/CommandError.js';
import { activationOf, activationRows, type ActivationRow } from '../client/entities.js';
import { afterNewest, followActivations } from '../client/follow.js';
import type { Io } from '../client/Io.js';
import { entityName, listScope, localName } from '../client/names.js';
import { printJson, sorted } from '../client/output.js';
import type { ConnectionOptions } from '../client/properties.js';
import { whole, withConnection, withSession } from '../client/session.js';
import { printEntity, refusal } from './action.js';

/** The interval between two questions of `poll`, in ms. */
const POLL_MS = 1000;
/** The longest time that a timer of Node.js takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const STATUS = ['success', 'application error', 'developer error', 'internal error'] as const;

interface ListOptions extends ConnectionOptions {
  readonly limit: number;
  readonly skip: number;
  readonly full?: boolean | undefined;
  readonly since?: number | undefined;
  readonly upto?: number | undefined;
}

interface LastOptions extends ConnectionOptions {
  readonly last?: boolean | undefined;
  readonly summary?: boolean | undefined;
  readonly logs?: boolean | undefined;
  readonly strip?: boolean | undefined;
}

/** `activation list|get|logs|result|poll`. */
export function addActivation(program: Command, io: Io): void {
  const activation = program.command('activation').description('work with activations');

  withConnection(
    activation
      .command('list [scope]')
      .description('list activations, the newest first')
      .option('-l, --limit <number>', 'the most entries of the list', whole, 30)
      .option('-s, --skip <number>', 'the number of entries to leave out at the beginning', whole, 0)
      .option('-f, --full', 'print whole records')
      .option('--since <ms>', 'only activations that started at this time or later, in ms since 1970', whole)
      .option('--upto <ms>', 'only activations that started at this time or earlier, in ms since 1970', whole),
  ).action((scope: string | undefined, options: ListOptions) =>
    withSession(io, options, async ({ api }) => {
      const { namespace, name } = scopeOf(scope);
      const query = queryText({
        name,
        limit: options.limit,
        skip: options.skip,
        since: options.since,
        upto: options.upto,
        docs: options.full,
      });
      const path = `/namespaces/${encodeURIComponent(namespace)}/activations?${query}`;
      const { body } = await refusal('Unable to obtain the list of activations', api.call('GET', path));
      if (options.full) {
        io.out(`${io.paint('bold', 'activations')}\n`);
        for (const record of Array.isArray(body) ? body : []) printJson(io, record);
      } else for (const line of activationTable(activationRows(body))) io.out(`${line}\n`);
    }),
  );

  const one = (verb: string, description: string, field = ''): Command =>
    withConnection(
      activation
        .command(`${verb} [id]${field}`)
        .description(description)
        .option('-l, --last', 'the newest activation, without an id'),
    );

  one('get', 'print the record of an activation, or one of its fields', ' [field]')
    .option('-s, --summary', 'print the result and when it ended')
    .option('-g, --logs', 'print only the log, without times')
    .action((id: string | undefined, field: string | undefined, options: LastOptions) =>
      withSession(io, options, async ({ api }) => {
        // With --last the first word is the field.
        const wanted = options.last ? (id ?? field) : field;
        const found = await activationId(api, id, options);
        const { body } = await refusal(`Unable to get activation '${found}'`, api.call('GET', activationPath(found)));
        if (options.logs) printLogs(io, activationOf(body).logs, true);
        else if (options.summary) {
          const { namespace, name, response, end } = activationOf(body);
          io.out(
            `activation result for '/${namespace}/${name}' (${response.status} at ${new Date(end).toISOString()})\n`,
          );
          printJson(io, sorted(response.result ?? null));
        } else printEntity(io, 'activation', found, body, wanted);
      }),
    );

  one('logs', 'print the log of an activation')
    .option('-r, --strip', 'without times and the names of streams')
    .action((id: string | undefined, options: LastOptions) =>
      withSession(io, options, async ({ api }) => {
        const found = await activationId(api, id, options);
        const path = `${activationPath(found)}/logs`;
        const { body } = await refusal(`Unable to get logs for activation '${found}'`, api.call('GET', path));
        const logs = typeof body === 'object' && body !== null && !Array.isArray(body) ? body['logs'] : undefined;
        printLogs(io, Array.isArray(logs) ? logs.map(String) : [], options.strip ?? false);
      }),
    );

  one('result', 'print the result of an activation').action((id: string | undefined, options: LastOptions) =>
    withSession(io, options, async ({ api }) => {
      const found = await activationId(api, id, options);
      const path = `${activationPath(found)}/result`;
      const { body } = await refusal(`Unable to get result for activation '${found}'`, api.call('GET', path));
      const result = typeof body === 'object' && body !== null && !Array.isArray(body) ? body['result'] : body;
      printJson(io, sorted(result ?? null));
    }),
  );

  withConnection(
    activation
      .command('poll [name]')
      .description('print logs of activations as they end, until Ctrl-C')
      .option('-e, --exit <seconds>', 'end after this time', whole)
      .option('--since-seconds <number>', 'begin this many seconds ago', whole, 0)
      .option('--since-minutes <number>', 'begin this many minutes ago', whole, 0)
      .option('--since-hours <number>', 'begin this many hours ago', whole, 0)
      .option('--since-days <number>', 'begin this many days ago', whole, 0),
  ).action((name: string | undefined, options: PollOptions) =>
    withSession(io, options, ({ api }) => poll(io, api, name, options)),
  );
}

interface PollOptions extends ConnectionOptions {
  readonly exit?: number | undefined;
  readonly sinceSeconds: number;
  readonly sinceMinutes: number;
  readonly sinceHours: number;
  readonly sinceDays: number;
}

/** A path of the scope `/namespace`, `/namespace/action`, `package/action` or `action`. */
function scopeOf(scope: string | undefined): { readonly namespace: string; readonly name?: string } {
  if (scope?.startsWith('/') !== true)
    return scope === undefined ? { namespace: '_' } : { namespace: '_', name: scope };
  if (scope.split('/').length <= 2) return listScope(scope);
  const entity = entityName(scope);
  return { namespace: entity.namespace, name: localName(entity) };
}

function queryText(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  return query.toString();
}

const activationPath = (id: string): string => `/namespaces/_/activations/${encodeURIComponent(id)}`;

/** The id on the command line, or that of the newest activation. @throws CommandError */
async function activationId(api: Api, id: string | undefined, { last }: LastOptions): Promise<string> {
  if (!last) {
    if (id === undefined) throw usageError('an activation id is required, or --last');
    return id;
  }
  const { body } = await api.call('GET', '/namespaces/_/activations?limit=1&skip=0');
  const [newest] = activationRows(body);
  if (!newest) throw new CommandError('the list of activations is empty: invoke an action first');
  return newest.activationId;
}

/** The columns of `wsk activation list`; an empty list has only its name. */
function activationTable(rows: readonly ActivationRow[]): string[] {
  const cells = rows.map((row) => {
    const kind = valueOf(row.annotations, 'kind');
    return {
      row,
      kind: typeof kind === 'string' ? kind : 'unknown',
      status: STATUS[row.statusCode] ?? 'success',
    };
  });
  if (cells.length === 0) return ['activations'];
  const kindWidth = Math.max('Kind'.length, ...cells.map(({ kind }) => kind.length));
  const statusWidth = Math.max('success'.length, ...cells.map(({ status }) => status.length));
  const head = [
    'Datetime'.padEnd(19),
    'Activation ID'.padEnd(32),
    'Kind'.padEnd(kindWidth),
    `${'Start'.padEnd(6)}${'Duration'.padEnd(10)}`,
    'Status'.padEnd(statusWidth),
    'Entity',
  ];
  return [
    head.join(' '),
    ...cells.map(({ row, kind, status }) => {
      const started = valueOf(row.annotations, 'initTime') === undefined ? 'warm' : 'cold';
      const entity = [shortened(row.namespace, 20), `${shortened(row.name, 30)}:${shortened(row.version, 20)}`].join(
        '/',
      );
      return [
        localTime(new Date(row.start)),
        row.activationId.padEnd(32),
        kind.padEnd(kindWidth),
        started.padEnd(5),
        durationText(row.duration).padEnd(10),
        status.padEnd(statusWidth),
        entity,
      ].join(' ');
    }),
  ];
}

/** A text with `...` in its middle if it is longer than allowed. */
function shortened(text: string, length: number): string {
  if (text.length <= length) return text;
  const half = Math.floor(length / 2);
  return `${text.slice(0, half + (length % 2))}...${text.slice(text.length - half + 3)}`;
}

/** A duration as Go prints it: `3ms`, `1.204s`, `1m2.5s`. */
function durationText(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = (ms % 60_000) / 1000;
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`;
}

function localTime(at: Date): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  const date = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${date} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

const STAMP = /^\d{4}-\d\d-\d\dT[\d:.]+Z *(?:(?:stdout|stderr):)? ?(.*)$/s;

function printLogs(io: Io, logs: readonly string[], strip: boolean): void {
  for (const line of logs) io.out(`${strip ? (STAMP.exec(line)?.[1] ?? line) : line}\n`);
}

/** Prints the logs of activations as they are recorded. */
async function poll(io: Io, api: Api, name: string | undefined, options: PollOptions): Promise<void> {
  const { exit, sinceSeconds, sinceMinutes, sinceHours, sinceDays } = options;
  const ago = ((sinceDays * 24 + sinceHours) * 60 + sinceMinutes) * 60 + sinceSeconds;
  const since = ago > 0 ? Date.now() - ago * 1000 : await afterNewest(api);
  const { namespace, name: action } = scopeOf(name);
  io.out('Enter Ctrl-c to exit.\nPolling for activation logs\n');
  // Not an `AbortSignal.timeout`: inside `AbortSignal.any` the garbage collector takes it, and then the end never comes.
  const over = new AbortController();
  const end = exit === undefined ? undefined : setTimeout(() => over.abort(), Math.min(exit * 1000, MAX_TIMER_MS));
  try {
    await followActivations(api, {
      namespace,
      action,
      since,
      intervalMs: POLL_MS,
      stopping: AbortSignal.any([io.stopping, over.signal]),
      onActivation({ activationId, name, logs }) {
        io.out(`\nActivation: '${name}' (${activationId})\n`);
        printJson(io, logs);
      },
    });
  } finally {
    clearTimeout(end);
  }
}
