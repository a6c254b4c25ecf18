import assert from 'node:assert/strict';
import { eventually } from './eventually.js';
import { SYSTEM_KEY } from './keys.js';
import { clientSuite } from './servers.js';

/*
 * What OpenWhisk's own system tests try with actions on a running installation (`system/basic`, `core/limits`), tried
 * on ours: the whole way from the API to a container and back.
 */

/** The fields of records and of actions that are looked at. */
interface Answered {
  readonly activationId: string;
  readonly namespace: string;
  readonly name: string;
  readonly duration: number;
  readonly logs: string[];
  readonly annotations: { key: string; value: unknown }[];
  readonly parameters: object[];
  readonly exec: object;
  readonly response: { status: string; success: boolean; size?: number; result: Record<string, unknown> };
}

type User = 'client' | 'system';

clientSuite('actions on a running server', function (server) {
  const keyOf = (user: User): string => (user === 'system' ? SYSTEM_KEY : server.user.key);

  async function send(method: string, path: string, body?: unknown, user: User = 'client') {
    const response = await fetch(`${server.base}/api/v1/namespaces/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(keyOf(user)).toString('base64')}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answered };
  }

  async function create(name: string, code: string, more: object = {}, user: User = 'client'): Promise<void> {
    const exec = { kind: 'nodejs:20', code };
    const path = `_/actions/${encodeURI(name)}?overwrite=true`;
    const { status, body } = await send('PUT', path, { exec, ...more }, user);
    assert.equal(status, 200, JSON.stringify(body));
  }

  const run = (name: string, params: object = {}, query = 'blocking=true') =>
    send('POST', `_/actions/${encodeURI(name)}?${query}`, params);
  const record = (id: string) =>
    eventually(async () => {
      const { status, body } = await send('GET', `_/activations/${id}`);
      assert.equal(status, 200);
      return body;
    });

  it('may be empty, and then fail', async () => {
    await create('empty', '');
    const { status, body } = await run('empty');
    assert.deepEqual([status, body.response.status], [502, 'action developer error']);
  });

  it('may have a space in their name, and differ by the case of a letter', async () => {
    await create('a space', 'const main = () => ({ of: "space" });');
    assert.deepEqual((await run('a space')).body.response.result, { of: 'space' });
    await create('Cased', 'const main = () => ({ of: "upper" });');
    await create('cased', 'const main = () => ({ of: "lower" });');
    assert.deepEqual((await run('Cased')).body.response.result, { of: 'upper' });
    assert.deepEqual((await run('cased')).body.response.result, { of: 'lower' });
  });

  it('may throw, and say so', async () => {
    await create('throws', 'function main() { throw "a failure"; }');
    const { status, body } = await run('throws');
    assert.equal(status, 502);
    assert.match(JSON.stringify(body.response.result), /a failure|error/);
    assert.equal(body.response.success, false);
  });

  it('can be copied with all that they have', async () => {
    const more = { parameters: [{ key: 'a', value: 'A' }], annotations: [{ key: 'about', value: 'copies' }] };
    await create('original', 'const main = ({ a, b }) => ({ a, b });', more);
    const { body: original } = await send('GET', '_/actions/original');
    const { exec, parameters, annotations } = original;
    const copy = { exec, parameters: [...parameters, { key: 'b', value: 'B' }], annotations };
    assert.equal((await send('PUT', '_/actions/copy?overwrite=true', copy)).status, 200);
    assert.deepEqual((await run('copy')).body.response.result, { a: 'A', b: 'B' });
  });

  it('run their new code as soon as they are made anew', async () => {
    await create('anew', 'const main = () => ({ is: 1 });');
    assert.deepEqual((await run('anew')).body.response.result, { is: 1 });
    await send('DELETE', '_/actions/anew');
    await create('anew', 'const main = () => ({ is: 2 });');
    assert.deepEqual((await run('anew')).body.response.result, { is: 2 });
    await create('anew', 'const main = () => ({ is: 3 });');
    assert.deepEqual((await run('anew')).body.response.result, { is: 3 });
  });

  it('keep annotations and parameters that an update does not mention', async () => {
    const annotations = [{ key: 'one', value: 1 }];
    await create('kept', 'const main = (a) => a;', { annotations, parameters: [{ key: 'p', value: 1 }] });
    await send('PUT', '_/actions/kept?overwrite=true', { annotations: [{ key: 'two', value: 2 }] });
    const { body } = await send('GET', '_/actions/kept');
    assert.deepEqual(body.annotations.map(({ key }) => key).toSorted(), ['exec', 'one', 'provide-api-key', 'two']);
    assert.deepEqual(body.parameters, [{ key: 'p', value: 1 }]);
  });

  it('may call the API themselves, and wait for one another', async () => {
    await create('inner', 'const main = ({ n }) => ({ n: n + 1 });');
    const code = `async function main({ n }) {
      const { __OW_API_HOST: host, __OW_API_KEY: key } = process.env;
      const response = await fetch(host + '/api/v1/namespaces/_/actions/inner?blocking=true&result=true', {
        method: 'POST', body: JSON.stringify({ n }),
        headers: { authorization: 'Basic ' + Buffer.from(key).toString('base64'), 'content-type': 'application/json' },
      });
      return response.json();
    }`;
    await create('outer', code, { annotations: [{ key: 'provide-api-key', value: true }] });
    assert.deepEqual((await run('outer', { n: 1 })).body.response.result, { n: 2 });
  });

  it('understand UTF-8 in code, parameters, logs and results', async () => {
    const text = '\u2603 \u00e9 \u{1f600} \u202e';
    await create(
      'unicode',
      `const main = ({ delimiter }) => { const s = delimiter + ' \u2603 ' + delimiter; console.log(s); return { s }; };`,
    );
    const { body } = await run('unicode', { delimiter: text });
    assert.equal(body.response.result['s'], `${text} \u2603 ${text}`);
    const stored = await eventually(async () => {
      const found = await record(body.activationId);
      assert.equal(found.logs.length, 1);
      return found;
    });
    assert.ok(stored.logs[0]?.endsWith(`stdout: ${text} \u2603 ${text}`), stored.logs[0]);
  });

  it('may have a lot of code', async () => {
    await create('large', `const main = () => ({ ok: true }); // ${'x'.repeat(5 * 1024 * 1024)}`);
    assert.deepEqual((await run('large')).body.response.result, { ok: true });
  });

  it('may give arrays', async () => {
    await create('array', 'const main = () => ["a", { b: 1 }];');
    assert.deepEqual((await run('array')).body, ['a', { b: 1 }]);
    const { body } = await run('array', {}, '');
    assert.deepEqual((await record(body.activationId)).response.result, ['a', { b: 1 }]);
  });

  it('are ended at their time limit, and not before', async () => {
    await create('timed', 'const main = ({ ms }) => new Promise((r) => setTimeout(() => r({ done: true }), ms));', {
      limits: { timeout: 3000 },
    });
    // The limit counts for the initialization, too: a busy machine may need several attempts.
    const runs = (ms: number) =>
      eventually(async () => assert.deepEqual((await run('timed', { ms })).body.response.result, { done: true }));
    await runs(300);
    const { status, body } = await run('timed', { ms: 20_000 });
    assert.equal(status, 502);
    assert.deepEqual(body.response.result, { error: 'The action exceeded its time limits of 3000 milliseconds.' });
    assert.ok(body.duration >= 3000);
    // Whoever comes next gets a container that works.
    await runs(10);
  });

  it('may not hang or exit while they are initialized', async () => {
    await create('hangs', 'while (true);', { limits: { timeout: 1000 } });
    assert.match(
      JSON.stringify((await run('hangs')).body.response.result),
      /exceeded its time limits of 1000 milliseconds during initialization/,
    );
    await create('exits', 'process.exit(1); function main() {}');
    assert.match(
      JSON.stringify((await run('exits')).body.response.result),
      /The action did not initialize (and exited|or run)/,
    );
  });

  it('may be sent nearly as much as a payload may be', async () => {
    await create('payload', 'const main = ({ s }) => ({ s });');
    const s = 'a'.repeat(1024 * 1024 - 30);
    const { status, body } = await run('payload', { s });
    assert.equal(status, 200);
    assert.equal((body.response.result['s'] as string).length, s.length);
  });

  it('may not give more than that: what is over is cut off, and told', async () => {
    await create('toomuch', "const main = () => ({ s: 'a'.repeat(1024 * 1024 + 1000) });");
    const expected =
      /^The action produced a response that exceeded the allowed length: \d+ > 1048576 bytes\. The truncated response was: \{"s":"a+$/;
    const { status, body } = await run('toomuch');
    assert.equal(status, 502);
    assert.equal(body.response.status, 'application error');
    assert.match(body.response.result['error'] as string, expected);
    const accepted = await run('toomuch', {}, '');
    assert.match((await record(accepted.body.activationId)).response.result['error'] as string, expected);
  });

  it('may log up to their limit, and no more', async () => {
    const code = "function main() { for (let i = 0; i < 20; i++) console.log('x'.repeat(100 * 1024)); return {}; }";
    await create('chatty', code, { limits: { logs: 1 } });
    const { body } = await run('chatty');
    const logs = await eventually(async () => {
      const found = await record(body.activationId);
      assert.ok(found.logs.length > 1);
      return found.logs;
    });
    const kept = logs.slice(0, -1).join('').length;
    assert.ok(kept <= 1.1 * 1024 * 1024, `${kept}`);
    assert.match(
      logs.at(-1) ?? '',
      /Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes\./,
    );
  });

  it('of a published package are run by others in their own namespace', async () => {
    await send('PUT', '_/packages/shared?overwrite=true', { publish: true }, 'system');
    const code = 'const main = () => ({ ns: process.env.__OW_NAMESPACE, name: process.env.__OW_ACTION_NAME });';
    await create('shared/whose', code, {}, 'system');
    const { status, body } = await send('POST', 'whisk.system/actions/shared/whose?blocking=true', {});
    assert.equal(status, 200);
    assert.deepEqual(body.response.result, { ns: server.user.name, name: '/whisk.system/shared/whose' });
    assert.equal(body.namespace, server.user.name);
    assert.equal(body.annotations.find(({ key }) => key === 'path')?.value, 'whisk.system/shared/whose');
    assert.equal((await record(body.activationId)).name, 'whose');
    const own = await send('GET', `_/activations/${body.activationId}`, undefined, 'system');
    assert.equal(own.status, 404);
  });

  it('leave records with everything in them', async () => {
    await create('whole', 'const main = () => { console.log("a line"); return {}; };');
    const { body } = await run('whole', {}, '');
    const stored = (await eventually(async () => {
      const found = await record(body.activationId);
      assert.equal(found.logs.length, 1);
      return found;
    })) as Answered & Record<string, unknown>;
    const fields = [
      'activationId',
      'annotations',
      'duration',
      'end',
      'logs',
      'name',
      'namespace',
      'publish',
      'response',
    ];
    assert.deepEqual(Object.keys(stored).toSorted(), [...fields, 'start', 'subject', 'version']);
    const limits = { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 };
    assert.deepEqual(stored.annotations.find(({ key }) => key === 'limits')?.value, limits);
    assert.equal(stored.annotations.find(({ key }) => key === 'path')?.value, `${server.user.name}/whole`);
  });
});
