import assert from 'node:assert/strict';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { parameterEncryption } from '../../../shared/parameters/encryption.js';
import { TestController, type Body } from './testController.js';

const echo = (args: unknown): unknown => args;

describe('packages and bindings', () => {
  let api: TestController;
  before(async () => {
    api = await TestController.start();
  });
  after(() => api.close());

  it('show actions and feeds apart', async () => {
    await api.must('PUT', '_/packages/mixed', {});
    await api.action('mixed/plain', echo);
    await api.action('mixed/feed', echo, { annotations: [{ key: 'feed', value: false }] });
    const { actions, feeds } = await api.must('GET', '_/packages/mixed');
    assert.deepEqual(
      [actions, feeds].map((list) => list.map(({ name }) => name)),
      [['plain'], ['feed']],
    );
    assert.deepEqual(Object.keys(actions[0] ?? {}).toSorted(), ['annotations', 'name', 'version']);
  });

  it('show a binding’s own place with the parameters of both', async () => {
    await api.must('PUT', '_/packages/provider', {
      parameters: [
        { key: 'a', value: 'provider' },
        { key: 'b', value: 'provider' },
      ],
    });
    await api.must('PUT', '_/packages/bound', {
      binding: { namespace: '_', name: 'provider' },
      parameters: [{ key: 'b', value: 'bound' }],
      annotations: [
        { key: 'binding', value: 'forged' },
        { key: 'mine', value: 1 },
      ],
    });
    const bound = await api.must('GET', '_/packages/bound');
    assert.equal(bound.name, 'bound');
    assert.deepEqual(bound.parameters, [
      { key: 'a', value: 'provider' },
      { key: 'b', value: 'bound' },
    ]);
    assert.deepEqual(bound.annotations, [
      { key: 'mine', value: 1 },
      { key: 'binding', value: { namespace: 'guest', name: 'provider' } },
    ]);
  });

  it('keep the fields that an update omits', async () => {
    await api.must('PUT', '_/packages/bound?overwrite=true', { publish: true });
    const bound = await api.must('PUT', '_/packages/bound?overwrite=true', { annotations: [] });
    assert.deepEqual(bound.binding, { namespace: 'guest', name: 'provider' });
    assert.deepEqual([bound.version, bound.publish], ['0.0.3', true]);
    assert.deepEqual(
      bound.annotations.map(({ key }) => key),
      ['binding'],
    );
  });

  it('of other namespaces can be read, bound and run if they are published, and not otherwise', async () => {
    const system = { user: 'whisk.system' } as const;
    await api.must('PUT', '_/packages/open', { publish: true, parameters: [{ key: 'from', value: 'system' }] }, system);
    await api.must('PUT', '_/packages/closed', {}, system);
    await api.action('open/echo', echo, {}, 'whisk.system');
    await api.action('closed/echo', echo, {}, 'whisk.system');
    assert.equal((await api.request('GET', 'whisk.system/packages/open')).status, 200);
    const refused = await api.request('GET', 'whisk.system/packages/closed');
    assert.equal(refused.status, 403);
    const invoked = await api.must('POST', 'whisk.system/actions/open/echo?blocking=true&result=true', { x: 1 });
    assert.deepEqual(invoked, { from: 'system', x: 1 });
    assert.equal((await api.request('POST', 'whisk.system/actions/closed/echo', {})).status, 403);
    await api.must('PUT', '_/packages/mine', { binding: { namespace: 'whisk.system', name: 'open' } });
    assert.deepEqual(await api.must('POST', '_/actions/mine/echo?blocking=true&result=true', {}), { from: 'system' });
    const forbidden = await api.request('PUT', '_/packages/other', {
      binding: { namespace: 'whisk.system', name: 'closed' },
    });
    assert.equal(forbidden.status, 403);
    const names = (await api.must<Body[]>('GET', 'whisk.system/packages')).map(({ name }) => name);
    assert.deepEqual(names, ['open']);
    assert.deepEqual(await api.must('GET', 'whisk.system/packages?count=true'), { packages: 1 });
    assert.deepEqual(await api.must('GET', 'whisk.system/packages?count=true', undefined, system), { packages: 2 });
  });

  it('cannot be read through a binding any more once they are withdrawn', async () => {
    const system = { user: 'whisk.system' } as const;
    await api.must('PUT', '_/packages/open?overwrite=true', { publish: false }, system);
    assert.equal((await api.request('POST', '_/actions/mine/echo', {})).status, 403);
    assert.equal((await api.request('GET', '_/packages/mine')).status, 403);
  });

  it('are deleted with their content on request', async () => {
    await api.must('PUT', '_/packages/full', {});
    await api.action('full/one', echo);
    await api.action('full/two', echo);
    const refused = await api.request('DELETE', '_/packages/full');
    assert.equal(refused.status, 409);
    assert.equal(
      refused.body.error,
      'Package not empty (contains 2 entities). Set force param or delete package contents.',
    );
    const deleted = await api.must('DELETE', '_/packages/full?force=true');
    assert.equal(deleted.name, 'full');
    assert.equal((await api.request('GET', '_/actions/full/one')).status, 404);
    assert.equal(await api.ctx.entities.getAction('guest/full/one'), undefined);
  });

  it('leave the provider alone when a binding is deleted', async () => {
    await api.action('provider/kept', echo);
    await api.must('DELETE', '_/packages/bound?force=true');
    assert.equal((await api.request('GET', '_/actions/provider/kept')).status, 200);
  });

  it('are listed in pages', async () => {
    const all = await api.must<Body[]>('GET', '_/packages');
    const page = await api.must('GET', '_/packages?skip=1&limit=1');
    assert.deepEqual(page, [all[1]]);
    assert.deepEqual(await api.must('GET', '_/packages?count=true&skip=1'), { packages: all.length - 1 });
    assert.equal((await api.request('GET', '_/packages?limit=201')).status, 400);
  });

  it('refuse bodies that are none, in OpenWhisk’s words', async () => {
    const errorOf = async (body: unknown) => (await api.request('PUT', '_/packages/bad', body)).body.error;
    const malformed = 'The request content was malformed:\n';
    assert.equal(await errorOf({ binding: 7 }), `${malformed}Object expected in field 'namespace'`);
    assert.equal(
      await errorOf({ binding: { namespace: '_' } }),
      `${malformed}Object is missing required member 'name'`,
    );
    assert.equal(await errorOf({ binding: { namespace: '_', name: 'a!' } }), `${malformed}entity name malformed`);
    assert.equal(await errorOf([]), `${malformed}Object expected in field 'exec'`);
    assert.equal((await api.request('GET', '_/packages/bad')).status, 404);
  });

  it('list the published ones of another namespace without its bindings', async () => {
    const system = { user: 'whisk.system' } as const;
    await api.must('PUT', '_/packages/target', {}, system);
    const binding = { namespace: '_', name: 'target' };
    await api.must('PUT', '_/packages/publishedBinding', { binding, publish: true }, system);
    await api.must('PUT', '_/packages/open?overwrite=true', { publish: true }, system);
    const names = (await api.must<Body[]>('GET', 'whisk.system/packages')).map(({ name }) => name);
    assert.deepEqual(names, ['open']);
    // `public` was a filter once.
    const own = await api.must<Body[]>('GET', '_/packages?public=true');
    assert.deepEqual(own, await api.must<Body[]>('GET', '_/packages'));
    assert.deepEqual(await api.must<Body[]>('GET', 'nosuchnamespace/packages'), []);
  });

  it('of the reserved name can be read and deleted if they exist, and not changed', async () => {
    const fields = {
      namespace: 'guest',
      version: '0.0.1',
      publish: false,
      annotations: [],
      parameters: [],
      updated: 0,
    };
    await api.stores.whisks.put({
      _id: 'guest/default',
      name: 'default',
      binding: {},
      entityType: 'package',
      ...fields,
    } as never);
    const changed = await api.request('PUT', '_/packages/default?overwrite=true', {});
    assert.deepEqual([changed.status, changed.body.error], [400, "Package name 'default' is reserved."]);
    assert.equal((await api.must('GET', '_/packages/default')).name, 'default');
    assert.equal((await api.must('DELETE', '_/packages/default')).name, 'default');
  });

  it('keep their binding if a new one is refused', async () => {
    await api.must('PUT', '_/packages/first', {});
    await api.must('PUT', '_/packages/tied', { binding: { namespace: '_', name: 'first' } });
    const bind = async (namespace: string, name: string) => {
      const answer = await api.request('PUT', '_/packages/tied?overwrite=true', { binding: { namespace, name } });
      return [answer.status, answer.body.error];
    };
    assert.deepEqual(await bind('_', 'tied'), [400, 'Cannot bind to another package binding.']);
    assert.deepEqual(await bind('_', 'nosuch'), [400, 'Binding references a package that does not exist.']);
    const forbidden = "The supplied authentication is not authorized to access 'whisk.system/nosuch'.";
    assert.deepEqual(await bind('whisk.system', 'nosuch'), [403, forbidden]);
    assert.equal((await bind('whisk.system', 'target'))[0], 403);
    assert.deepEqual((await api.must('GET', '_/packages/tied')).binding, { namespace: 'guest', name: 'first' });
    await api.must('PUT', '_/packages/second', {});
    await api.must('PUT', '_/packages/tied?overwrite=true', { binding: { namespace: '_', name: 'second' } });
    const tied = await api.must('GET', '_/packages/tied');
    const binding = { namespace: 'guest', name: 'second' };
    assert.deepEqual([tied.binding, tied.annotations], [binding, [{ key: 'binding', value: binding }]]);
  });

  it('that are bindings can be deleted though the package behind them is gone', async () => {
    await api.must('PUT', '_/packages/tied?overwrite=true', { binding: { namespace: '_', name: 'first' } });
    await api.must('DELETE', '_/packages/first');
    assert.equal((await api.request('GET', '_/packages/tied')).status, 404);
    assert.equal((await api.must('DELETE', '_/packages/tied')).name, 'tied');
  });

  it('take no more parameters and annotations than an entity may have', async () => {
    const list = [{ key: 'k', value: 'x'.repeat(1024 * 1024) }];
    for (const field of ['parameters', 'annotations']) {
      const answer = await api.request('PUT', '_/packages/large', { [field]: list });
      assert.equal(answer.status, 413);
      assert.equal(answer.body.error, `${field} larger than allowed: 1048579 > 1048576 bytes.`);
    }
  });

  it('keep their parameters encrypted if that is configured, and hand them on so', async () => {
    const encryption = parameterEncryption({ current: 'aes-128', aes128: Buffer.alloc(16, 7).toString('base64') });
    const locked = await TestController.start({ encryption });
    try {
      const shown = await locked.must('PUT', '_/packages/secret', { parameters: [{ key: 'a', value: 'sesame' }] });
      assert.deepEqual(shown.parameters, [{ key: 'a', value: 'sesame' }]);
      await locked.must('PUT', '_/packages/bound', {
        binding: { namespace: '_', name: 'secret' },
        parameters: [{ key: 'b', value: { deep: 1 } }],
      });
      await locked.action('secret/echo', echo);
      const stored = await locked.ctx.entities.getPackage('guest/secret');
      const [parameter] = stored?.parameters ?? [];
      assert.equal(parameter?.encryption, 'aes-128');
      assert.equal(encryption.decrypt('aes-128', parameter.value as string), 'sesame');
      await locked.must('POST', '_/actions/bound/echo', { b: 'given' });
      const { content, lockedArgs } = locked.balancer.sent.at(-1)?.message ?? {};
      assert.deepEqual(lockedArgs, { a: 'aes-128' });
      assert.equal((content as JsonObject)['b'], 'given');
      // What is encrypted stays so when something else is changed.
      await locked.must('PUT', '_/packages/secret?overwrite=true', { publish: true });
      const kept = await locked.ctx.entities.getPackage('guest/secret');
      assert.deepEqual(kept?.parameters, stored?.parameters);
      await locked.must('PUT', '_/packages/thief', { parameters: [parameter] });
      const thief = await locked.ctx.entities.getPackage('guest/thief');
      const [sealed] = thief?.parameters ?? [];
      assert.equal(
        encryption.decrypt('aes-128', sealed?.value as string),
        parameter.value,
        'not opened for another one',
      );
    } finally {
      await locked.close();
    }
  });

  it('have no parts', async () => {
    assert.equal((await api.request('GET', '_/packages/second/bar')).status, 404);
  });

  it('are told from actions of the same name', async () => {
    await api.action('clash', echo);
    const answer = await api.request('PUT', '_/packages/clash?overwrite=true', {});
    assert.equal(answer.status, 409);
    assert.equal(answer.body.error, 'Resource by this name exists but is not in this collection.');
    const bound = await api.request('PUT', '_/packages/toClash', { binding: { namespace: '_', name: 'clash' } });
    assert.deepEqual([bound.status, bound.body.error], [409, 'Cannot bind to a resource that is not a package.']);
  });

  it('are run only, not read, by others if the installation says so', async () => {
    const strict = await TestController.start({ sharedPackagesExecuteOnly: true });
    try {
      const system = { user: 'whisk.system' } as const;
      await strict.must('PUT', '_/packages/open', { publish: true }, system);
      await strict.action('open/echo', echo, {}, 'whisk.system');
      await strict.must('PUT', '_/packages/mine', { binding: { namespace: 'whisk.system', name: 'open' } });
      const direct = await strict.request('GET', 'whisk.system/packages/open');
      assert.deepEqual(
        [direct.status, direct.body.error],
        [403, "GET not permitted for 'whisk.system/open' since it's a shared package"],
      );
      const bound = await strict.request('GET', '_/packages/mine');
      assert.deepEqual(
        [bound.status, bound.body.error],
        [403, 'GET not permitted since mine is a binding of a shared package'],
      );
      assert.equal((await strict.request('POST', '_/actions/mine/echo', {})).status, 202);
    } finally {
      await strict.close();
    }
  });
});
