import type { Command } from 'commander';
import { valueOf, type Json, type JsonObject, type KeyValue } from '../../../shared/entities/keyvalue.js';
import type { Api } from '../client/Api.js';
import { CommandError } from '../client/CommandError.js';
import { activationIdIn, annotationsIn, listedEntities } from '../client/entities.js';
import type { Io } from '../client/Io.js';
import { addPair, mergedPairs, pairsObject } from '../client/keyValues.js';
import { entityName, entityPath, fullName, listScope, localName, type EntityName } from '../client/names.js';
import { ok, printJson, printList, sorted } from '../client/output.js';
import type { ConnectionOptions } from '../client/properties.js';
import {
  annotationsOf,
  parametersOf,
  withAnnotations,
  withConnection,
  withParameters,
  withRange,
  withSession,
  type AnnotationOptions,
  type ParameterOptions,
  type RangeOptions,
} from '../client/session.js';
import { printEntity, refusal } from './action.js';

interface PutOptions extends ConnectionOptions, ParameterOptions, AnnotationOptions {
  readonly feed?: string | undefined;
  readonly feedParam?: KeyValue[] | undefined;
  readonly triggerParam?: KeyValue[] | undefined;
}

/** `trigger create|update|fire|get|delete|list`. */
export function addTrigger(program: Command, io: Io): void {
  const trigger = program.command('trigger').description('work with triggers');

  withConnection(
    withAnnotations(withParameters(trigger.command('create <name>').description('create a trigger')))
      .option('-f, --feed <action>', 'the action that fires the trigger; it gets the parameters')
      .option('-F, --feed-param <name value>', 'a parameter of the feed; may be repeated', addPair)
      .option('-T, --trigger-param <name value>', 'a parameter of the trigger; may be repeated', addPair),
  ).action((name: string, options: PutOptions) =>
    withSession(io, options, async ({ api }) => {
      const entity = entityName(name);
      const { feed } = options;
      const given = parametersOf(options) ?? [];
      const parameters = [...(feed === undefined ? given : []), ...(options.triggerParam ?? [])];
      const annotations = [
        ...(annotationsOf(options) ?? []),
        ...(feed === undefined ? [] : [{ key: 'feed', value: feed }]),
      ];
      const body = { parameters: parameters.map(asJson), annotations: annotations.map(asJson) };
      const failure = `Unable to create trigger '${localName(entity)}'`;
      await refusal(failure, api.call('PUT', `${entityPath(entity, 'triggers')}?overwrite=false`, { body }));
      if (feed !== undefined) {
        const feedParameters = mergedPairs(undefined, [...given, ...(options.feedParam ?? [])]);
        try {
          await callFeed(api, feed, 'CREATE', entity, feedParameters);
        } catch (error) {
          // A trigger without its feed would never fire.
          await api.call('DELETE', entityPath(entity, 'triggers'), { accepted: [404] });
          throw error;
        }
      }
      ok(io, `created trigger ${io.paint('bold', localName(entity))}`);
    }),
  );

  withConnection(
    withAnnotations(withParameters(trigger.command('update <name>').description('change a trigger, or create it')))
      .option('-F, --feed-param <name value>', 'a parameter of the feed; may be repeated', addPair)
      .option('-T, --trigger-param <name value>', 'a parameter of the trigger; may be repeated', addPair),
  ).action((name: string, options: PutOptions) =>
    withSession(io, options, async ({ api }) => {
      const entity = entityName(name);
      const given = parametersOf(options);
      const feed = await feedOf(api, entity);
      const own = [...(feed === undefined ? (given ?? []) : []), ...(options.triggerParam ?? [])];
      const annotations = annotationsOf(options);
      const body: JsonObject = {
        ...(own.length === 0 ? {} : { parameters: own.map(asJson) }),
        ...(annotations === undefined ? {} : { annotations: annotations.map(asJson) }),
      };
      const failure = `Unable to update trigger '${localName(entity)}'`;
      await refusal(failure, api.call('PUT', `${entityPath(entity, 'triggers')}?overwrite=true`, { body }));
      const feedParameters = mergedPairs(undefined, [...(given ?? []), ...(options.feedParam ?? [])]);
      if (feed !== undefined && feedParameters.length > 0) await callFeed(api, feed, 'UPDATE', entity, feedParameters);
      ok(io, `updated trigger ${io.paint('bold', localName(entity))}`);
    }),
  );

  withConnection(withParameters(trigger.command('fire <name>').description('fire a trigger'))).action(
    (name: string, options: ConnectionOptions & ParameterOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const body = pairsObject(parametersOf(options) ?? []);
        const failure = `Unable to fire trigger '${localName(entity)}'`;
        const answer = await refusal(failure, api.call('POST', entityPath(entity, 'triggers'), { body }));
        const id = activationIdIn(answer.body) ?? '';
        // Scripts read this line of wsk's, also without an id.
        ok(io, `triggered ${io.paint('bold', fullName(entity))} with id ${io.paint('bold', id)}`);
        if (id === '') {
          io.err(`nothing ran: the trigger has no active rule (rule create NAME ${localName(entity)} ACTION)\n`);
        }
      }),
  );

  withConnection(trigger.command('get <name> [field]').description('print a trigger, or one of its fields')).action(
    (name: string, field: string | undefined, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const failure = `Unable to get trigger '${localName(entity)}'`;
        const { body } = await refusal(failure, api.call('GET', entityPath(entity, 'triggers')));
        const feed = feedIn(body);
        if (feed === undefined) printEntity(io, 'trigger', localName(entity), body, field);
        else {
          const answer = await callFeed(api, feed, 'READ', entity, []);
          ok(io, `invoked ${io.paint('bold', fullName(entityName(feed)))} with id ${activationIdIn(answer) ?? ''}`);
          printJson(io, sorted(answer));
        }
      }),
  );

  withConnection(trigger.command('delete <name>').description('delete a trigger')).action(
    (name: string, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const failure = `Unable to delete trigger '${localName(entity)}'`;
        const { body } = await refusal(failure, api.call('GET', entityPath(entity, 'triggers')));
        const feed = feedIn(body);
        if (feed !== undefined) await callFeed(api, feed, 'DELETE', entity, []);
        await refusal(failure, api.call('DELETE', entityPath(entity, 'triggers')));
        ok(io, `deleted trigger ${io.paint('bold', localName(entity))}`);
      }),
  );

  withConnection(withRange(trigger.command('list [scope]').description('list the triggers of a namespace'))).action(
    (scope: string | undefined, options: ConnectionOptions & RangeOptions) =>
      withSession(io, options, async ({ api }) => {
        const { namespace } = listScope(scope);
        const path = `/namespaces/${encodeURIComponent(namespace)}/triggers?limit=${options.limit}&skip=${options.skip}`;
        const { body } = await refusal('Unable to obtain the list of triggers', api.call('GET', path));
        printList(io, 'triggers', entityRows(body, options.nameSort ?? false));
      }),
  );
}

