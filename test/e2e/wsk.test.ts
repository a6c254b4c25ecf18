import assert from 'node:assert/strict';
import * as z from 'zod';
import { eventually } from './eventually.js';
import { SYSTEM_KEY } from './keys.js';
import { clientSuite } from './servers.js';

/*
 * The requests that the `wsk` command line sends, with the queries, bodies and headers that it sends them with, and the
 * answers read as it reads them: into Go structures, which a field of another type breaks. (github: apache/openwhisk-cli,
 * apache/openwhisk-client-go.)
 */

const int = z.int();
const keyValues = z.array(z.object({ key: z.string(), value: z.unknown() })).nullish();
const limits = z
  .object({ timeout: int.nullish(), memory: int.nullish(), logs: int.nullish(), concurrency: int.nullish() })
  .nullish();
const entity = {
  namespace: z.string().nullish(),
  name: z.string().nullish(),
  version: z.string().nullish(),
  publish: z.boolean().nullish(),
  annotations: keyValues,
  updated: int.nullish(),
};
const Exec = z.object({
  kind: z.string().nullish(),
  code: z.string().nullish(),
  image: z.string().nullish(),
  init: z.string().nullish(),
  main: z.string().nullish(),
  components: z.array(z.string()).nullish(),
  binary: z.boolean().nullish(),
});
const Action = z.object({
  ...entity,
  exec: Exec.nullish(),
  parameters: keyValues,
  limits,
  error: z.string().nullish(),
  code: int.nullish(),
});
const Binding = z.object({ namespace: z.string().nullish(), name: z.string().nullish() });
const Package = z.object({
  ...entity,
  parameters: keyValues,
  binding: Binding.nullish(),
  actions: z.array(Action).nullish(),
  feeds: z.array(Action).nullish(),
});
const Trigger = z.object({
  ...entity,
  activationId: z.string().nullish(),
  parameters: keyValues,
  limits,
  rules: z.record(z.string(), z.unknown()).nullish(),
});
const Rule = z.object({ ...entity, status: z.string().nullish(), trigger: z.unknown(), action: z.unknown() });
const Activation = z.object({
  namespace: z.string(),
  name: z.string(),
  version: z.string(),
  subject: z.string().nullish(),
  activationId: z.string(),
  cause: z.string().nullish(),
  start: int,
  end: int.nullish(),
  duration: int.nullish(),
  statusCode: int.nullish(),
  response: z
    .object({
      status: z.string().nullish(),
      statusCode: int.nullish(),
      success: z.boolean().nullish(),
      result: z.record(z.string(), z.unknown()).nullish(),
    })
    .nullish(),
  logs: z.array(z.string()).nullish(),
  annotations: keyValues,
  publish: z.boolean().nullish(),
});
const Info = z.object({ build: z.string(), buildno: z.string(), version: z.string().nullish() });
const Failure = z.object({ error: z.string(), code: z.string() });
const Counted = z.object({ activations: int });
const Anything = z.unknown();

const NS = 'namespaces/_';
const PAGE = 'limit=30&skip=0';

