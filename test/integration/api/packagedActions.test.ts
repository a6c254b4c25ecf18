import assert from 'node:assert/strict';
import { TestController, type Body } from './testController.js';

const echo = (args: unknown): unknown => args;
const system = { user: 'whisk.system' } as const;
const body = { exec: { kind: 'nodejs:20', code: 'function main(a) { return a; }' } };
const CORRUPTED = 'Resource is corrupted and cannot be read.';

describe('actions in packages', () => {
  let api: TestController;
  before(async () => {
    api = await TestController.start();
    await api.must('PUT', '_/packages/pkg', { parameters: [{ key: 'p', value: 'package' }] });
    await api.action('pkg/one', echo, { parameters: [{ key: 'own', value: 1 }] });
    await api.action('pkg/two', echo);
    await api.action('alone', echo);
    await api.must('PUT', '_/packages/bound', {
      binding: { namespace: '_', name: 'pkg' },
      parameters: [{ key: 'p', value: 'binding' }],
    });
    await api.must('PUT', '_/packages/open', { publish: true, parameters: [{ key: 's', value: 1 }] }, system);
    await api.must('PUT', '_/packages/closed', {}, system);
    await api.action('open/echo', echo, {}, 'whisk.system');
    await api.action('closed/echo', echo, {}, 'whisk.system');
    await api.must('PUT', '_/packages/toOpen', { binding: { namespace: 'whisk.system', name: 'open' } });
    await api.must('PUT', '_/packages/brief', {});
    await api.must('PUT', '_/packages/dangling', { binding: { namespace: '_', name: 'brief' } });
    await api.must('DELETE', '_/packages/brief');
  });
  after(() => api.close());

  const names = async (path: string) => (await api.must<Body[]>('GET', path)).map(({ name }) => name).toSorted();
  const statusOf = async (method: string, path: string, content?: object) =>
    (await api.request(method, path, content)).status;

  it('are listed with the slash behind the package’s name, also through a binding', async () => {
    assert.deepEqual(await names('_/actions/pkg/'), ['one', 'two']);
    assert.deepEqual(await names('_/actions/bound/'), ['one', 'two']);
    assert.deepEqual(await names('_/actions/toOpen/'), ['echo']);
    const [through] = await api.must<Body[]>('GET', '_/actions/bound/?limit=1');
    assert.equal(through?.namespace, 'guest/pkg');
    assert.deepEqual(await api.must('GET', '_/actions/pkg/?count=true'), { actions: 2 });
  });

  it('are among all of the namespace’s', async () => {
    assert.deepEqual(await names('_/actions'), ['alone', 'one', 'two']);
  });

  it('are not listed without the slash, and their list is only for reading', async () => {
    assert.equal(await statusOf('GET', '_/actions/pkg'), 409);
    for (const method of ['DELETE', 'PUT', 'POST']) assert.equal(await statusOf(method, '_/actions/pkg/'), 404);
  });

  it('cannot be put into or deleted from anything but the caller’s own packages', async () => {
    assert.equal(await statusOf('PUT', '_/actions/nosuch/x', body), 404);
    assert.equal(await statusOf('DELETE', '_/actions/nosuch/x'), 404);
    assert.equal(await statusOf('DELETE', '_/actions/pkg/nosuch'), 404);
    for (const binding of ['bound', 'dangling', 'toOpen']) {
      for (const method of ['PUT', 'DELETE']) {
        const answer = await api.request(method, `_/actions/${binding}/one`, method === 'PUT' ? body : undefined);
        assert.deepEqual([answer.status, answer.body.error], [400, 'Operation not permitted on package binding.']);
      }
    }
    for (const method of ['PUT', 'DELETE']) {
      assert.equal(await statusOf(method, 'whisk.system/actions/open/echo', method === 'PUT' ? body : undefined), 403);
    }
  });

  it('are read and run with the parameters of package and binding', async () => {
    const parameters = async (path: string) =>
      Object.fromEntries((await api.must('GET', path)).parameters.map(({ key, value }) => [key, value]));
    assert.deepEqual(await parameters('_/actions/pkg/one'), { p: 'package', own: 1 });
    assert.deepEqual(await parameters('_/actions/bound/one'), { p: 'binding', own: 1 });
    assert.deepEqual(await parameters('_/actions/toOpen/echo'), { s: 1 });
    assert.deepEqual(await api.must('POST', '_/actions/bound/one?blocking=true&result=true', { own: 2 }), {
      p: 'binding',
      own: 2,
    });
  });

  it('that do not exist are not found, and those of others not told of', async () => {
    for (const method of ['GET', 'POST']) {
      assert.equal(await statusOf(method, '_/actions/nosuch/x'), 404);
      assert.equal(await statusOf(method, '_/actions/pkg/nosuch'), 404);
      assert.equal(await statusOf(method, '_/actions/bound/nosuch'), 404);
      assert.equal(await statusOf(method, '_/actions/dangling/x'), 404);
      assert.equal(await statusOf(method, 'whisk.system/actions/closed/echo'), 403);
      assert.equal(await statusOf(method, 'whisk.system/actions/nosuch/echo'), 403);
    }
  });

  it('that are damaged are told to be', async () => {
    const bad = { entityType: 'badEntity', version: '0.0.1', publish: false, annotations: [] };
    await api.stores.whisks.put({ _id: 'guest/badPkg', name: 'badPkg', namespace: 'guest', ...bad } as never);
    await api.stores.whisks.put({ _id: 'guest/pkg/bad', name: 'bad', namespace: 'guest/pkg', ...bad } as never);
    for (const path of ['_/actions/badPkg/x', '_/actions/pkg/bad']) {
      for (const method of ['GET', 'PUT', 'DELETE', 'POST']) {
        const answer = await api.request(method, path, method === 'PUT' ? body : undefined);
        assert.deepEqual([answer.status, answer.body.error], [500, CORRUPTED], `${method} ${path}`);
      }
    }
    const other = await api.request('GET', 'guest/actions/badPkg/x', undefined, system);
    const forbidden = "The supplied authentication is not authorized to access 'guest/badPkg'.";
    assert.deepEqual([other.status, other.body.error], [403, forbidden]);
  });

  it('are not read through bindings to others’ packages if the installation says so, but run', async () => {
    const strict = await TestController.start({ sharedPackagesExecuteOnly: true });
    try {
      await strict.must('PUT', '_/packages/open', { publish: true }, system);
      await strict.action('open/echo', echo, {}, 'whisk.system');
      await strict.must('PUT', '_/packages/toOpen', { binding: { namespace: 'whisk.system', name: 'open' } });
      const bound = await strict.request('GET', '_/actions/toOpen/echo');
      const words = 'Resource does not exist or is an action in a shared package binding.';
      assert.deepEqual([bound.status, bound.body.error], [403, `GET not permitted for 'guest/toOpen/echo'. ${words}`]);
      const direct = await strict.request('GET', 'whisk.system/actions/open/echo');
      const shared = "GET not permitted for 'whisk.system/open' since it's an action in a shared package";
      assert.deepEqual([direct.status, direct.body.error], [403, shared]);
      assert.equal((await strict.request('POST', '_/actions/toOpen/echo')).status, 202);
    } finally {
      await strict.close();
    }
  });
});
