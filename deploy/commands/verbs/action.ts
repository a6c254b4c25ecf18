import { existsSync, writeFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import * as z from 'zod';
import { own } from '../../../shared/collections/own.js';
import { valueOf, type Json, type JsonObject, type KeyValue } from '../../../shared/entities/keyvalue.js';
import { SKELETON_IMAGE } from '../../../shared/runtimes/image.js';
import { RefusedError, type Api } from '../client/Api.js';
import { CommandError, usageError } from '../client/CommandError.js';
import { annotationsIn, listedEntities } from '../client/entities.js';
import type { Io } from '../client/Io.js';
import { isLoopbackHost } from '../client/loopback.js';
import { entityName, entityPath, listScope, localName, type EntityName } from '../client/names.js';
import { fieldOf, ok, printJson, printList } from '../client/output.js';
import type { ConnectionOptions } from '../client/properties.js';
import {
  annotationsOf,
  parametersOf,
  whole,
  withAnnotations,
  withConnection,
  withParameters,
  withRange,
  withSession,
  type AnnotationOptions,
  type ParameterOptions,
  type RangeOptions,
} from '../client/session.js';
import { addInvoke } from './invoke.js';

interface PutOptions extends ConnectionOptions, ParameterOptions, AnnotationOptions {
  readonly kind?: string | undefined;
  readonly main?: string | undefined;
  readonly docker?: string | undefined;
  readonly native?: boolean | undefined;
  readonly copy?: boolean | undefined;
  readonly sequence?: boolean | undefined;
  readonly timeout?: number | undefined;
  readonly memory?: number | undefined;
  readonly logsize?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly web?: string | undefined;
  readonly webSecure?: string | undefined;
  readonly color?: string | undefined;
  readonly delAnnotation?: string[] | undefined;
}

/** `action create|update|invoke|get|delete|list`. */
export function addAction(program: Command, io: Io): void {
  const action = program.command('action').description('work with actions');

  const put = (verb: 'create' | 'update', description: string): void => {
    const command = action.command(`${verb} <name> [artifact]`).description(description);
    withConnection(withAnnotations(withParameters(command)).optionsGroup('Action:'))
      .optionsGroup('Action:')
      .option('--kind <kind>', 'the kind of the runtime, such as nodejs:22 (default: by the name of the file)')
      .option('--main <name>', 'the name of the function to call')
      .option('--docker <image>', 'run the action in this image')
      .option('--native', 'the artifact is an executable, or an archive that contains one')
      .option('--copy', 'the artifact is the name of an action to copy')
      .option('--sequence', 'the artifact is a list of actions with commas between them')
      .option('-t, --timeout <ms>', 'the longest time of an activation', whole)
      .option('-m, --memory <MB>', 'the memory of a container', whole)
      .option('-l, --logsize <MB>', 'the most logs of an activation', whole)
      .option('-c, --concurrency <number>', 'how many activations a container may run at once', whole)
      .option('--web <mode>', 'yes: a web action; raw: a web action that parses requests itself; no: no web action')
      .option('--web-secure <secret>', 'true, false, or the secret that callers of the web action must send')
      .option('--color <template>', "the color of invocations, such as '{postId}' (annotation color)")
      .option(
        '--del-annotation <name>',
        'remove an annotation; may be repeated',
        (name, list: string[] | undefined) => [...(list ?? []), name],
      )
      .action((name: string, artifact: string | undefined, options: PutOptions) =>
        withSession(io, options, async ({ api }) => {
          const entity = entityName(name);
          const existing = verb === 'update' ? await existingAction(api, entity) : undefined;
          const body = await actionBody(api, artifact, options, existing);
          if (verb === 'create' && body['exec'] === undefined) {
            throw usageError('an action name and a code artifact are required: action create NAME FILE');
          }
          const path = `${entityPath(entity, 'actions')}?overwrite=${verb === 'update'}`;
          await refusal(`Unable to ${verb} action '${localName(entity)}'`, api.call('PUT', path, { body }));
          ok(io, `${verb}d action ${io.paint('bold', localName(entity))}`);
        }),
      );
  };
  put('create', 'create an action');
  put('update', 'change an action, or create it');

  addInvoke(action, io);

  withConnection(action.command('get <name> [field]').description('print an action, or one of its fields'))
    .optionsGroup('Output:')
    .option('-r, --url', 'print its URL')
    .option('--save', "write its code to a file that has the action's name")
    .option('--save-as <file>', 'write its code to a file')
    .action((name: string, field: string | undefined, options: GetOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const saves = options.save === true || options.saveAs !== undefined;
        const path = `${entityPath(entity, 'actions')}?code=${saves}`;
        const { body } = await refusal(`Unable to get action '${localName(entity)}'`, api.call('GET', path));
        if (saves) {
          const file = saveCode(body, entity, options.saveAs);
          ok(io, `saved action code to ${io.paint('bold', file)}`);
        } else if (options.url) {
          ok(io, `got action ${io.paint('bold', entity.name)}`);
          io.out(`${await actionUrl(api, entity, body)}\n`);
        } else printEntity(io, 'action', localName(entity), body, field);
      }),
    );

  withConnection(action.command('delete <name>').description('delete an action')).action(
    (name: string, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        await refusal(
          `Unable to delete action '${localName(entity)}'`,
          api.call('DELETE', entityPath(entity, 'actions')),
        );
        ok(io, `deleted action ${io.paint('bold', localName(entity))}`);
      }),
  );

  withConnection(
    withRange(action.command('list [scope]').description('list the actions of a namespace or a package')),
  ).action((scope: string | undefined, options: ConnectionOptions & RangeOptions) =>
    withSession(io, options, async ({ api }) => {
      const { namespace, package: within } = listScope(scope);
      const inside = within === undefined ? '' : `${encodeURIComponent(within)}/`;
      const path = `/namespaces/${encodeURIComponent(namespace)}/actions/${inside}?limit=${options.limit}&skip=${options.skip}`;
      const { body } = await refusal('Unable to obtain the list of actions', api.call('GET', path));
      printList(io, 'actions', actionRows(body, options.nameSort ?? false));
    }),
  );
}