clientSuite('wsk', function (server) {
  /** A request below `/api/v1`, and its answer as it is read. */
  async function send<T extends z.ZodType>(
    method: string,
    path: string,
    as: T,
    body?: unknown,
    options: { readonly status?: number; readonly key?: string } = {},
  ): Promise<z.infer<T>> {
    const answer = await fetch(`${server.base}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(options.key ?? server.user.key).toString('base64')}`,
        'user-agent': 'OpenWhisk-CLI/1.0 (2021-04-01T23:49:54.523+0000) linux amd64',
        'accept-encoding': 'gzip',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert.equal(answer.status, options.status ?? 200, `${method} ${path}: ${text}`);
    const isJson = answer.headers.get('content-type')?.includes('json') === true;
    return as.parse(isJson ? JSON.parse(text) : text);
  }

  it('property get, namespace list', async () => {
    const info = await send('GET', '', Info);
    assert.ok(info.build !== '' && info.buildno !== '');
    assert.deepEqual(await send('GET', 'namespaces', z.array(z.string())), [server.user.name]);
  });

  it('action create, get, get --url, update, list, invoke, delete', async () => {
    // It says twice what the action is called, and asks for no kind but the default.
    const created = await send('PUT', `${NS}/actions/hello?overwrite=false`, Action, {
      namespace: '_',
      name: 'hello',
      exec: { kind: 'nodejs:default', code: 'function main(p) { return { greeting: `Hello ${p.name}` } }' },
      annotations: [
        { key: 'web-export', value: true },
        { key: 'raw-http', value: false },
        { key: 'final', value: true },
        { key: 'require-whisk-auth', value: 7463829104756123 },
      ],
      parameters: [{ key: 'place', value: 'here' }],
      limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
    });
    assert.deepEqual([created.namespace, created.name, created.version], [server.user.name, 'hello', '0.0.1']);
    // A generated secret is a number as large as JavaScript can tell from its neighbours.
    const secret = created.annotations?.find(({ key }) => key === 'require-whisk-auth')?.value;
    assert.equal(secret, 7463829104756123);
    const url = `${server.base}/api/v1/web/${server.user.name}/default/hello.json?name=web`;
    assert.equal((await fetch(url)).status, 401);
    const answer = await fetch(url, { headers: { 'x-require-whisk-auth': '7463829104756123' } });
    assert.deepEqual(await answer.json(), { greeting: 'Hello web' });

    await send('PUT', `${NS}/actions/hello?overwrite=false`, Failure, { name: 'hello' }, { status: 409 });
    assert.equal((await send('GET', `${NS}/actions/hello?code=false`, Action)).exec?.code, undefined);
    assert.match((await send('GET', `${NS}/actions/hello?code=true`, Action)).exec?.code ?? '', /Hello/);
    const updated = await send('PUT', `${NS}/actions/hello?overwrite=true`, Action, {
      namespace: '_',
      name: 'hello',
      annotations: [{ key: 'final', value: false }],
      delAnnotations: ['require-whisk-auth'],
    });
    assert.equal(updated.version, '0.0.2');
    assert.equal(
      updated.annotations?.some(({ key }) => key === 'require-whisk-auth'),
      false,
    );
    const list = await send('GET', `${NS}/actions?${PAGE}`, z.array(Action));
    assert.deepEqual(
      list.map(({ name }) => name),
      ['hello'],
    );

    const result = await send('POST', `${NS}/actions/hello?blocking=true&result=true`, Anything, { name: 'wsk' });
    assert.deepEqual(result, { greeting: 'Hello wsk' });
    const activation = await send('POST', `${NS}/actions/hello?blocking=true&result=false`, Activation, {
      name: 'wsk',
    });
    assert.equal(activation.response?.status, 'success');
    const accepted = await send(
      'POST',
      `${NS}/actions/hello?blocking=false&result=false`,
      z.object({ activationId: z.string() }),
      {},
      { status: 202 },
    );
    assert.equal(accepted.activationId.length, 32);
    await send('DELETE', `${NS}/actions/hello`, Anything);
    await send('GET', `${NS}/actions/hello?code=false`, Failure, undefined, { status: 404 });
  });

  it('action invoke of one that fails: it prints the result of the record in the answer', async () => {
    await send('PUT', `${NS}/actions/fails?overwrite=true`, Action, {
      exec: { kind: 'nodejs:default', code: 'function main() { return { error: "no luck" } }' },
    });
    // No `code`: that would be a refusal of the API, which is printed in another way.
    const failed = await send(
      'POST',
      `${NS}/actions/fails?blocking=true&result=false`,
      Activation,
      {},
      { status: 502 },
    );
    assert.equal(Object.hasOwn(failed, 'code'), false);
    assert.deepEqual([failed.response?.success, failed.response?.result], [false, { error: 'no luck' }]);
    await send('DELETE', `${NS}/actions/fails`, Anything);
  });

  it('activation list, get, logs, result, poll', async () => {
    await send('PUT', `${NS}/actions/logs?overwrite=true`, Action, {
      exec: { kind: 'nodejs:default', code: 'function main() { console.log("line"); return { n: 1 } }' },
    });
    const since = Date.now();
    const { activationId } = await send('POST', `${NS}/actions/logs?blocking=true&result=false`, Activation, {});
    const record = await eventually(() => send('GET', `${NS}/activations/${activationId}`, Activation));
    assert.ok(record.start >= since && (record.end ?? 0) >= record.start);
    const logs = await send('GET', `${NS}/activations/${activationId}/logs`, z.object({ logs: z.array(z.string()) }));
    // `--strip` cuts a line at these places.
    assert.match(logs.logs[0] ?? '', /^\S{20,}Z\s+(stdout|stderr): line$/);
    const result = await send(
      'GET',
      `${NS}/activations/${activationId}/result`,
      z.object({ result: z.object({ n: z.literal(1) }), status: z.string(), success: z.boolean() }),
    );
    assert.equal(result.success, true);

    // The table: kind, start (cold or warm), wait and init are read from the annotations.
    const [row] = await send('GET', `${NS}/activations?${PAGE}&name=logs`, z.array(Activation));
    const annotation = (key: string): unknown => row?.annotations?.find((entry) => entry.key === key)?.value;
    assert.match(String(annotation('kind')), /^nodejs:/);
    assert.equal(annotation('path'), `${server.user.name}/logs`);
    assert.equal(typeof annotation('waitTime'), 'number');
    assert.equal(typeof annotation('initTime'), 'number');
    assert.equal(annotation('timeout'), false);
    assert.equal(row?.statusCode, 0);
    // Poll asks for whole records since the last one that it saw.
    const polled = await send('GET', `${NS}/activations?limit=0&skip=0&since=${since}&docs=true`, z.array(Activation));
    assert.ok(polled.some((one) => one.activationId === activationId && one.logs?.length === 1));
    assert.equal((await send('GET', `${NS}/activations?name=logs&skip=0&count=true`, Counted)).activations, 1);
    await send('DELETE', `${NS}/actions/logs`, Anything);
  });

  it('package create, update, bind, get --summary, list, delete', async () => {
    const parameters = [{ key: 'a', value: 1 }];
    await send('PUT', `${NS}/packages/tools?overwrite=false`, Package, { name: 'tools', publish: false, parameters });
    await send('PUT', `${NS}/packages/tools?overwrite=true`, Package, { name: 'tools', publish: true });
    await send('PUT', `${NS}/actions/tools/echo?overwrite=false`, Action, {
      namespace: '_',
      name: 'tools/echo',
      exec: { kind: 'nodejs:default', code: 'function main(p) { return p }' },
      annotations: [{ key: 'description', value: 'gives back' }],
    });
    await send('PUT', `${NS}/packages/bound?overwrite=false`, Package, {
      binding: { namespace: server.user.name, name: 'tools' },
      annotations: [],
      parameters: [{ key: 'b', value: 2 }],
    });
    const tools = await send('GET', `${NS}/packages/tools`, Package);
    assert.deepEqual(tools.parameters, parameters);
    assert.equal(tools.actions?.[0]?.annotations?.find(({ key }) => key === 'description')?.value, 'gives back');
    const bound = await send('GET', `${NS}/packages/bound`, Package);
    assert.deepEqual(
      bound.actions?.map(({ name }) => name),
      ['echo'],
    );
    const echoed = await send('POST', `${NS}/actions/bound/echo?blocking=true&result=true`, Anything, { c: 3 });
    assert.deepEqual(echoed, { a: 1, b: 2, c: 3 });
    const listed = await send('GET', `${NS}/packages?${PAGE}`, z.array(z.object({ ...entity, binding: Anything })));
    assert.deepEqual(new Set(listed.map(({ name }) => name)), new Set(['tools', 'bound']));
    const inPackage = await send('GET', `${NS}/actions/tools/?${PAGE}`, z.array(Action));
    assert.deepEqual(
      inPackage.map(({ namespace }) => namespace),
      [`${server.user.name}/tools`],
    );
    await send('DELETE', `${NS}/packages/bound`, Anything);
    await send('DELETE', `${NS}/actions/tools/echo`, Anything);
    await send('DELETE', `${NS}/packages/tools`, Anything);
  });

  it('trigger create --feed, get, fire, list, delete; rule create, disable, enable, status, list, delete', async () => {
    await send('PUT', `${NS}/actions/feed?overwrite=true`, Action, {
      exec: { kind: 'nodejs:default', code: 'function main(p) { return p }' },
    });
    const trigger = await send('PUT', `${NS}/triggers/event?overwrite=false`, Trigger, {
      name: 'event',
      annotations: [{ key: 'feed', value: '/_/feed' }],
    });
    assert.equal(trigger.annotations?.find(({ key }) => key === 'feed')?.value, '/_/feed');
    for (const lifecycleEvent of ['CREATE', 'READ', 'UPDATE', 'DELETE']) {
      const payload = { lifecycleEvent, triggerName: '/_/event', authKey: server.user.key, more: 1 };
      const fed = await send('POST', `${NS}/actions/feed?blocking=true&result=false`, Activation, payload);
      assert.deepEqual(fed.response?.result, payload);
    }
    const rule = await send('PUT', `${NS}/rules/link?overwrite=false`, Rule, {
      name: 'link',
      status: '',
      trigger: '/_/event',
      action: '/_/feed',
    });
    assert.deepEqual(rule.trigger, { path: server.user.name, name: 'event' });
    const fired = await send('POST', `${NS}/triggers/event`, Trigger, { n: 1 }, { status: 202 });
    assert.equal(fired.activationId?.length, 32);
    await send('POST', `${NS}/rules/link`, Anything, { status: 'inactive' });
    assert.equal((await send('GET', `${NS}/rules/link`, Rule)).status, 'inactive');
    await send('POST', `${NS}/triggers/event`, Anything, {}, { status: 204 });
    await send('POST', `${NS}/rules/link`, Anything, { status: 'active' });
    const rules = await send('GET', `${NS}/rules?${PAGE}`, z.array(Rule));
    assert.deepEqual(
      rules.map(({ name }) => name),
      ['link'],
    );
    assert.ok(
      Object.hasOwn((await send('GET', `${NS}/triggers/event`, Trigger)).rules ?? {}, `${server.user.name}/link`),
    );
    assert.equal((await send('GET', `${NS}/triggers?${PAGE}`, z.array(Trigger))).length, 1);
    await send('DELETE', `${NS}/rules/link`, Anything);
    await send('DELETE', `${NS}/triggers/event`, Anything);
    await send('DELETE', `${NS}/actions/feed`, Anything);
  });

  it('of refusals it prints the text and the transaction', async () => {
    const missing = await send('GET', `${NS}/actions/nosuch?code=false`, Failure, undefined, { status: 404 });
    assert.equal(missing.error, 'The requested resource does not exist.');
    const denied = await send('GET', 'namespaces/whisk.system/rules?limit=30&skip=0', Failure, undefined, {
      status: 403,
    });
    assert.match(denied.error, /not authorized/);
    await send('GET', `${NS}/actions?${PAGE}`, Failure, undefined, { status: 401, key: 'wrong:key' });
  });

  it('api list, if an operator has installed the API gateway’s actions', async () => {
    const key = SYSTEM_KEY;
    await send('PUT', `${NS}/packages/apimgmt?overwrite=true`, Package, { publish: true }, { key });
    const code = 'function main(p) { return { body: { apis: [], asked: p } } }';
    const annotations = [{ key: 'web-export', value: true }];
    const exec = { kind: 'nodejs:default', code };
    await send('PUT', `${NS}/actions/apimgmt/getApi?overwrite=true`, Action, { exec, annotations }, { key });
    const query = 'accesstoken=DUMMY+TOKEN&basepath=%2Fapi&limit=30&skip=0&spaceguid=23bc46b1';
    const answer = await send(
      'GET',
      `web/whisk.system/apimgmt/getApi.http?${query}`,
      z.object({ asked: z.looseObject({}) }),
    );
    const { accesstoken, basepath, spaceguid } = answer.asked;
    assert.deepEqual([accesstoken, basepath, spaceguid], ['DUMMY TOKEN', '/api', '23bc46b1']);
    await send('DELETE', `${NS}/actions/apimgmt/getApi`, Anything, undefined, { key });
    await send('DELETE', `${NS}/packages/apimgmt`, Anything, undefined, { key });
  });
});
