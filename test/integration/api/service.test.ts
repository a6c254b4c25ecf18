import assert from 'node:assert/strict';
import { isReady } from '../../../controller/api/service/health.js';
import type { InvokerHealth, InvokerStatus } from '../../../controller/loadbalancer/LoadBalancer.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { JsonObject } from '../../../shared/entities/keyvalue.js';
import { TestController, type Answer } from './testController.js';

const refusal = ({ status, body }: Answer): string => `${status} ${body.error}`;

describe('what a controller tells about itself', () => {
  let controller: TestController;
  before(async () => {
    controller = await TestController.start({ guestLimits: { firesPerMinute: 3, maxActionMemory: 256 } });
  });
  after(() => controller.close());

  const page = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(controller.base + path, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, text };
  };

  /** Its name and version are in the description, and it links to its documentation. */
  const namesTheProgram = async (path: string): Promise<void> => {
    const { text, headers } = await page(path);
    assert.match((JSON.parse(text) as { description: string }).description, /^OpenWhisk.* palette-whisk 1\.2\.3$/);
    assert.equal(headers.get('link'), '</api/v1/docs>; rel="service-doc", </api/v1/api-docs>; rel="service-desc"');
  };

  it('is open to everybody if it only tells that the controller is up', async () => {
    assert.equal((await page('/ping')).text, 'pong');
    const info = JSON.parse((await page('/')).text) as { limits: JsonObject; runtimes: JsonObject; api_paths: unknown };
    assert.deepEqual(info.api_paths, ['/api/v1']);
    assert.ok(Array.isArray(info.runtimes['nodejs']));
    await namesTheProgram('/');
    assert.deepEqual(info.limits, {
      actions_per_minute: 10_000,
      triggers_per_minute: 10_000,
      concurrent_actions: 1000,
      sequence_length: 50,
      default_min_action_duration: 100,
      default_max_action_duration: 300_000,
      default_min_action_memory: 134_217_728,
      default_max_action_memory: 536_870_912,
      default_min_action_logs: 0,
      default_max_action_logs: 10_485_760,
      min_action_duration: 100,
      max_action_duration: 300_000,
      min_action_memory: 134_217_728,
      max_action_memory: 536_870_912,
      min_action_logs: 0,
      max_action_logs: 10_485_760,
    });
  });

  it('counts invokers, and lists them', async () => {
    assert.equal((await page('/invokers/healthy/count')).text, '1');
    assert.deepEqual(await page('/invokers/ready').then(({ status, text }) => [status, text]), [
      200,
      '{"healthy":"1/1"}',
    ]);
    for (const path of ['/invokers', '/invokers/'])
      assert.equal((await page(path)).text, '{"invoker0/in-process":"up"}');
    assert.equal((await page('/activation')).text, '[]');
    assert.equal((await page('/activation/count')).text, '0');
  });

  it('answers OPTIONS everywhere, with the methods of the place', async () => {
    for (const path of ['/api/v1', '/api/v1/namespaces', '/api/v1/namespaces/_/actions/a', '/api/v1/bogus']) {
      const { status, headers, text } = await page(path, { method: 'OPTIONS' });
      assert.deepEqual([status, text], [200, 'OK']);
      assert.equal(headers.get('access-control-allow-methods'), 'GET, DELETE, POST, PUT, HEAD');
    }
    const { headers } = await page('/bogus', { method: 'OPTIONS' });
    assert.equal(headers.get('access-control-allow-methods'), 'OPTIONS, GET, POST');
  });

  it('knows no other paths, and below the API tells so only to its users', async () => {
    const gone = await page('/nosuch');
    assert.equal(gone.status, 404);
    assert.match(gone.text, /"error":"The requested resource could not be found\."/);
    assert.equal((await page('/api/v1/nosuch')).status, 401);
    assert.equal(
      refusal(await controller.request('GET', '../nosuch')),
      '404 The requested resource could not be found.',
    );
    assert.equal((await controller.request('HEAD', '_/actions')).status, 404);
  });

  it('lists the namespace of the key', async () => {
    assert.deepEqual((await controller.request('GET', '')).body, ['guest']);
    assert.equal((await controller.request('POST', '', {})).status, 404);
  });

  it('fills in the limits that a namespace does not have of its own', async () => {
    assert.deepEqual(await controller.must('GET', '_/limits'), {
      invocationsPerMinute: 10_000,
      concurrentInvocations: 1000,
      firesPerMinute: 3,
      minActionMemory: 128,
      maxActionMemory: 256,
      minActionLogs: 0,
      maxActionLogs: 10,
      minActionTimeout: 100,
      maxActionTimeout: 300_000,
      minActionConcurrency: 1,
      maxActionConcurrency: 1,
      maxParameterSize: '1048576 B',
      maxActionInstances: 1000,
    });
    const system = await controller.must<JsonObject>('GET', '_/limits', undefined, { user: 'whisk.system' });
    assert.equal(system['maxActionMemory'], 512);
  });

  it('has no limits but those of the caller, and changes none', async () => {
    assert.equal(refusal(await controller.request('GET', 'whisk.system/limits')).slice(0, 3), '403');
    assert.equal((await controller.request('GET', '_/limits/one')).status, 400);
    for (const method of ['PUT', 'POST', 'DELETE']) {
      assert.equal((await controller.request(method, '_/limits', {})).status, 404);
      assert.equal((await controller.request(method, '_/limits/one', {})).status, 404);
    }
  });

  it('gives JSON only, and says so to callers who take none', async () => {
    const get = (accept: string) => controller.request('GET', '_/limits', undefined, { headers: { accept } });
    for (const accept of ['application/json', '*/*', 'text/html, */*;q=0.1', 'application/*']) {
      assert.equal((await get(accept)).status, 200);
    }
    assert.equal(
      refusal(await get('text/html')),
      '406 Resource representation is only available with these types:\napplication/json',
    );
  });
});

describe('readiness', () => {
  const invokers = (...states: InvokerStatus[]): InvokerHealth[] =>
    states.map((status, i) => ({ instance: invokerInstance(i, `${i}`, 1), status }));

  it('needs so many invokers, and at least one', () => {
    assert.equal(isReady(invokers('up', 'up'), 1), true);
    assert.equal(isReady(invokers('up', 'down'), 1), false);
    assert.equal(isReady(invokers('up', 'unhealthy'), 0.5), true);
    assert.equal(isReady([], 0), false);
  });
});