interface GetOptions extends ConnectionOptions {
  readonly url?: boolean | undefined;
  readonly save?: boolean | undefined;
  readonly saveAs?: string | undefined;
}

/** The rows of a list of actions: name, visibility, kind. */
export function actionRows(body: Json, byName: boolean): string[] {
  const actions = listedEntities(body);
  if (byName) actions.sort((a, b) => (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1));
  return actions.map(({ namespace, name, annotations }) => {
    const kind = valueOf(annotations, 'exec');
    return `${`/${namespace}/${name}`.padEnd(70)} private ${typeof kind === 'string' ? kind : ''}`;
  });
}

/** Prints an entity, or one of its fields, as `wsk` does. */
export function printEntity(io: Io, what: string, name: string, body: Json, field: string | undefined): void {
  if (field === undefined) {
    ok(io, `got ${what} ${io.paint('bold', name)}`);
    printJson(io, body);
    return;
  }
  const value = fieldOf(body, field);
  ok(io, `got ${what} ${io.paint('bold', name)}, displaying field ${io.paint('bold', field)}`);
  printJson(io, value);
}

/** Adds what was tried to the message of a refusal, and a remedy where there is one. */
export async function refusal<T>(tried: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const remedy = error.status === 409 && tried.includes('create') ? "; 'update' changes an existing one" : '';
    throw new RefusedError(error.status, `${tried}: ${error.message}${remedy}`);
  }
}

/** The existing action without its code; undefined if it does not exist. */
async function existingAction(api: Api, entity: EntityName): Promise<Json | undefined> {
  const answer = await api.call('GET', `${entityPath(entity, 'actions')}?code=false`, { accepted: [404] });
  return answer.status === 404 ? undefined : answer.body;
}

const copySchema = z.object({ exec: z.record(z.string(), z.json()), parameters: z.array(z.json()).default([]) });

