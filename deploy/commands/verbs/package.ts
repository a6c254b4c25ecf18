import type { Command } from 'commander';
import type { JsonObject, KeyValue } from '../../../shared/entities/keyvalue.js';
import { usageError } from '../client/CommandError.js';
import type { Io } from '../client/Io.js';
import { entityName, entityPath, listScope, localName } from '../client/names.js';
import { ok, printList } from '../client/output.js';
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
import { entityRows } from './trigger.js';

interface PutOptions extends ConnectionOptions, ParameterOptions, AnnotationOptions {
  readonly shared?: string | undefined;
  readonly overwrite?: boolean | undefined;
}

/** `package create|update|bind|get|delete|list`. */
export function addPackage(program: Command, io: Io): void {
  const command = program.command('package').description('work with packages');

  for (const verb of ['create', 'update'] as const) {
    const description = verb === 'create' ? 'create a package' : 'change a package, or create it';
    withConnection(
      withAnnotations(withParameters(command.command(`${verb} <name>`).description(description))).option(
        '--shared <yes|no>',
        'whether all users may use it',
      ),
    ).action((name: string, options: PutOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const path = `${entityPath(entity, 'packages')}?overwrite=${verb === 'update'}`;
        const body = packageBody(options);
        await refusal(`Unable to ${verb} package '${entity.name}'`, api.call('PUT', path, { body }));
        ok(io, `${verb}d package ${io.paint('bold', localName(entity))}`);
      }),
    );
  }

  withConnection(
    withAnnotations(
      withParameters(command.command('bind <package> <name>').description('make a package available under a new name')),
    ).option('-o, --overwrite', 'replace an existing binding'),
  ).action((source: string, name: string, options: PutOptions) =>
    withSession(io, options, async ({ api }) => {
      const from = entityName(source);
      const entity = entityName(name);
      const body = { ...packageBody(options), binding: { namespace: from.namespace, name: from.name } };
      const path = `${entityPath(entity, 'packages')}?overwrite=${options.overwrite ?? false}`;
      await refusal(`Binding creation failed`, api.call('PUT', path, { body }));
      ok(io, `created binding ${io.paint('bold', entity.name)}`);
    }),
  );

  withConnection(command.command('get <name> [field]').description('print a package, or one of its fields')).action(
    (name: string, field: string | undefined, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const { body } = await refusal(
          `Unable to get package '${entity.name}'`,
          api.call('GET', entityPath(entity, 'packages')),
        );
        printEntity(io, 'package', localName(entity), body, field);
      }),
  );

  withConnection(command.command('delete <name>').description('delete a package')).action(
    (name: string, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        await refusal(`Unable to delete package '${entity.name}'`, api.call('DELETE', entityPath(entity, 'packages')));
        ok(io, `deleted package ${io.paint('bold', localName(entity))}`);
      }),
  );

  withConnection(withRange(command.command('list [scope]').description('list the packages of a namespace'))).action(
    (scope: string | undefined, options: ConnectionOptions & RangeOptions) =>
      withSession(io, options, async ({ api }) => {
        const { namespace } = listScope(scope);
        const path = `/namespaces/${encodeURIComponent(namespace)}/packages?limit=${options.limit}&skip=${options.skip}`;
        const { body } = await refusal('Unable to obtain the list of packages', api.call('GET', path));
        printList(io, 'packages', entityRows(body, options.nameSort ?? false));
      }),
  );
}

function packageBody(options: PutOptions): JsonObject {
  const parameters = parametersOf(options);
  const annotations = annotationsOf(options);
  return {
    ...(parameters === undefined ? {} : { parameters: parameters.map(asJson) }),
    ...(annotations === undefined ? {} : { annotations: annotations.map(asJson) }),
    ...(options.shared === undefined ? {} : { publish: isShared(options.shared) }),
  };
}

const asJson = ({ key, value }: KeyValue): JsonObject => ({ key, value });

function isShared(text: string): boolean {
  const lower = text.toLowerCase();
  if (lower !== 'yes' && lower !== 'no') throw usageError(`Cannot use value '${text}' for shared: it is yes or no.`);
  return lower === 'yes';
}
