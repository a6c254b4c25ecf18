import type { Command } from 'commander';
import { listedEntities, namespacesOf } from '../client/entities.js';
import type { Io } from '../client/Io.js';
import { printList } from '../client/output.js';
import type { ConnectionOptions } from '../client/properties.js';
import { withConnection, withSession } from '../client/session.js';
import { actionRows, refusal } from './action.js';
import { entityRows } from './trigger.js';

/** `namespace list|get`. */
export function addNamespace(program: Command, io: Io): void {
  const namespace = program.command('namespace').description('work with namespaces');

  withConnection(namespace.command('list').description("list the user's namespaces")).action(
    (options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const failure = 'Unable to obtain the list of available namespaces';
        const { body } = await refusal(failure, api.call('GET', '/namespaces'));
        printList(io, 'namespaces', namespacesOf(body));
      }),
  );

  withConnection(
    namespace
      .command('get [namespace]')
      .description('list the packages, actions, triggers and rules of the namespace')
      .option('-n, --name-sort', 'sort the entries by their names'),
  ).action((given: string | undefined, options: ConnectionOptions & { readonly nameSort?: boolean }) =>
    withSession(io, options, async ({ api }) => {
      const name = (given ?? '_').replace(/^\//, '');
      const byName = options.nameSort ?? false;
      const list = async (collection: string) =>
        (
          await refusal(
            `Unable to obtain the list of ${collection} for namespace '${name}'`,
            api.call('GET', `/namespaces/${encodeURIComponent(name)}/${collection}?limit=0&skip=0`),
          )
        ).body;
      const [packages, actions, triggers, rules] = [
        await list('packages'),
        await list('actions'),
        await list('triggers'),
        await list('rules'),
      ];
      const [own = name] = name === '_' ? namespacesOf((await api.call('GET', '/namespaces')).body) : [name];
      io.out(`Entities in namespace: ${io.paint('bold', own)}\n`);
      printList(io, 'packages', entityRows(packages, byName));
      printList(io, 'actions', actionRows(actions, byName));
      printList(io, 'triggers', entityRows(triggers, byName));
      printList(
        io,
        'rules',
        listedEntities(rules).map(({ namespace, name }) => `${`/${namespace}/${name}`.padEnd(70)} private`),
      );
    }),
  );
}