async function actionBody(
  api: Api,
  artifact: string | undefined,
  options: PutOptions,
  existing: Json | undefined,
): Promise<JsonObject> {
  const { timeout, memory, logsize, concurrency, native, docker, kind, main } = options;
  if (kind !== undefined && docker !== undefined) throw usageError('--kind and --docker exclude each other');
  const limits: JsonObject = {
    ...(timeout === undefined ? {} : { timeout }),
    ...(memory === undefined ? {} : { memory }),
    ...(logsize === undefined ? {} : { logs: logsize }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
  const body: JsonObject = {};
  let annotations = annotationsOf(options);
  let parameters = parametersOf(options);
  if (options.copy) {
    if (artifact === undefined) throw usageError('--copy needs the name of the action to copy');
    const source = await refusal(
      `Unable to copy '${artifact}'`,
      api.call('GET', entityPath(entityName(artifact), 'actions')),
    );
    const copied = copySchema.parse(source.body);
    body['exec'] = copied.exec;
    annotations = [...annotationsIn(source.body), ...(annotations ?? [])];
    parameters = [...keyValues(copied.parameters), ...(parameters ?? [])];
  } else if (options.sequence) {
    if (artifact === undefined)
      throw usageError('--sequence needs a list of actions such as first,/whisk.system/utils/echo');
    body['exec'] = { kind: 'sequence', components: sequenceComponents(artifact) };
  } else if (artifact !== undefined) {
    const { readExec } = await import('../client/artifact.js');
    body['exec'] = await readExec(artifact, { kind, main, image: native ? SKELETON_IMAGE : docker });
  } else if (docker !== undefined) body['exec'] = { kind: 'blackbox', image: docker };
  if (Object.keys(limits).length > 0) body['limits'] = limits;
  if (parameters !== undefined) body['parameters'] = parameters.map(asJson);
  const all = withMarks(annotations, options, existing === undefined ? [] : annotationsIn(existing));
  if (all !== undefined) body['annotations'] = all.map(asJson);
  if (options.delAnnotation !== undefined) body['delAnnotations'] = options.delAnnotation;
  return body;
}

const asJson = ({ key, value }: KeyValue): JsonObject => ({ key, value });
const keyValues = (list: readonly Json[]): KeyValue[] =>
  list.map((entry) => z.object({ key: z.string(), value: z.json().default(null) }).parse(entry));

/** `a,/ns/b` as full names. */
export const sequenceComponents = (list: string): string[] =>
  list.split(',').map((name) => {
    const entity = entityName(name.trim());
    return `/${entity.namespace}/${localName(entity)}`;
  });

/** The annotations of `--web`, by its mode. */
const WEB_MODES: Readonly<Record<string, { readonly web: boolean; readonly raw: boolean }>> = {
  yes: { web: true, raw: false },
  true: { web: true, raw: false },
  raw: { web: true, raw: true },
  no: { web: false, raw: false },
  false: { web: false, raw: false },
};

/** The three annotations of a web action. @throws CommandError for an unknown mode. */
export function webAnnotations(mode: string): KeyValue[] {
  const found = own(WEB_MODES, mode.toLowerCase());
  if (!found) {
    throw usageError(
      `Invalid argument '${mode}' for --web flag. Valid input consist of 'yes', 'true', 'raw', 'false', or 'no'.`,
    );
  }
  return [
    { key: 'web-export', value: found.web },
    { key: 'raw-http', value: found.raw },
    { key: 'final', value: found.web },
  ];
}

/**
 * Adds the annotations of `--web`, `--web-secure` and `--color`. They would replace all annotations of an existing
 * action, so those are kept unless the command line names annotations.
 */
function withMarks(
  given: KeyValue[] | undefined,
  { web, webSecure, color }: PutOptions,
  existing: readonly KeyValue[],
): KeyValue[] | undefined {
  const marks: KeyValue[] = [
    ...(web === undefined ? [] : webAnnotations(web)),
    ...(webSecure === undefined ? [] : [{ key: 'require-whisk-auth', value: secretOf(webSecure) }]),
    ...(color === undefined ? [] : [{ key: 'color', value: color }]),
  ];
  if (marks.length === 0) return given;
  const named = new Map([...(given ?? existing), ...marks].map(({ key, value }) => [key, value]));
  if (webSecure !== undefined && named.get('web-export') !== true) {
    throw usageError('The --web-secure option is only valid when the --web option is enabled.');
  }
  return [...named].map(([key, value]) => ({ key, value }));
}

/** `true`: a random number that clients can send exactly. */
function secretOf(text: string): Json {
  if (text === 'true') return randomInt(1, 2 ** 47);
  return text === 'false' ? false : text;
}

const codeSchema = z.object({
  exec: z.object({ kind: z.string(), code: z.string().optional(), binary: z.boolean().default(false) }),
});

const EXTENSIONS: Readonly<Record<string, string>> = {
  nodejs: '.js',
  python: '.py',
  ruby: '.rb',
  rust: '.rs',
  java: '.jar',
};

/** Writes the code of an action to a new file. @returns its path. @throws CommandError */
function saveCode(body: Json, { name }: EntityName, wanted: string | undefined): string {
  const { exec } = codeSchema.parse(body);
  if (exec.code === undefined) {
    throw new CommandError(exec.kind === 'sequence' ? 'Cannot save action sequences' : 'Cannot save Docker images');
  }
  const family = exec.kind.split(':')[0] ?? '';
  const extension = exec.binary && family !== 'java' ? '.zip' : (own(EXTENSIONS, family) ?? `.${family}`);
  const file = resolve(wanted ?? `${name}${extension}`);
  if (existsSync(file)) throw new CommandError(`The file '${wanted ?? `${name}${extension}`}' already exists`);
  writeFileSync(file, exec.binary ? Buffer.from(exec.code, 'base64') : exec.code);
  return file;
}

/** The URL at which an action is invoked: that of the web action, or that of the API. */
async function actionUrl(api: Api, entity: EntityName, body: Json): Promise<string> {
  const { base, version } = api.connection;
  const isWeb = valueOf(annotationsIn(body), 'web-export') === true;
  const { namespace } = z.object({ namespace: z.string() }).parse(body);
  const owner = namespace.split('/')[0] ?? namespace;
  const root = isLoopbackHost(base) ? base : base.replace(/^http:/, 'https:');
  return isWeb
    ? `${root}/api/${version}/web/${owner}/${entity.package ?? 'default'}/${entity.name}`
    : `${root}/api/${version}/namespaces/${owner}/actions/${localName(entity)}`;
}
