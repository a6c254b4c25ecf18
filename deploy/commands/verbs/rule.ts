import type { Command } from 'commander';
import * as z from 'zod';
import type { Json } from '../../../shared/entities/keyvalue.js';
import { listedEntities } from '../client/entities.js';
import type { Io } from '../client/Io.js';
import { entityName, entityPath, fullName, listScope, localName } from '../client/names.js';
import { ok, printList } from '../client/output.js';
import type { ConnectionOptions } from '../client/properties.js';
import { withConnection, withRange, withSession, type RangeOptions } from '../client/session.js';
import { printEntity, refusal } from './action.js';

/** `rule create|update|get|delete|enable|disable|status|list`. */
export function addRule(program: Command, io: Io): void {
  const rule = program.command('rule').description('work with rules, which connect triggers to actions');

  for (const verb of ['create', 'update'] as const) {
    const description = verb === 'create' ? 'create a rule' : 'change a rule, or create it';
    withConnection(rule.command(`${verb} <name> <trigger> <action>`).description(description)).action(
      (name: string, trigger: string, action: string, options: ConnectionOptions) =>
        withSession(io, options, async ({ api }) => {
          const entity = entityName(name);
          const body = { trigger: fullName(entityName(trigger)), action: fullName(entityName(action)) };
          const path = `${entityPath(entity, 'rules')}?overwrite=${verb === 'update'}`;
          await refusal(`Unable to ${verb} rule '${entity.name}'`, api.call('PUT', path, { body }));
          ok(io, `${verb}d rule ${io.paint('bold', localName(entity))}`);
        }),
    );
  }

  for (const [verb, status] of [
    ['enable', 'active'],
    ['disable', 'inactive'],
  ] as const) {
    withConnection(rule.command(`${verb} <name>`).description(`${verb} a rule`)).action(
      (name: string, options: ConnectionOptions) =>
        withSession(io, options, async ({ api }) => {
          const entity = entityName(name);
          const path = entityPath(entity, 'rules');
          await refusal(`Unable to ${verb} rule '${entity.name}'`, api.call('POST', path, { body: { status } }));
          ok(io, `${verb}d rule ${io.paint('bold', localName(entity))}`);
        }),
    );
  }

  withConnection(rule.command('status <name>').description('print whether a rule is active')).action(
    (name: string, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const { body } = await refusal(
          `Unable to get status of rule '${entity.name}'`,
          api.call('GET', entityPath(entity, 'rules')),
        );
        ok(io, `rule ${io.paint('bold', localName(entity))} is ${io.paint('bold', statusIn(body))}`);
      }),
  );

  withConnection(rule.command('get <name> [field]').description('print a rule, or one of its fields')).action(
    (name: string, field: string | undefined, options: ConnectionOptions) =>
      withSession(io, options, async ({ api }) => {
        const entity = entityName(name);
        const { body } = await refusal(
          `Unable to get rule '${entity.name}'`,
          api.call('GET', entityPath(entity, 'rules')),
        );
        printEntity(io, 'rule', localName(entity), body, field);
      }),
  );

  withConnection(
    rule.command('delete <name>').description('delete a rule').option('--disable', 'disable it first'),
  ).action((name: string, options: ConnectionOptions & { readonly disable?: boolean }) =>
    withSession(io, options, async ({ api }) => {
      const entity = entityName(name);
      const path = entityPath(entity, 'rules');
      const failure = `Unable to delete rule '${entity.name}'`;
      if (options.disable) await refusal(failure, api.call('POST', path, { body: { status: 'inactive' } }));
      await refusal(failure, api.call('DELETE', path));
      ok(io, `deleted rule ${io.paint('bold', localName(entity))}`);
    }),
  );

  withConnection(withRange(rule.command('list [scope]').description('list the rules of a namespace'))).action(
    (scope: string | undefined, options: ConnectionOptions & RangeOptions) =>
      withSession(io, options, async ({ api }) => {
        const { namespace } = listScope(scope);
        const collection = `/namespaces/${encodeURIComponent(namespace)}/rules`;
        const path = `${collection}?limit=${options.limit}&skip=${options.skip}`;
        const { body } = await refusal('Unable to obtain the list of rules', api.call('GET', path));
        const rules = listedEntities(body);
        if (options.nameSort) rules.sort((a, b) => (a.name < b.name ? -1 : 1));
        const rows: string[] = [];
        for (const { namespace, name } of rules) {
          // A list has no status.
          const status = statusIn((await api.call('GET', `${collection}/${encodeURIComponent(name)}`)).body);
          rows.push(`${`/${namespace}/${name}`.padEnd(70)} ${'private'.padEnd(20)} ${status}`);
        }
        printList(io, 'rules', rows);
      }),
  );
}

const statusIn = (body: Json): string => z.object({ status: z.string() }).safeParse(body).data?.status ?? 'unknown';
