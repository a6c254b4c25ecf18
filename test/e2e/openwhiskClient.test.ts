import assert from 'node:assert/strict';
import openwhisk from 'openwhisk';
import { zipSync } from 'fflate';
import { eventually } from './eventually.js';
import { SYSTEM_KEY } from './keys.js';
import { clientSuite } from './servers.js';

/*
 * The official Node.js client, through every method that it has, against servers of our own.
 */

const HELLO = 'function main({ name }) { console.log("greeting"); return { greeting: `Hello ${name || "stranger"}` } }';
const ECHO = 'function main(args) { return args }';

/** The client's typings leave out parts of what it takes and gives. */
type Answer = Record<string, unknown>;
function ask(resource: object, method: string, options: unknown): Promise<Answer> {
  return (
    (resource as Record<string, (options: unknown) => Promise<Answer>>)[method]?.(options) ??
    Promise.reject(new Error(`no ${method}`))
  );
}

const refused = (statusCode: number) => (error: unknown) =>
  error instanceof Error &&
  error.name === 'OpenWhiskError' &&
  (error as { statusCode?: number }).statusCode === statusCode;

clientSuite('the openwhisk client', function (server) {
  let client: openwhisk.Client;
  let system: openwhisk.Client;

  before(() => {
    client = openwhisk({ apihost: server.base, api_key: server.user.key });
    system = openwhisk({ apihost: server.base, api_key: SYSTEM_KEY });
  });

  describe('namespaces', () => {
    it('lists them, and what is in one', async () => {
      assert.deepEqual(await client.namespaces.list(), [server.user.name]);
      await client.actions.create({ name: 'ns-a', action: HELLO });
      const content = (await client.namespaces.get('_')) as Required<openwhisk.Namespace>;
      assert.deepEqual(
        content.actions.map(({ name }) => name),
        ['ns-a'],
      );
      assert.deepEqual([content.packages, content.triggers, content.rules], [[], [], []]);
      await client.actions.delete('ns-a');
    });
  });

  describe('actions', () => {
    it('creates, reads, updates, lists and deletes', async () => {
      const created = await client.actions.create({
        name: 'hello',
        action: HELLO,
        kind: 'nodejs:default',
        params: { name: 'default' },
        annotations: { about: 'greetings' },
        limits: { timeout: 10_000, memory: 128 },
      });
      assert.equal(created.version, '0.0.1');
      assert.deepEqual(created.parameters, [{ key: 'name', value: 'default' }]);
      assert.equal(created.limits?.memory, 128);
      assert.equal(created.annotations?.find(({ key }) => key === 'about')?.value, 'greetings');

      const read = await client.actions.get('hello');
      assert.equal((read.exec as openwhisk.Exec).code, HELLO);
      const bare = await ask(client.actions, 'get', { name: 'hello', code: false });
      assert.equal(Object.hasOwn(bare['exec'] as object, 'code'), false);

      const updated = await client.actions.update({ name: 'hello', action: ECHO, params: { more: 1 } });
      assert.equal(updated.version, '0.0.2');
      const versioned = await client.actions.update({ name: 'hello', action: ECHO, version: '2.0.0' });
      assert.equal(versioned.version, '2.0.0');
      await assert.rejects(client.actions.create({ name: 'hello', action: HELLO }), refused(409));

      await client.actions.create({ name: 'another', action: HELLO });
      assert.deepEqual(
        (await client.actions.list({ limit: 1 })).map(({ name }) => name),
        ['another'],
      );
      assert.deepEqual(
        (await client.actions.list({ skip: 1 })).map(({ name }) => name),
        ['hello'],
      );
      assert.deepEqual(await client.actions.list({ count: true }), { actions: 2 } as never);
      const both = await client.actions.get(['hello', 'another']);
      assert.deepEqual(
        both.map(({ name }) => name),
        ['hello', 'another'],
      );
      const deleted = await client.actions.delete(['hello', 'another']);
      assert.equal(deleted.length, 2);
      await assert.rejects(client.actions.get('hello'), refused(404));
    });

    it('invokes: waiting for the record, for the result, and not at all', async () => {
      await client.actions.create({ name: 'hello', action: HELLO });
      const activation = await client.actions.invoke({ name: 'hello', blocking: true, params: { name: 'Ada' } });
      assert.deepEqual(activation.response?.result, { greeting: 'Hello Ada' });
      assert.equal(activation.response.success, true);
      const result = await client.actions.invoke({ name: 'hello', blocking: true, result: true });
      assert.deepEqual(result, { greeting: 'Hello stranger' });
      const { activationId } = await client.actions.invoke('hello');
      assert.match(activationId, /^[0-9a-f]{32}$/);
      const several = await client.actions.invoke([
        'hello',
        { name: `/${server.user.name}/hello` },
        { name: '/_/hello' },
      ]);
      assert.equal(new Set(several.map((one) => one.activationId)).size, 3);
      await client.actions.delete('hello');
    });

    it('hands on errors of actions', async () => {
      await client.actions.create({ name: 'fails', action: 'function main() { return { error: "no luck" } }' });
      await assert.rejects(client.actions.invoke({ name: 'fails', blocking: true }), (error: unknown) => {
        assert.ok(refused(502)(error));
        const { error: body } = error as { error: openwhisk.Activation<{ error: string }> };
        assert.deepEqual(body.response?.result, { error: 'no luck' });
        return true;
      });
      await client.actions.create({ name: 'throws', action: 'function main() { throw new Error("boom") }' });
      await assert.rejects(client.actions.invoke({ name: 'throws', blocking: true, result: true }), refused(502));
      await client.actions.delete(['fails', 'throws']);
    });

    it('takes a zip, and an action as the API has it', async () => {
      const zip = zipSync({
        'package.json': Buffer.from('{"main":"lib.js"}'),
        'lib.js': Buffer.from('exports.main = () => ({ from: require("./data.json") })'),
        'data.json': Buffer.from('{"deep":[1,2]}'),
      });
      await client.actions.create({ name: 'zipped', action: Buffer.from(zip), kind: 'nodejs:default' });
      const result = await client.actions.invoke({ name: 'zipped', blocking: true, result: true });
      assert.deepEqual(result, { from: { deep: [1, 2] } });
      assert.equal(((await client.actions.get('zipped')).exec as openwhisk.Exec).binary, true);
      const exec = { kind: 'nodejs:default', code: 'exports.other = () => ({ ran: "other" })', main: 'other' };
      await client.actions.update({ name: 'zipped', action: { exec } });
      assert.deepEqual(await client.actions.invoke({ name: 'zipped', blocking: true, result: true }), { ran: 'other' });
      await client.actions.delete('zipped');
    });

    it('makes and runs sequences', async () => {
      const inc = 'function main({ n }) { return { n: n + 1 } }';
      await client.actions.create({ name: 'inc', action: inc });
      await ask(client.actions, 'create', { name: 'seq', sequence: ['/_/inc', `/${server.user.name}/inc`, '/_/inc'] });
      const read = await client.actions.get('seq');
      assert.deepEqual((read.exec as openwhisk.Sequence).components, Array(3).fill(`/${server.user.name}/inc`));
      const activation = await client.actions.invoke({ name: 'seq', blocking: true, params: { n: 1 } });
      assert.deepEqual(activation.response?.result, { n: 4 });
      assert.equal(activation.logs.length, 3);
      await client.actions.delete(['seq', 'inc']);
    });
  });

  describe('activations', () => {
    it('reads records, results and logs, and lists by name, time and number', async () => {
      await client.actions.create({ name: 'logs', action: HELLO });
      const since = Date.now();
      const { activationId } = await client.actions.invoke({ name: 'logs', blocking: true, params: { name: 'x' } });
      const record = await eventually(() => client.activations.get(activationId));
      assert.equal(record.name, 'logs');
      assert.equal(record.activationId, activationId);
      assert.ok(record.start >= since && record.end >= record.start);
      const { result, success } = await client.activations.result({ name: activationId });
      assert.deepEqual([result, success], [{ greeting: 'Hello x' }, true]);
      const { logs } = await client.activations.logs({ name: activationId });
      assert.match(String(logs[0]), /^\d{4}-\d\d-\d\dT[\d:.]+Z\s+stdout: greeting$/);

      const listed = async (options: object): Promise<string[]> =>
        (await client.activations.list(options)).map((entry) => entry.activationId);
      assert.deepEqual(await listed({ name: 'logs' }), [activationId]);
      assert.deepEqual(await listed({ name: 'logs', since }), [activationId]);
      assert.deepEqual(await listed({ name: 'logs', upto: since - 1 }), []);
      assert.deepEqual(await listed({ name: 'logs', skip: 1 }), []);
      const [whole] = (await client.activations.list({
        name: 'logs',
        docs: true,
        limit: 1,
      })) as openwhisk.Activation<{}>[];
      assert.deepEqual(whole?.logs, logs);
      const counted = await client.activations.list({ name: 'logs', count: true });
      assert.deepEqual(counted, { activations: 1 } as never);
      await assert.rejects(client.activations.get('0123456789abcdef0123456789abcdef'), refused(404));
      await client.actions.delete('logs');
    });
  });

  describe('packages', () => {
    it('creates, reads, updates, binds, lists and deletes', async () => {
      const created = await client.packages.create({
        name: 'tools',
        package: { publish: true, parameters: [{ key: 'p', value: 'package' }] },
      });
      assert.equal(created.publish, true);
      await client.actions.create({ name: 'tools/echo', action: ECHO, params: { a: 'action' } });
      const read = await client.packages.get('tools');
      assert.deepEqual(
        read.actions?.map(({ name }) => name),
        ['echo'],
      );
      await client.packages.update({ name: 'tools', package: { annotations: [{ key: 'k', value: 'v' }] } });
      const binding = { namespace: server.user.name, name: 'tools' };
      await client.packages.create({
        name: 'bound',
        package: { binding, parameters: [{ key: 'b', value: 'binding' }] },
      });
      const result = await client.actions.invoke({
        name: 'bound/echo',
        blocking: true,
        result: true,
        params: { c: 1 },
      });
      assert.deepEqual(result, { p: 'package', b: 'binding', a: 'action', c: 1 });
      const names = (await client.packages.list()).map(({ name }) => name);
      assert.deepEqual(new Set(names), new Set(['bound', 'tools']));
      const [summary] = await client.packages.list({ limit: 1 });
      assert.deepEqual(summary?.binding, binding);
      await assert.rejects(client.packages.delete('tools'), refused(409));
      await client.packages.delete('bound');
      await client.actions.delete('tools/echo');
      await client.packages.delete('tools');
    });
  });

  describe('triggers and rules', () => {
    it('fires a trigger, whose rules run actions while they are on', async () => {
      await client.actions.create({ name: 'target', action: ECHO });
      const trigger = await client.triggers.create({
        name: 'event',
        trigger: { parameters: [{ key: 't', value: 'trigger' }] },
      });
      assert.equal(trigger.name, 'event');
      const rule = await client.rules.create({ name: 'link', action: 'target', trigger: 'event' });
      assert.equal(rule.status, 'active');
      assert.deepEqual(rule.action, { path: server.user.name, name: 'target' });

      const { activationId } = await client.triggers.invoke({ name: 'event', params: { n: 1 } });
      const run = await eventually(async () => {
        const [entry] = (await client.activations.list({
          name: 'target',
          docs: true,
        })) as openwhisk.Activation<Answer>[];
        assert.ok(entry);
        return entry;
      });
      const { __ow_headers: headers, ...given } = run.response?.result ?? {};
      assert.deepEqual(given, { t: 'trigger', n: 1 });
      assert.equal((headers as Record<string, string>)['user-agent'], 'openwhisk-client-js');
      assert.equal(Object.hasOwn(headers as object, 'authorization'), false);
      const { logs } = await eventually(() => client.activations.logs({ name: activationId }));
      assert.deepEqual(
        logs.map((line) => (JSON.parse(String(line)) as { rule: string }).rule),
        [`${server.user.name}/link`],
      );

      await client.rules.disable({ name: 'link' });
      assert.equal((await client.rules.get('link')).status, 'inactive');
      // No active rules: 204, and no body.
      const answer: unknown = await client.triggers.invoke('event');
      assert.equal((answer as Buffer).length, 0);
      await client.rules.enable({ name: 'link' });
      assert.equal((await client.rules.get('link')).status, 'active');

      await client.triggers.update({ name: 'event', trigger: { annotations: [{ key: 'k', value: 1 }] } });
      const read = await client.triggers.get('event');
      assert.equal(read.version, '0.0.2');
      assert.equal(read.rules?.[`${server.user.name}/link`]?.status, 'active');
      await client.rules.update({ name: 'link', action: '/_/target', trigger: '/_/event' });
      assert.deepEqual([(await client.triggers.list()).length, (await client.rules.list()).length], [1, 1]);
      assert.deepEqual(await client.rules.list({ count: true }), { rules: 1 } as never);
      assert.deepEqual(await client.triggers.list({ count: true }), { triggers: 1 } as never);
      await client.rules.delete('link');
      await client.triggers.delete('event');
      await client.actions.delete('target');
      await assert.rejects(client.triggers.get('event'), refused(404));
    });
  });

  describe('feeds', () => {
    it('tells the feed action of every step in the life of a trigger', async () => {
      await client.actions.create({ name: 'feed', action: ECHO, annotations: { feed: true } });
      await client.triggers.create({ name: 'fed' });
      for (const [method, lifecycleEvent] of Object.entries({
        create: 'CREATE',
        get: 'READ',
        update: 'UPDATE',
        delete: 'DELETE',
      })) {
        const activation = await ask(client.feeds, method, { name: 'feed', trigger: 'fed', params: { cron: '*' } });
        assert.deepEqual((activation['response'] as openwhisk.Response<object>).result, {
          authKey: server.user.key,
          cron: '*',
          lifecycleEvent,
          triggerName: '/_/fed',
        });
      }
      await client.triggers.delete('fed');
      await client.actions.delete('feed');
    });
  });

  describe('routes', () => {
    it('calls the web actions that an API gateway installs', async () => {
      await system.packages.create({ name: 'apimgmt', package: { publish: true } });
      const show =
        'function main(a) { return { body: { m: a.__ow_method, user: a.__ow_user, q: a.basepath, doc: a.apidoc } } }';
      const annotations = { 'web-export': true, 'require-whisk-auth': true };
      for (const name of ['getApi', 'createApi', 'deleteApi']) {
        await system.actions.create({ name: `apimgmt/${name}`, action: show, annotations });
      }
      const listed = await ask(client.routes, 'list', { basepath: '/v1' });
      assert.deepEqual(listed, { m: 'get', user: server.user.name, q: '/v1' });
      assert.deepEqual(await ask(client.routes, 'get', { name: '/v2' }), {
        m: 'get',
        user: server.user.name,
        q: '/v2',
      });
      assert.deepEqual(await ask(client.routes, 'delete', { basepath: '/v3' }), {
        m: 'delete',
        user: server.user.name,
        q: '/v3',
      });
      const created = await ask(client.routes, 'create', { relpath: '/hello', operation: 'GET', action: 'hello' });
      assert.equal((created['doc'] as { gatewayPath?: string }).gatewayPath, '/hello');
      for (const name of ['getApi', 'createApi', 'deleteApi']) await system.actions.delete(`apimgmt/${name}`);
      await system.packages.delete('apimgmt');
    });
  });

  describe('errors', () => {
    it('say what was wrong', async () => {
      const stranger = openwhisk({ apihost: server.base, api_key: 'no:key' });
      await assert.rejects(stranger.actions.list(), refused(401));
      await assert.rejects(client.actions.list({ namespace: 'whisk.system' }), refused(403));
      await assert.rejects(client.actions.create({ name: 'bad', action: ECHO, kind: 'cobol:85' }), refused(400));
      await assert.rejects(
        client.actions.create({ name: 'bad', action: ECHO, limits: { memory: 1 } }),
        /memory size 1 MB below allowed threshold of 128 MB/,
      );
    });
  });
});
