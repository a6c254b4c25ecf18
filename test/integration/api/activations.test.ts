import assert from 'node:assert/strict';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { TestController, type Answer, type Body } from './testController.js';

const refusal = ({ status, body }: Answer): string => `${status} ${body.error}`;
const id = (n: number): string => n.toString(16).padStart(32, '0');

const record = (n: number, fields: Partial<ActivationRecord> = {}): ActivationRecord => ({
  activationId: id(n),
  namespace: 'guest',
  name: 'act',
  version: '0.0.1',
  subject: 'guest',
  publish: false,
  start: n * 1000,
  end: n * 1000 + 5,
  duration: 5,
  response: { statusCode: 0, result: { n }, size: 7 },
  logs: [`2026-01-01T00:00:00.000Z stdout: ${n}`],
  annotations: [{ key: 'path', value: 'guest/act' }],
  ...fields,
});

describe('activations', () => {
  let controller: TestController;
  before(async () => {
    controller = await TestController.start();
    const records = [
      ...Array.from({ length: 40 }, (_, i) => record(i + 1)),
      record(50, { name: 'other', annotations: [{ key: 'path', value: 'guest/p/other' }] }),
      record(51, { response: { statusCode: 1, result: { error: 'x' } } }),
      record(52, { response: { statusCode: 2, result: { error: 'x' } }, cause: id(51) }),
      record(53, { response: { statusCode: 3, result: { error: 'x' } } }),
      // A fired trigger.
      record(60, { name: 'trigger', end: 0, duration: undefined, logs: ['{"a":1}'], annotations: [] }),
      record(70, { namespace: 'whisk.system' }),
    ];
    await Promise.all(records.map((one) => controller.ctx.activations.store(one)));
  });
  after(() => controller.close());

  const list = (query: string) => controller.must<Body[]>('GET', `_/activations?${query}`);
  const ids = async (query: string) => (await list(query)).map(({ activationId }) => parseInt(activationId, 16));

  it('are listed newest first, 30 at a time unless told otherwise', async () => {
    const all = await ids('');
    assert.equal(all.length, 30);
    assert.deepEqual(all.slice(0, 6), [60, 53, 52, 51, 50, 40]);
    assert.equal((await ids('limit=0')).length, 45);
    assert.deepEqual(await ids('limit=2&skip=5'), [40, 39]);
    assert.deepEqual(await ids('skip=1000'), []);
  });

  it('are listed as summaries', async () => {
    const [summary] = await list('name=act&limit=1');
    assert.deepEqual(summary, {
      activationId: id(53),
      annotations: [{ key: 'path', value: 'guest/act' }],
      duration: 5,
      end: 53_005,
      name: 'act',
      namespace: 'guest',
      publish: false,
      start: 53_000,
      statusCode: 3,
      version: '0.0.1',
    });
    const [fired] = (await list('name=trigger')) as unknown as JsonObject[];
    assert.deepEqual(Object.keys(fired ?? {}).toSorted(), [
      'activationId',
      'annotations',
      'name',
      'namespace',
      'publish',
      'start',
      'version',
    ]);
  });

  it('are listed in full on request', async () => {
    const [whole] = await list('name=act&limit=1&docs=true');
    assert.deepEqual(whole, (await controller.request('GET', `_/activations/${id(53)}`)).body);
  });

  it('are found by name, in a package too, and by time', async () => {
    assert.deepEqual(await ids('name=p/other'), [50]);
    assert.deepEqual(await ids('name=nosuch'), []);
    assert.deepEqual(await ids('name=act&since=39000&upto=51000'), [51, 40, 39]);
    assert.deepEqual(await ids('since=39000&upto=50000'), [50, 40, 39]);
    assert.deepEqual(await ids('upto=2000'), [2, 1]);
    assert.deepEqual(await ids('since=53000'), [60, 53]);
    assert.deepEqual(await ids('name=&limit=1'), [60]);
  });

  it('are counted', async () => {
    const count = (query: string) => controller.must<unknown>('GET', `_/activations?count=true&${query}`);
    assert.deepEqual(await count(''), { activations: 45 });
    assert.deepEqual(await count('name=act'), { activations: 43 });
    assert.deepEqual(await count('name=act&since=39000&upto=51000'), { activations: 3 });
    assert.deepEqual(await count('skip=40'), { activations: 5 });
    assert.equal(
      refusal(await controller.request('GET', '_/activations?count=true&docs=true')),
      "400 The parameter 'docs' is not permitted with 'count'.",
    );
  });

  it('refuse queries that are none', async () => {
    const wrong: [query: string, parameter: string, detail: string][] = [
      ['limit=201', 'limit', "The value '201' is not in the range of 0 to 200 for activations."],
      ['limit=x', 'limit', "The value 'x' is not an integer for activations."],
      ['skip=-1', 'skip', "The value '-1' is not greater than or equal to 0 for activations."],
      ['since=xxx', 'since', 'Parameter is not a valid value for epoch seconds: xxx'],
      ['upto=1.5', 'upto', 'Parameter is not a valid value for epoch seconds: 1.5'],
      ['name=a/b/c', 'name', "Parameter may be a 'simple' name or 'package-name/simple' name: a/b/c"],
      ['name=%24', 'name', "Parameter may be a 'simple' name or 'package-name/simple' name: $"],
      ['docs=x', 'docs', "'x' is not a valid Boolean value"],
    ];
    for (const [query, parameter, detail] of wrong) {
      assert.equal(
        refusal(await controller.request('GET', `_/activations?${query}`)),
        `400 The query parameter '${parameter}' was malformed:\n${detail}`,
      );
    }
  });

  it('are shown with their status in words', async () => {
    const response = async (n: number) =>
      (await controller.must<{ response: JsonObject }>('GET', `_/activations/${id(n)}`)).response;
    assert.deepEqual(await response(1), { result: { n: 1 }, size: 7, status: 'success', success: true });
    assert.deepEqual((await response(51))['status'], 'application error');
    assert.deepEqual((await response(52))['status'], 'action developer error');
    assert.deepEqual(await response(53), { result: { error: 'x' }, status: 'whisk internal error', success: false });
  });

  it('have a result and logs of their own', async () => {
    assert.deepEqual(await controller.must('GET', `_/activations/${id(1)}/result`), {
      result: { n: 1 },
      size: 7,
      status: 'success',
      success: true,
    });
    const logs = { logs: ['2026-01-01T00:00:00.000Z stdout: 1'] };
    assert.deepEqual(await controller.must('GET', `_/activations/${id(1)}/logs`), logs);
    assert.deepEqual(await controller.must('GET', `guest/activations/${id(60)}/logs`), { logs: ['{"a":1}'] });
    for (const part of ['bogus', 'result/', 'logs/x']) {
      assert.equal((await controller.request('GET', `_/activations/${id(1)}/${part}`)).status, 404);
    }
  });

  it('of a trigger have no end and no duration', async () => {
    const fired = await controller.must<object>('GET', `_/activations/${id(60)}`);
    assert.equal('end' in fired, false);
    assert.equal('duration' in fired, false);
  });

  it('belong to their namespace', async () => {
    const refused = "403 The supplied authentication is not authorized to access 'whisk.system";
    assert.equal(refusal(await controller.request('GET', 'whisk.system/activations')), `${refused}'.`);
    const path = `whisk.system/activations/${id(70)}`;
    assert.equal(refusal(await controller.request('GET', path)), `${refused}/${id(70)}'.`);
    assert.equal((await controller.request('GET', path, undefined, { user: 'whisk.system' })).status, 200);
    assert.equal(
      refusal(await controller.request('GET', `_/activations/${id(70)}`)),
      '404 The requested resource does not exist.',
    );
  });

  it('have ids of 32 hexadecimal digits', async () => {
    const get = async (text: string) => refusal(await controller.request('GET', `_/activations/${text}`));
    assert.equal(await get(id(1).slice(1)), '400 Activation id length is 31 but must be 32.');
    assert.equal(await get(`${id(1)}xxx`), '400 Activation id length is 35 but must be 32.');
    assert.equal(await get(`${id(1).slice(1)}z`), '400 The activation id is not valid.');
    assert.equal(await get(id(999)), '404 The requested resource does not exist.');
  });

  it('are read only', async () => {
    for (const method of ['PUT', 'POST', 'DELETE']) {
      assert.equal((await controller.request(method, `_/activations/${id(1)}`, {})).status, 404);
      assert.equal((await controller.request(method, '_/activations', {})).status, 404);
    }
  });

  it('that are damaged in the store are told to be', async () => {
    await controller.stores.activations.put({ _id: `guest/${id(80)}`, activationId: id(80) } as never);
    for (const part of ['', '/result', '/logs']) {
      assert.equal(
        refusal(await controller.request('GET', `_/activations/${id(80)}${part}`)),
        '500 Resource is corrupted and cannot be read.',
      );
    }
  });
});