/** The rows of a list of triggers or packages: name and visibility. */
export function entityRows(body: Json, byName: boolean): string[] {
  const entities = listedEntities(body);
  if (byName) entities.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entities.map(
    ({ namespace, name, publish }) => `${`/${namespace}/${name}`.padEnd(70)} ${publish ? 'shared' : 'private'}`,
  );
}

const asJson = ({ key, value }: KeyValue): JsonObject => ({ key, value });

/** The feed action of a trigger; undefined if it has none or does not exist. */
async function feedOf(api: Api, entity: EntityName): Promise<string | undefined> {
  const answer = await api.call('GET', entityPath(entity, 'triggers'), { accepted: [404] });
  return answer.status === 404 ? undefined : feedIn(answer.body);
}

function feedIn(body: Json): string | undefined {
  const feed = valueOf(annotationsIn(body), 'feed');
  return typeof feed === 'string' && feed !== '' ? feed : undefined;
}

/** Tells a feed action what happens to a trigger, and waits for it. @throws CommandError if it fails. */
export async function callFeed(
  api: Api,
  feed: string,
  event: 'CREATE' | 'READ' | 'UPDATE' | 'DELETE',
  trigger: EntityName,
  parameters: readonly KeyValue[],
): Promise<Json> {
  const { auth } = api.connection;
  const body: JsonObject = {
    ...pairsObject(parameters),
    lifecycleEvent: event,
    triggerName: fullName(trigger),
    ...(auth === undefined ? {} : { authKey: auth }),
  };
  const path = `${entityPath(entityName(feed), 'actions')}?blocking=true&result=false`;
  const answer = await refusal(
    `Unable to invoke the feed '${feed}'`,
    api.call('POST', path, { body, accepted: [502] }),
  );
  if (answer.status === 502) throw new CommandError(`the feed '${feed}' failed: ${reasonIn(resultIn(answer.body))}`);
  return answer.body;
}

/** The text of the innermost `error`, else JSON. */
function reasonIn(result: Json): string {
  if (typeof result === 'string') return result;
  const error = typeof result === 'object' && result !== null && !Array.isArray(result) ? result['error'] : undefined;
  return error === undefined ? JSON.stringify(result) : reasonIn(error);
}

/** The result in a record. It does not contain the request's key. */
function resultIn(record: Json): Json {
  const response = typeof record === 'object' && record !== null && !Array.isArray(record) ? record['response'] : null;
  if (typeof response !== 'object' || response === null || Array.isArray(response)) return null;
  return response['result'] ?? null;
}
