import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import { parameterEncryption } from '../../../shared/parameters/encryption.js';
import { TestController, type Answer, type Body } from './testController.js';

const js = (code = 'const main = (args) => args;') => ({ kind: 'nodejs:20', code });
const refusal = ({ status, body }: Answer): string => `${status} ${body.error}`;

interface ActionBody extends Body {
  readonly exec: Record<string, unknown>;
  readonly limits: Record<string, number>;
  readonly updated: number;
}

describe('actions', () => {
  let controller: TestController;
  before(async () => {
    controller = await TestController.start();
  });
  after(() => controller.close());

  const put = (name: string, body: unknown, query = '') =>
    controller.request<ActionBody>('PUT', `_/actions/${name}${query}`, body);
  const get = (name: string) => controller.request<ActionBody>('GET', `_/actions/${name}`);

  it('are an empty list if there are none', async () => {
    const empty = await TestController.start();
    assert.deepEqual((await empty.request('GET', '_/actions')).body, []);
    assert.deepEqual((await empty.request('GET', '_/actions/?count=true')).body, { actions: 0 });
    await empty.close();
  });

  it('are listed newest first, in pages, by the namespace\u2019s name and by _', async () => {
    for (const name of ['l1', 'l2', 'l3']) {
      await controller.action(name, 'x');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    const names = async (path: string) => (await controller.must<Body[]>('GET', path)).map(({ name }) => name);
    assert.deepEqual(await names('_/actions?limit=3'), ['l3', 'l2', 'l1']);
    assert.deepEqual(await names('guest/actions/?limit=1&skip=1'), ['l2']);
    for (const name of ['l1', 'l2', 'l3']) await controller.must('DELETE', `_/actions/${name}`);
  });

  it('refuse a limit and a skip that are none', async () => {
    const list = async (query: string) => refusal(await controller.request('GET', `_/actions?${query}`));
    const query = (name: string, detail: string) => `400 The query parameter '${name}' was malformed:\n${detail}`;
    assert.equal(
      await list('limit=201'),
      query('limit', "The value '201' is not in the range of 0 to 200 for actions."),
    );
    assert.equal(await list('limit=a'), query('limit', "The value 'a' is not an integer for actions."));
    assert.equal(
      await list('limit=99999999999'),
      query('limit', "The value '99999999999' is not an integer for actions."),
    );
    assert.equal(await list('skip=-1'), query('skip', "The value '-1' is not greater than or equal to 0 for actions."));
    assert.equal(await list('skip=a'), query('skip', "The value 'a' is not an integer for actions."));
  });

  it('are only their owner\u2019s', async () => {
    await controller.action('mine', 'x');
    for (const [method, path] of [
      ['GET', 'guest/actions/mine'],
      ['PUT', 'guest/actions/mine?overwrite=true'],
      ['POST', 'guest/actions/mine'],
      ['DELETE', 'guest/actions/mine'],
    ] as const) {
      const answer = await controller.request(method, path, method === 'GET' ? undefined : {}, {
        user: 'whisk.system',
      });
      assert.equal(refusal(answer), "403 The supplied authentication is not authorized to access 'guest/mine'.");
    }
    const list = await controller.request('GET', 'guest/actions', undefined, { user: 'whisk.system' });
    assert.equal(refusal(list), "403 The supplied authentication is not authorized to access 'guest'.");
  });

  it('say when they were changed; a client cannot say so itself', async () => {
    const before = Date.now();
    const made = await put('dated', { exec: js(), updated: 5 });
    assert.ok(made.body.updated >= before);
    const changed = await put('dated', { publish: true, updated: 5 }, '?overwrite=true');
    assert.ok(changed.body.updated >= made.body.updated);
    assert.equal((await get('dated')).body.updated, changed.body.updated);
  });

  it('come without code if it is not wanted', async () => {
    await put('coded', { exec: js('some code;') }, '?overwrite=true');
    assert.equal((await get('coded')).body.exec['code'], 'some code;');
    assert.equal((await get('coded?code=true')).body.exec['code'], 'some code;');
    assert.deepEqual((await get('coded?code=false')).body.exec, { kind: 'nodejs:20', binary: false });
    assert.equal(
      refusal(await get('coded?code=maybe')),
      "400 The query parameter 'code' was malformed:\n'maybe' is not a valid Boolean value",
    );
  });

  it('keep code of every size, text and binary, as it was given', async () => {
    const binary = Buffer.from([0x50, 0x4b, 3, 4, ...Array.from({ length: 40_000 }, (_, i) => i % 256)]).toString(
      'base64',
    );
    const codes = ['', 'small \u2713', ';'.repeat(20_000), ';'.repeat(1_000_000), binary];
    for (const code of codes) {
      await put('sized', { exec: js(code) }, '?overwrite=true');
      const { exec } = (await get('sized')).body;
      assert.equal(exec['code'], code);
      assert.equal(exec['binary'], code === binary);
    }
    assert.equal((await put('sized', { publish: true }, '?overwrite=true')).body.exec['code'], binary);
    const gone = await controller.must<ActionBody>('DELETE', '_/actions/sized');
    assert.equal(gone.exec['code'], binary);
  });

  it('are missing if they do not exist, and differ from packages of the same name', async () => {
    for (const method of ['GET', 'DELETE', 'POST'] as const) {
      const answer = await controller.request(method, '_/actions/nosuch', method === 'POST' ? {} : undefined);
      assert.equal(refusal(answer), '404 The requested resource does not exist.');
    }
    await controller.must('PUT', '_/packages/apackage', {});
    const conflict = '409 Resource by this name exists but is not in this collection.';
    assert.equal(refusal(await get('apackage')), conflict);
    assert.equal(refusal(await put('apackage', { exec: js() }, '?overwrite=true')), conflict);
    assert.equal(refusal(await controller.request('DELETE', '_/actions/apackage')), conflict);
  });

  it('refuse names that are too long or have characters that are not allowed', async () => {
    const long = 'a'.repeat(257);
    const name = '400 Name segement longer than allowed: 257 > 256.';
    assert.equal(refusal(await get(long)), name);
    assert.equal(refusal(await get(`p/${long}`)), name);
    assert.equal(refusal(await get(`${long}/a`)), name);
    assert.equal(
      refusal(await controller.request('GET', `${long}/actions/a`)),
      '400 Namespace longer than allowed: 257 > 256.',
    );
    assert.equal(refusal(await get('a%2Fb')), '400 The name of the entity contains illegal characters.');
    assert.equal(
      refusal(await controller.request('GET', '%24/actions/a')),
      '400 The namespace contains illegal characters.',
    );
    assert.equal((await put('a'.repeat(256), { exec: js() })).status, 200);
  });

  it('refuse bodies that are none', async () => {
    const text = await controller.request('PUT', '_/actions/body', '', { headers: { 'content-type': 'text/plain' } });
    assert.equal(
      refusal(text),
      "415 The request's Content-Type [text/plain] is not supported. Expected:\napplication/json",
    );
    assert.equal(refusal(await put('body', '')), '400 Request entity expected but not supplied');
    assert.equal(refusal(await put('body', { publish: true })), '400 exec undefined');
    assert.equal(
      refusal(await put('body', { exec: '' })),
      '400 The request content was malformed:\nJSON object expected',
    );
    assert.match(
      refusal(await put('body', { exec: { kind: '', code: '' } })),
      /The specified runtime '' is not supported/,
    );
  });

  it('take a body without a type for bytes', async () => {
    const credentials = Buffer.from(WELL_KNOWN_USERS.guest).toString('base64');
    const send = async (method: string, body: string): Promise<string> => {
      const request = httpRequest(`${controller.base}/api/v1/namespaces/_/actions/untyped`, {
        method,
        headers: { authorization: `Basic ${credentials}`, 'content-length': Buffer.byteLength(body) },
      });
      request.end(body);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const text = (await response.toArray()).join('');
      return `${response.statusCode} ${(JSON.parse(text) as { error: string }).error}`;
    };
    const refused =
      "415 The request's Content-Type [application/octet-stream] is not supported. Expected:\napplication/json";
    assert.equal(await send('PUT', JSON.stringify({ exec: js() })), refused);
    assert.equal(await send('POST', '{}'), refused);
    // No body has no type.
    assert.equal(await send('PUT', ''), '400 Request entity expected but not supplied');
    assert.equal(await send('POST', ''), '404 The requested resource does not exist.');
  });

  it('answer those who send too much, however much it is', async () => {
    const statuses = new Set<number>();
    for (let i = 0; i < 8; i++) {
      const answer = await controller.request('POST', '_/actions/body', { text: 'x'.repeat(8 * 1024 * 1024) });
      statuses.add(answer.status);
    }
    assert.deepEqual([...statuses], [413]);
  });

  it('refuse code, parameters and annotations that are too large', async () => {
    const strict = await TestController.start({
      limits: { maxCodeBytes: 1000 },
      guestLimits: { maxParameterSize: '100 B' },
    });
    const bodyOf = (field: string, length: number) => ({
      exec: js(),
      [field]: [{ key: 'k', value: 'x'.repeat(length) }],
    });
    const send = async (body: unknown) => refusal(await strict.request('PUT', '_/actions/a?overwrite=true', body));
    assert.equal(await send({ exec: js('x'.repeat(1001)) }), '413 exec larger than allowed: 1001 > 1000 bytes.');
    assert.equal(await send(bodyOf('parameters', 98)), '413 parameters larger than allowed: 101 > 100 bytes.');
    assert.equal(await send(bodyOf('annotations', 98)), '413 annotations larger than allowed: 101 > 100 bytes.');
    assert.equal(await send(bodyOf('parameters', 97)), '200 undefined');
    await strict.close();
  });

  it('refuse a payload that is too large, by the installation\u2019s limit and by the namespace\u2019s', async () => {
    const body = { a: 'x'.repeat(1024 * 1024) };
    const size = JSON.stringify(body).length;
    assert.equal(
      refusal(await controller.request('POST', '_/actions/nosuch', body)),
      `413 Request larger than allowed: ${size} > 1048576 bytes.`,
    );
    const strict = await TestController.start({ guestLimits: { maxPayloadSize: '100 B' } });
    assert.equal(
      refusal(await strict.request('POST', '_/actions/nosuch', { a: 'x'.repeat(100) })),
      '413 Request larger than allowed: 108 > 100 bytes.',
    );
    await strict.close();
  });

  it('keep to the limits of their namespace', async () => {
    const strict = await TestController.start({
      guestLimits: {
        minActionMemory: 200,
        maxActionMemory: 300,
        minActionTimeout: 1000,
        maxActionTimeout: 2000,
        minActionLogs: 1,
        maxActionLogs: 5,
        concurrentInvocations: 7,
      },
    });
    const limits = async (given: Record<string, number>) =>
      refusal(await strict.request('PUT', '_/actions/a?overwrite=true', { exec: js(), limits: given }));
    assert.match(await limits({ memory: 301 }), /^400 .*memory size 301 MB exceeds allowed threshold of 300 MB$/);
    assert.match(await limits({ memory: 513 }), /^400 .*memory size 513 MB exceeds allowed threshold of 300 MB$/);
    assert.match(await limits({ memory: 199 }), /^400 .*memory size 199 MB below allowed threshold of 200 MB$/);
    assert.match(
      await limits({ timeout: 2001 }),
      /^400 .*duration 2001 milliseconds exceeds allowed threshold of 2000/,
    );
    assert.match(await limits({ timeout: 999 }), /^400 .*duration 999 milliseconds below allowed threshold of 1000/);
    assert.match(await limits({ logs: 6 }), /^400 .*log size 6 MB exceeds allowed threshold of 5 MB$/);
    assert.match(await limits({ logs: 0 }), /^400 .*log size 0 MB below allowed threshold of 1 MB$/);
    assert.match(await limits({ concurrency: 2 }), /^400 .*concurrency 2 exceeds allowed threshold of 1$/);
    assert.equal(
      await limits({ instances: 8 }),
      '400 Max action instance concurrency must not exceed your namespace concurrency of 7.',
    );
    assert.equal(await limits({ memory: 200, timeout: 2000, logs: 5, instances: 7 }), '200 undefined');
    await strict.close();
  });

  it('take a blackbox with code, without, and with empty code', async () => {
    const box = async (more: object) =>
      (await put('box', { exec: { kind: 'blackbox', image: 'bb', ...more } }, '?overwrite=true')).body.exec;
    assert.deepEqual(await box({}), { kind: 'blackbox', image: 'bb', binary: false });
    assert.deepEqual(await box({ code: ' ' }), { kind: 'blackbox', image: 'bb', binary: false });
    assert.deepEqual(await box({ code: 'cc' }), { kind: 'blackbox', image: 'bb', code: 'cc', binary: false });
    assert.equal((await get('box')).body.exec['code'], 'cc');
  });

  it('are created once, and replaced only on request', async () => {
    assert.equal((await put('once', { exec: js('1') })).status, 200);
    assert.equal(refusal(await put('once', { exec: js('2') })), '409 resource already exists');
    assert.equal((await get('once')).body.exec['code'], '1');
    assert.equal((await put('once', { exec: js('2') }, '?overwrite=true')).body.version, '0.0.2');
    assert.equal((await put('once', { exec: js('3') }, '?overwrite=yes')).body.version, '0.0.3');
  });

  it('turn into sequences and back without their parameters', async () => {
    await controller.action('part', 'x');
    await put('turn', { exec: js(), parameters: [{ key: 'a', value: 1 }] });
    const components = ['/_/part'];
    const sequence = (await put('turn', { exec: { kind: 'sequence', components } }, '?overwrite=true')).body;
    assert.deepEqual(sequence.exec, { kind: 'sequence', components: ['/guest/part'] });
    assert.deepEqual(sequence.parameters, [{ key: '_actions', value: ['/guest/part'] }]);
    assert.deepEqual((await put('turn', { exec: js() }, '?overwrite=true')).body.parameters, []);
    await put('turn', { exec: { kind: 'sequence', components } }, '?overwrite=true');
    const own = [{ key: 'b', value: 2 }];
    assert.deepEqual((await put('turn', { exec: js(), parameters: own }, '?overwrite=true')).body.parameters, own);
  });

  it('with a deprecated kind can be read and deleted, not made, changed or run', async () => {
    const image = { name: 'xyz' };
    const runtimes = (deprecated: boolean) =>
      parseManifest({
        runtimes: {
          test: [
            { kind: 'test:1', default: true, image },
            { kind: 'test:2', deprecated, image },
          ],
        },
      });
    const old = await TestController.start({ runtimes: runtimes(true) });
    const text =
      "400 The 'test:2' runtime is no longer supported. You may read and delete but not update or invoke this action.";
    const send = async (query: string, body: unknown) => refusal(await old.request('PUT', `_/actions/a${query}`, body));
    const exec = { kind: 'test:2', code: 'x' };
    assert.equal(await send('', { exec }), text);
    assert.equal(await send('?overwrite=true', { exec }), text);
    await old.ctx.entities.putAction({
      _id: 'guest/a',
      entityType: 'action',
      namespace: 'guest',
      name: 'a',
      version: '0.0.1',
      publish: false,
      annotations: [],
      parameters: [],
      updated: 1,
      exec: { ...exec, binary: false },
      limits: { timeout: 1000, memory: 256, logs: 10, concurrency: 1 },
    });
    assert.equal(await send('?overwrite=true', {}), text);
    assert.equal(await send('?overwrite=true', { exec }), text);
    assert.equal(refusal(await old.request('POST', '_/actions/a', {})), text);
    assert.equal((await old.request('GET', '_/actions/a')).status, 200);
    assert.equal(await send('?overwrite=true', { exec: { kind: 'test:1', code: 'x' } }), '200 undefined');
    assert.equal((await old.request('DELETE', '_/actions/a')).status, 200);
    await old.close();
  });

  it('of a kind that a namespace may not have are refused', async () => {
    const strict = await TestController.start({ guestLimits: { allowedKinds: ['nodejs:20'] } });
    const exec = { kind: 'blackbox', image: 'bb' };
    assert.equal(
      refusal(await strict.request('PUT', '_/actions/a', { exec })),
      "403 The supplied authentication is not authorized to access actions of kind 'blackbox'.",
    );
    assert.equal((await strict.request('PUT', '_/actions/a', { exec: js() })).status, 200);
    await strict.close();
  });

  it('are changed and deleted without an answer if the installation wants it so', async () => {
    const terse = await TestController.start({ requireResponsePayload: false });
    const made = await terse.request('PUT', '_/actions/a', { exec: js() });
    assert.deepEqual([made.status, made.body], [200, 'OK']);
    assert.equal((await terse.request('GET', '_/actions/a')).body.name, 'a');
    const gone = await terse.request('DELETE', '_/actions/a');
    assert.deepEqual([gone.status, gone.body], [204, '']);
    await terse.close();
  });

  it('that are damaged in the store are told to be', async () => {
    await controller.stores.whisks.put({ _id: 'guest/damaged', entityType: 'action', name: 'damaged' } as never);
    const text = '500 Resource is corrupted and cannot be read.';
    assert.equal(refusal(await get('damaged')), text);
    assert.equal(refusal(await controller.request('DELETE', '_/actions/damaged')), text);
    const exec = { kind: 'sequence', components: ['/_/damaged'] };
    assert.equal(refusal(await put('ofdamaged', { exec })), text);
  });

  it('keep their parameters encrypted in the store if that is configured', async () => {
    const encryption = parameterEncryption({ current: 'aes-256', aes256: Buffer.alloc(32, 7).toString('base64') });
    const locked = await TestController.start({ encryption });
    const parameters = [{ key: 'secret', value: { deep: 'sesame' } }];
    const made = await locked.must('PUT', '_/actions/a', { exec: js(), parameters });
    assert.deepEqual(made.parameters, parameters);
    assert.ok(!JSON.stringify(await locked.stores.whisks.get('guest/a')).includes('sesame'));
    const [stored] = (await locked.must('GET', '_/actions/a')).parameters;
    assert.equal(stored?.encryption, 'aes-256');
    assert.deepEqual(encryption.decrypt('aes-256', stored.value as string), { deep: 'sesame' });
    // What is encrypted already is not encrypted again.
    await locked.must('PUT', '_/actions/a?overwrite=true', { publish: true });
    assert.deepEqual((await locked.must('GET', '_/actions/a')).parameters, [stored]);
    await locked.must('PUT', '_/actions/a?overwrite=true', { parameters: [stored] });
    assert.deepEqual((await locked.must('GET', '_/actions/a')).parameters, [stored], 'what a client read it may write');
    const thief = [{ key: 'secret', value: stored.value, encryption: 'aes-256' }];
    await locked.must('PUT', '_/actions/thief', { exec: js(), parameters: thief });
    const [sealed] = (await locked.must('GET', '_/actions/thief')).parameters;
    assert.equal(
      encryption.decrypt('aes-256', sealed?.value as string),
      stored.value,
      'the text as the client sent it',
    );
    await locked.must('POST', '_/actions/a', {});
    assert.deepEqual(locked.balancer.sent.at(-1)?.message.lockedArgs, { secret: 'aes-256' });
    await locked.must('POST', '_/actions/a', { secret: 1 });
    assert.deepEqual(locked.balancer.sent.at(-1)?.message.lockedArgs, {});
    await locked.close();
  });
});

describe('invocations', () => {
  let controller: TestController;
  before(async () => {
    controller = await TestController.start();
    await controller.action('echo', 'const main = (args) => args;');
    await controller.action(
      'slow',
      'const main = (a) => new Promise((r) => setTimeout(() => r({ late: true }), a.ms));',
    );
  });
  after(() => controller.close());

  const invoke = (path: string, body?: unknown) => controller.request('POST', `_/actions/${path}`, body);

  it('that are not waited for answer 202 with the id, in the body and as a header', async () => {
    for (const query of ['', '?result=true', '?blocking=false']) {
      const { status, body, headers } = await invoke(`echo${query}`, { a: 1 });
      assert.equal(status, 202);
      assert.match(body.activationId, /^[0-9a-f]{32}$/);
      assert.equal(headers.get('x-openwhisk-activation-id'), body.activationId);
    }
  });

  it('need no body', async () => {
    assert.deepEqual((await invoke('echo?blocking=true&result=true')).body, {});
  });

  it('wait as long as they are told, and no longer', async () => {
    const text =
      "400 The query parameter 'timeout' was malformed:\nTimeout must be number of milliseconds up to 60000.";
    for (const timeout of ['0', '-1', '65000', 'soon', '']) {
      assert.equal(refusal(await invoke(`slow?blocking=true&timeout=${timeout}`, { ms: 1 })), text);
    }
    assert.equal((await invoke('slow?blocking=true&timeout=50', { ms: 400 })).status, 202);
    assert.equal((await invoke('slow?blocking=true&timeout=5000', { ms: 20 })).status, 200);
  });

  it('may not override final parameters, but give those that have no value yet', async () => {
    await controller.action('final', 'const main = (args) => args;', {
      parameters: [
        { key: 'a', value: 'A' },
        { key: 'empty', value: null },
      ],
      annotations: [{ key: 'final', value: true }],
    });
    assert.equal(
      refusal(await invoke('final', { a: 'B' })),
      '400 Request defines parameters that are not allowed (e.g., reserved properties).',
    );
    assert.deepEqual((await invoke('final?blocking=true&result=true', { empty: 'C' })).body, { a: 'A', empty: 'C' });
  });

  it('name the parameters of the environment', async () => {
    await controller.action('env', 'const main = (args) => args;', {
      parameters: [
        { key: 'E', value: 'e', init: true },
        { key: 'a', value: 'A' },
      ],
    });
    await invoke('env?blocking=true', { E: 'mine' });
    const { message } = controller.balancer.sent.at(-1) ?? {};
    assert.deepEqual(message?.initArgs, ['E']);
    assert.deepEqual(message.content, { E: 'mine', a: 'A' });
  });

  it('carry their transaction from the request to the message and back', async () => {
    const answer = await controller.request('POST', '_/actions/echo', {}, { headers: { 'x-request-id': 'mine-1' } });
    assert.equal(answer.headers.get('x-request-id'), 'mine-1');
    assert.equal(controller.balancer.sent.at(-1)?.message.transid.id, 'mine-1');
    const made = await controller.request('POST', '_/actions/nosuch', {}, { headers: { 'x-request-id': 'sid_x' } });
    assert.match(made.body.code, /^[0-9A-Za-z]{32}$/);
    assert.equal(made.headers.get('x-request-id'), made.body.code);
  });

  it('hand on the color of the request, of the annotation, or none', async () => {
    const colorOf = () => controller.balancer.sent.at(-1)?.color?.value;
    await invoke('echo', {});
    assert.equal(colorOf(), undefined);
    await controller.request('POST', '_/actions/echo', {}, { headers: { 'X-OpenWhisk-Color': 'blue' } });
    assert.equal(colorOf(), 'blue');
    await controller.action('colored', 'const main = (args) => args;', {
      annotations: [{ key: 'color', value: 'user-{user.id}' }],
    });
    await invoke('colored', { user: { id: 7 } });
    assert.equal(colorOf(), 'user-7');
  });

  it('never go over the number of concurrent ones, however many come at the same time', async () => {
    const strict = await TestController.start({ limits: { concurrentInvocations: 3 } });
    await strict.action('held', 'const main = () => ({});');
    // The accepted ones run when all others are refused.
    let release = (): void => undefined;
    strict.balancer.begin = new Promise<void>((resolve) => (release = resolve));
    let refusals = 0;
    const answers = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const answer = await strict.request('POST', '_/actions/held?blocking=true', {});
        if (answer.status === 429 && ++refusals === 9) release();
        return answer;
      }),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    assert.deepEqual(statuses, [200, 200, 200, ...Array.from({ length: 9 }, () => 429)]);
    const refused = answers.find(({ status }) => status === 429);
    assert.match(refused?.body.error ?? '', /^Too many concurrent requests in flight \(count: \d+, allowed: 3\)\.$/);
    assert.equal((await strict.request('POST', '_/actions/held?blocking=true', {})).status, 200);
    await strict.close();
  });

  it('never go over the number of a minute', async () => {
    const strict = await TestController.start({ guestLimits: { invocationsPerMinute: 2 } });
    await strict.action('a', 'const main = () => ({});');
    // The minute of the clock may end in between.
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push((await strict.request('POST', '_/actions/a', {})).status);
    assert.deepEqual(statuses.slice(0, 2), [202, 202]);
    assert.ok(statuses.filter((status) => status === 429).length >= 2, statuses.join());
    await strict.close();
  });
});
