import assert from 'node:assert/strict';
import type { TriggerDocument } from '../../../shared/entities/documents.js';
import type { NewDocument } from '../../../shared/store/ArtifactStore.js';
import { eventually } from '../../e2e/eventually.js';
import { TestController, type Body } from './testController.js';

const echo = (args: unknown): unknown => args;

interface RuleLine {
  rule: string;
  action: string;
  statusCode: number;
  success: boolean;
  activationId?: string;
  error?: string;
}

describe('triggers and rules', () => {
  let api: TestController;
  before(async () => {
    api = await TestController.start();
    await api.action('echo', echo);
    await api.must('PUT', '_/packages/pkg', { parameters: [{ key: 'from', value: 'package' }] });
    await api.action('pkg/inner', echo);
    await api.must('PUT', '_/packages/bound', {
      binding: { namespace: '_', name: 'pkg' },
      parameters: [{ key: 'from', value: 'binding' }],
    });
    await api.must('PUT', '_/actions/seq', { exec: { kind: 'sequence', components: ['/_/echo', '/_/pkg/inner'] } });
  });
  after(() => api.close());

  async function fire(trigger: string, payload: object = {}, headers: Record<string, string> = {}) {
    const answer = await api.request('POST', `_/triggers/${trigger}`, payload, { headers });
    assert.equal(answer.status, 202, JSON.stringify(answer.body));
    assert.equal(answer.headers.get('x-openwhisk-activation-id'), answer.body.activationId);
    const record = await api.record(answer.body.activationId);
    return { record, lines: record.logs.map((line) => JSON.parse(line) as RuleLine) };
  }

  const rule = (name: string, trigger: string, action: string, query = '') =>
    api.must('PUT', `_/rules/${name}${query}`, { trigger: `/_/${trigger}`, action });

  it('run actions, packaged ones, bound ones and sequences, and log each', async () => {
    await api.must('PUT', '_/triggers/many', { parameters: [{ key: 'city', value: 'Paris' }] });
    await rule('r1', 'many', '/_/echo');
    await rule('r2', 'many', '/guest/pkg/inner');
    await rule('r3', 'many', '/_/bound/inner');
    await rule('r4', 'many', '/_/seq');
    const { record, lines } = await fire('many', { n: 1 });
    assert.deepEqual(record.response, { statusCode: 0, result: { n: 1 } });
    assert.deepEqual([record.end, record.duration, record.cause, record.annotations], [0, undefined, undefined, []]);
    assert.deepEqual(
      lines.map(({ rule, action, success }) => [rule, action, success]),
      [
        ['guest/r1', 'guest/echo', true],
        ['guest/r2', 'guest/pkg/inner', true],
        ['guest/r3', 'guest/bound/inner', true],
        ['guest/r4', 'guest/seq', true],
      ],
    );
    const results = await Promise.all(
      lines.map(async ({ activationId = '' }) => {
        const { cause, response } = await api.record(activationId);
        assert.equal(cause, undefined);
        const { __ow_headers, ...result } = response.result as Record<string, unknown>;
        assert.ok(__ow_headers);
        return result;
      }),
    );
    assert.deepEqual(results, [
      { city: 'Paris', n: 1 },
      { from: 'package', city: 'Paris', n: 1 },
      { from: 'binding', city: 'Paris', n: 1 },
      { from: 'package', city: 'Paris', n: 1 },
    ]);
  });

  it('hand the headers of a fire on, but nothing that proves who fired', async () => {
    await api.must('PUT', '_/triggers/headed', {});
    await rule('r_headed', 'headed', '/_/echo');
    const { lines } = await fire('headed', {}, { 'X-Custom': 'Value', 'Proxy-Authorization': 'Basic c2VjcmV0' });
    const { response } = await api.record(lines[0]?.activationId ?? '');
    const headers = (response.result as { __ow_headers: Record<string, string> }).__ow_headers;
    assert.equal(headers['x-custom'], 'Value');
    assert.equal(headers['host'], new URL(api.base).host);
    for (const name of ['authorization', 'proxy-authorization', 'content-type', 'content-length']) {
      assert.ok(!(name in headers), name);
    }
  });

  it('do nothing if no rule is active', async () => {
    await api.must('PUT', '_/triggers/quiet', {});
    assert.equal((await api.request('POST', '_/triggers/quiet', {})).status, 204);
    await rule('r_quiet', 'quiet', '/_/echo');
    await api.must('POST', '_/rules/r_quiet', { status: 'inactive' });
    const answer = await api.request('POST', '_/triggers/quiet');
    assert.deepEqual([answer.status, answer.body], [204, '']);
    assert.equal(answer.headers.get('x-openwhisk-activation-id'), null);
  });

  it('mention the rules that are inactive beside those that are not', async () => {
    await api.must('PUT', '_/triggers/half', {});
    await rule('on', 'half', '/_/echo');
    await rule('off', 'half', '/_/echo');
    await api.must('POST', '_/rules/off', { status: 'inactive' });
    const { lines } = await fire('half');
    assert.deepEqual(lines[1], {
      statusCode: 1,
      success: false,
      error: "Rule 'guest/off' is inactive, action 'guest/echo' was not activated.",
      rule: 'guest/off',
      action: 'guest/echo',
    });
  });

  it('log that an action is gone, forbidden, or not to be given such parameters', async () => {
    await api.must('PUT', '_/triggers/broken', {});
    await api.action('gone', echo);
    await api.action('final', echo, {
      parameters: [{ key: 'fixed', value: 1 }],
      annotations: [{ key: 'final', value: true }],
    });
    const system = { user: 'whisk.system' } as const;
    await api.must('PUT', '_/packages/shared', { publish: true }, system);
    await api.action('shared/echo', echo, {}, 'whisk.system');
    await rule('r_gone', 'broken', '/_/gone');
    await rule('r_final', 'broken', '/_/final');
    await rule('r_shared', 'broken', '/whisk.system/shared/echo');
    await api.must('DELETE', '_/actions/gone');
    await api.must('PUT', '_/packages/shared?overwrite=true', { publish: false }, system);
    const { lines } = await fire('broken', { fixed: 2 });
    assert.deepEqual(
      lines.map(({ statusCode, error }) => [statusCode, error]),
      [
        [1, 'The requested resource does not exist.'],
        [1, 'Request defines parameters that are not allowed (e.g., reserved properties).'],
        [1, "The supplied authentication is not authorized to access 'whisk.system/shared'."],
      ],
    );
  });

  it('count the actions of rules against the caller’s limits', async () => {
    const limited = await TestController.start({ limits: { invocationsPerMinute: 1 } });
    try {
      await limited.action('echo', echo);
      await limited.must('PUT', '_/triggers/two', {});
      for (const name of ['a', 'b']) {
        await limited.must('PUT', `_/rules/${name}`, { trigger: '/_/two', action: '/_/echo' });
      }
      const { activationId } = await limited.must('POST', '_/triggers/two', {});
      const lines = (await limited.record(activationId)).logs.map((line) => JSON.parse(line) as RuleLine);
      const refused = lines.filter(({ success }) => !success);
      // The minute may have ended between the two.
      assert.ok(refused.length <= 1);
      for (const { statusCode, error } of refused) {
        assert.deepEqual([statusCode, error], [1, 'Too many requests in the last minute (count: 2, allowed: 1).']);
      }
    } finally {
      await limited.close();
    }
  });

  it('hand their color to the actions', async () => {
    await api.must('PUT', '_/triggers/colored', { annotations: [{ key: 'color', value: 'user-{user}' }] });
    await rule('r_colored', 'colored', '/_/echo');
    const sentFor = async (payload: object, headers: Record<string, string>) => {
      const { lines, record } = await fire('colored', payload, headers);
      const sent = api.balancer.sent.find(({ message }) => message.activationId === lines[0]?.activationId);
      assert.deepEqual(record.annotations, sent?.color ? [{ key: 'color', value: sent.color.value }] : []);
      return sent?.color?.value;
    };
    assert.equal(await sentFor({ user: 'ann' }, {}), 'user-ann');
    assert.equal(await sentFor({ user: 'ann' }, { 'X-OpenWhisk-Color': 'red' }), 'red');
    assert.equal(await sentFor({}, {}), undefined);
  });

  it('have the status that another controller gave them just now, though the trigger is cached here', async () => {
    await api.must('PUT', '_/triggers/shared', {});
    await rule('r_elsewhere', 'shared', '/_/echo');
    const cached = await api.ctx.entities.getTrigger('guest/shared');
    assert.ok(cached);
    const rules = { 'guest/r_elsewhere': { action: { path: 'guest', name: 'echo' }, status: 'inactive' } };
    const elsewhere = (trigger: object) => api.stores.whisks.put({ ...trigger, rules } as unknown as NewDocument);
    await elsewhere(cached);
    // What was active here is not taken for active.
    await api.must('POST', '_/rules/r_elsewhere', { status: 'active' });
    const stored = (await api.stores.whisks.get('guest/shared')) as unknown as TriggerDocument;
    assert.equal(stored.rules?.['guest/r_elsewhere']?.status, 'active');
    await elsewhere(stored);
    const seen = await api.must<{ status: string }>('GET', '_/rules/r_elsewhere');
    assert.equal(seen.status, 'inactive');
  });

  it('are changed by new revisions of the trigger, not by new versions', async () => {
    await api.must('PUT', '_/triggers/versioned', {});
    const before = await api.ctx.entities.getTrigger('guest/versioned');
    await rule('r_versioned', 'versioned', '/_/echo');
    await api.must('POST', '_/rules/r_versioned', { status: 'inactive' });
    const after = await api.ctx.entities.getTrigger('guest/versioned');
    assert.match(after?._rev ?? '', /^3-/);
    assert.deepEqual([after?.version, after?.updated], [before?.version, before?.updated]);
    assert.deepEqual(after?.rules, {
      'guest/r_versioned': { action: { path: 'guest', name: 'echo' }, status: 'inactive' },
    });
    const stored = await api.stores.whisks.get('guest/versioned');
    assert.ok(stored && 'rules' in stored);
    assert.ok(!('status' in ((await api.stores.whisks.get('guest/versioned')) ?? {})));
  });

  it('move to another trigger and keep their state', async () => {
    await api.must('PUT', '_/triggers/from', {});
    await api.must('PUT', '_/triggers/to', {});
    await rule('moving', 'from', '/_/echo');
    await api.must('POST', '_/rules/moving', { status: 'inactive' });
    const moved = await api.must('PUT', '_/rules/moving?overwrite=true', { trigger: '/_/to' });
    assert.deepEqual([moved.status, moved.version, moved.action.name], ['inactive', '0.0.2', 'echo']);
    assert.deepEqual((await api.must('GET', '_/triggers/from')).rules, {});
    assert.deepEqual(Object.keys((await api.must('GET', '_/triggers/to')).rules), ['guest/moving']);
    const deleted = await api.must('DELETE', '_/rules/moving');
    assert.equal(deleted.status, 'inactive');
    assert.deepEqual((await api.must('GET', '_/triggers/to')).rules, {});
  });

  it('dangle if their trigger is deleted, and can be tied to a new one', async () => {
    await api.must('PUT', '_/triggers/brief', {});
    await rule('dangling', 'brief', '/_/echo');
    await api.must('DELETE', '_/triggers/brief');
    assert.equal((await api.must('GET', '_/rules/dangling')).status, 'inactive');
    assert.equal(await api.must('POST', '_/rules/dangling', { status: 'inactive' }), 'OK');
    assert.equal((await api.request('POST', '_/rules/dangling', { status: 'active' })).status, 404);
    await api.must('PUT', '_/triggers/brief', {});
    await api.must('POST', '_/rules/dangling', { status: 'active' });
    await fire('brief');
    await api.must('DELETE', '_/triggers/brief');
    assert.equal((await api.must('DELETE', '_/rules/dangling')).name, 'dangling');
  });

  it('of one trigger may be made at the same time', async () => {
    await api.must('PUT', '_/triggers/crowded', {});
    await Promise.all(['c1', 'c2', 'c3'].map((name) => rule(name, 'crowded', '/_/echo')));
    assert.equal(Object.keys((await api.must('GET', '_/triggers/crowded')).rules).length, 3);
  });

  it('keep their rules when the trigger is updated', async () => {
    const updated = await api.must('PUT', '_/triggers/crowded?overwrite=true', { rules: {}, publish: true });
    assert.equal(Object.keys(updated.rules).length, 3);
    assert.deepEqual([updated.version, updated.publish], ['0.0.2', true]);
  });

  it('are updated in part', async () => {
    for (const name of ['p1', 'p2']) await api.must('PUT', `_/triggers/${name}`, {});
    await api.action('other', echo);
    await rule('part', 'p1', '/_/echo');
    const update = (body: object) => api.must('PUT', '_/rules/part?overwrite=true', body);
    const same = await update({});
    assert.deepEqual([same.version, same.status, same.action.name], ['0.0.2', 'active', 'echo']);
    const action = await update({ action: '/_/other' });
    assert.deepEqual([action.version, action.action.name], ['0.0.3', 'other']);
    const both = await update({ trigger: '/_/p2', action: '/_/echo' });
    assert.deepEqual([both.version, both.status, both.action.name], ['0.0.4', 'active', 'echo']);
    const linked = { 'guest/part': { action: { path: 'guest', name: 'echo' }, status: 'active' } };
    assert.deepEqual((await api.must('GET', '_/triggers/p2')).rules, linked);
    assert.deepEqual((await api.must('GET', '_/triggers/p1')).rules, {});
    for (const [body, error] of [
      [{ trigger: '/_/nosuch' }, 'trigger /guest/nosuch does not exist'],
      [{ action: '/_/nosuch' }, 'action /guest/nosuch does not exist'],
      [{ trigger: '/_/nosuch', action: '/_/nosuch' }, 'trigger /guest/nosuch does not exist'],
    ] as const) {
      const answer = await api.request('PUT', '_/rules/part?overwrite=true', body);
      assert.deepEqual([answer.status, answer.body.error], [400, error]);
    }
    assert.deepEqual((await api.must('GET', '_/triggers/p2')).rules, linked);
  });

  it('of two triggers may lead to one action, and of one trigger to two', async () => {
    for (const name of ['x1', 'x2']) await api.must('PUT', `_/triggers/${name}`, {});
    await rule('r_x1', 'x1', '/_/echo');
    await rule('r_x2', 'x2', '/_/echo');
    await rule('r_x3', 'x2', '/_/other');
    const actions = async (name: string) => (await fire(name)).lines.map(({ action }) => action);
    assert.deepEqual(await actions('x1'), ['guest/echo']);
    assert.deepEqual(await actions('x2'), ['guest/echo', 'guest/other']);
    await api.must('DELETE', '_/rules/r_x3');
    assert.deepEqual(await actions('x2'), ['guest/echo']);
    await rule('r_x3', 'x2', '/_/other');
    assert.deepEqual(await actions('x2'), ['guest/echo', 'guest/other']);
  });

  it('may get a feed later on, which nobody looks at then', async () => {
    await api.must('PUT', '_/triggers/fed', {});
    const annotations = [{ key: 'feed', value: 'a,b' }];
    assert.equal((await api.request('PUT', '_/triggers/fed?overwrite=true', { annotations })).status, 200);
    assert.equal((await api.request('PUT', '_/triggers/alsoFed', { annotations })).status, 400);
  });

  it('have limits on their size, and no parts', async () => {
    const list = [{ key: 'k', value: 'x'.repeat(1024 * 1024) }];
    for (const [path, field] of [
      ['_/triggers/large', 'parameters'],
      ['_/triggers/fed?overwrite=true', 'parameters'],
      ['_/triggers/large', 'annotations'],
      ['_/rules/large', 'annotations'],
      ['_/rules/part?overwrite=true', 'annotations'],
    ] as const) {
      const answer = await api.request('PUT', path, { [field]: list });
      assert.equal(answer.status, 413);
      assert.equal(answer.body.error, `${field} larger than allowed: 1048579 > 1048576 bytes.`);
    }
    for (const path of ['_/triggers/fed/bar', '_/rules/part/bar']) {
      assert.equal((await api.request('GET', path)).status, 404);
    }
  });

  it('refuse pages that are none', async () => {
    for (const collection of ['triggers', 'rules', 'packages']) {
      for (const [query, error] of [
        ['limit=201', `'limit' was malformed:\nThe value '201' is not in the range of 0 to 200 for ${collection}.`],
        ['limit=-1', `'limit' was malformed:\nThe value '-1' is not in the range of 0 to 200 for ${collection}.`],
        ['limit=x', `'limit' was malformed:\nThe value 'x' is not an integer for ${collection}.`],
        ['skip=-1', `'skip' was malformed:\nThe value '-1' is not greater than or equal to 0 for ${collection}.`],
        ['skip=x', `'skip' was malformed:\nThe value 'x' is not an integer for ${collection}.`],
      ] as const) {
        const answer = await api.request('GET', `_/${collection}?${query}`);
        assert.deepEqual([answer.status, answer.body.error], [400, `The query parameter ${error}`]);
      }
    }
  });

  it('of other namespaces are out of reach', async () => {
    const system = { user: 'whisk.system' } as const;
    for (const collection of ['triggers', 'rules']) {
      for (const path of [`guest/${collection}`, `guest/${collection}/fed`]) {
        assert.equal((await api.request('GET', path, undefined, system)).status, 403);
      }
      assert.equal((await api.request('PUT', `guest/${collection}/fed`, {}, system)).status, 403);
      assert.equal((await api.request('POST', `guest/${collection}/fed`, {}, system)).status, 403);
      assert.equal((await api.request('DELETE', `guest/${collection}/fed`, undefined, system)).status, 403);
    }
  });

  it('refuse names, feeds and states that are none', async () => {
    const errorOf = async (method: string, path: string, body: unknown) =>
      (await api.request(method, path, body)).body.error.replace(/^[^\n]*malformed:\n/, '');
    assert.equal(
      await errorOf('PUT', '_/triggers/bad', { annotations: [{ key: 'feed', value: 'a!' }] }),
      'Feed name is not valid',
    );
    assert.equal(await errorOf('PUT', '_/triggers/bad', { limits: 1 }), 'Object expected');
    assert.equal(await errorOf('PUT', '_/rules/bad', { trigger: 7 }), 'fully qualified name malformed');
    assert.equal(await errorOf('POST', '_/rules/r_colored', { status: 1 }), '1 (of class spray.json.JsNumber)');
    assert.equal((await api.request('POST', '_/rules/r_colored')).status, 400);
    const other = await api.request('PUT', '_/rules/bad', { trigger: '/whisk.system/x', action: '/_/echo' });
    assert.equal(other.status, 403);
  });

  it('are read from documents of old, which named triggers and actions by a text', async () => {
    const old = { namespace: 'guest', version: '0.0.1', publish: false, annotations: [] };
    const { whisks } = api.stores;
    await whisks.put({ _id: 'guest/oldT', name: 'oldT', parameters: [], limits: {}, ...old } as never);
    const rule = { name: 'oldR', trigger: 'oldT', action: 'echo', status: 'active', ...old };
    await whisks.put({ _id: 'guest/oldR', ...rule });
    const read = await api.must('GET', '_/rules/oldR');
    assert.deepEqual([read.status, read.action], ['inactive', { path: 'guest', name: 'echo' }]);
    await api.must('POST', '_/rules/oldR', { status: 'active' });
    const { rules } = await api.must('GET', '_/triggers/oldT');
    assert.deepEqual(rules, { 'guest/oldR': { action: { path: 'guest', name: 'echo' }, status: 'active' } });
    assert.equal((await fire('oldT')).lines[0]?.success, true);
  });

  it('report a damaged document', async () => {
    await api.stores.whisks.put({ _id: 'guest/damaged', entityType: 'badEntity', namespace: 'guest' } as never);
    const corrupted = 'Resource is corrupted and cannot be read.';
    for (const [method, path, body] of [
      ['GET', '_/triggers/damaged', undefined],
      ['DELETE', '_/triggers/damaged', undefined],
      ['PUT', '_/triggers/damaged', {}],
      ['PUT', '_/rules/damaged', {}],
      ['GET', '_/packages/damaged', undefined],
      ['PUT', '_/packages/damaged', {}],
      ['DELETE', '_/packages/damaged', undefined],
    ] as const) {
      const { status, body: answer } = await api.request(method, path, body);
      assert.deepEqual([status, answer.error], [500, corrupted], `${method} ${path}`);
    }
    for (const body of [
      { trigger: '/_/damaged', action: '/_/echo' },
      { trigger: '/_/many', action: '/_/damaged' },
    ]) {
      const { status, body: answer } = await api.request('PUT', '_/rules/fresh', body);
      assert.deepEqual([status, answer.error], [400, corrupted]);
    }
  });

  it('refuse a payload that is not an object or too large', async () => {
    assert.equal((await api.request('POST', '_/triggers/many', [1])).status, 400);
    const large = await api.request('POST', '_/triggers/many', { x: 'x'.repeat(1024 * 1024) });
    assert.equal(large.status, 413);
    assert.match(large.body.error, /^Request larger than allowed: \d+ > 1048576 bytes\.$/);
  });

  it('are counted and listed', async () => {
    assert.deepEqual(Object.keys(await api.must('GET', '_/triggers?count=true')), ['triggers']);
    const { rules } = await api.must<{ rules: number }>('GET', '_/rules?count=true');
    const listed = await api.must<Body[]>('GET', '_/rules?limit=0');
    assert.equal(listed.length, rules);
    assert.ok(listed.every((entry) => 'trigger' in entry && 'action' in entry && !('status' in entry)));
  });

  it('leave no record for those who want none', async () => {
    const own = await TestController.start();
    try {
      await own.stores.subjects.put({ _id: 'guest/limits', storeActivations: false } as never);
      await own.action('echo', echo);
      await own.must('PUT', '_/triggers/t', {});
      await own.must('PUT', '_/rules/r', { trigger: '/_/t', action: '/_/echo' });
      const { activationId } = await own.must('POST', '_/triggers/t', {});
      await eventually(() => assert.equal(own.balancer.sent.length, 1));
      // A record would come now.
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(await own.ctx.activations.get('guest', activationId), undefined);
    } finally {
      await own.close();
    }
  });
});
