import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Controller } from '../../../controller/Controller.js';
import { BALANCER } from '../../../controller/loadbalancer/ShardingBalancer.js';
import { installUsers } from '../../../deploy/standalone/users.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../../shared/messaging/topics.js';
import { activationWriteMetrics } from '../../../shared/metrics/measured.js';
import { HttpServer } from '../../../controller/http/HttpServer.js';
import { operatorPolicy } from '../../../shared/access/operators.js';
import { noEncryption } from '../../../shared/parameters/encryption.js';
import { loadManifest } from '../../../shared/runtimes/manifest.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../../../shared/store/BatchingActivationStore.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';
import { SubjectStore } from '../../../shared/store/SubjectStore.js';
import { nodeAction, request } from '../distributed/cluster.js';
import { eventually } from '../../e2e/eventually.js';
import { startOwnCouch, type OwnCouch } from './couch.js';

/** About as much as ten records of triggers. */
const MAX_BACKLOG_BYTES = 10_000;

describe('a controller whose CouchDB is away', () => {
  const messaging = new EmbeddedMessaging();
  const registry = new Registry();
  const server = new HttpServer();
  let couch: OwnCouch;
  let stores: Stores;
  let activations: BatchingActivationStore;
  let controller: Controller;
  let base: string;

  before(async () => {
    couch = await startOwnCouch();
    stores = await openCouchStores(couch.options());
    await installUsers(stores.subjects, []);
    activations = new BatchingActivationStore(stores.activations, {
      maxBacklogBytes: MAX_BACKLOG_BYTES,
      maxRetryDelayMs: 200,
      observer: activationWriteMetrics(registry),
    });
    controller = await Controller.start({
      instance: { asString: '0', instanceType: 'controller' },
      config: {
        limits: { ...DEFAULT_LIMITS, firesPerMinute: 10_000, invocationsPerMinute: 10_000 },
        balancer: BALANCER,
        sharedPackagesExecuteOnly: false,
        operator: operatorPolicy(),
        readinessFraction: 0,
        userEvents: false,
        build: { number: '0', date: '', version: '1.2.3' },
      },
      whisks: stores.whisks,
      activations,
      subjects: new SubjectStore(stores.subjects),
      messaging,
      topics: topics(),
      runtimes: loadManifest(),
      encryption: noEncryption,
      log: silentLogger,
      registry,
    });
    const { port } = await server.listen(0, '127.0.0.1');
    controller.serve(server);
    base = `http://127.0.0.1:${port}`;
  });
  after(async () => {
    await controller.drain(server, 1000);
    await controller.close();
    await messaging.close();
    await activations.close();
    await stores.close();
    await couch.close();
  });

  /** What waits for the store. */
  const backlog = async (unit: 'bytes' | 'records' = 'bytes'): Promise<number> => {
    const metric = registry.getSingleMetric(`activation_backlog_${unit}`);
    return (await metric?.get())?.values[0]?.value ?? 0;
  };

  it('accepts work until the waiting records fill their memory, then holds new work, and loses no record', async () => {
    await request(base, 'PUT', 'actions/hello', nodeAction('function main() { return {} }'));
    await request(base, 'PUT', 'triggers/event', {});
    await request(base, 'PUT', 'rules/link', { trigger: '/_/event', action: '/_/hello' });
    const fire = () => request(base, 'POST', 'triggers/event', { some: 'payload' });
    assert.equal((await fire()).status, 202);
    await activations.flush();

    await couch.kill();
    const accepted: string[] = [];
    while ((await backlog()) < MAX_BACKLOG_BYTES) {
      accepted.push(String((await fire()).body['activationId']));
      assert.ok(accepted.length < 100, 'they do not fill the memory');
      await eventually(async () => assert.equal(await backlog('records'), accepted.length));
    }
    const held = fire();
    assert.ok(accepted.length >= 5, `only ${accepted.length} were accepted`);
    const waiting = await backlog();
    assert.ok(waiting >= MAX_BACKLOG_BYTES && waiting < 2 * MAX_BACKLOG_BYTES, `${waiting} bytes wait`);
    const invocation = request(base, 'POST', 'actions/hello', {});
    assert.equal(await Promise.race([held, invocation, sleep(500)]), undefined);
    // What is known is answered as ever, what is not is refused with the reason.
    assert.equal((await request(base, 'GET', 'actions/hello')).status, 200);
    for (const path of ['actions/unknown', 'actions', 'activations', 'rules']) {
      const refused = await request(base, 'GET', path);
      assert.deepEqual(
        [refused.status, refused.body['error']],
        [503, 'The database does not answer. Try again later.'],
        path,
      );
    }
    const stranger = `Basic ${Buffer.from(`11111111-1111-4111-8111-111111111111:${'A'.repeat(64)}`).toString('base64')}`;
    const unknown = await fetch(`${base}/api/v1/namespaces/_/actions`, { headers: { authorization: stranger } });
    assert.deepEqual([unknown.status, unknown.headers.get('retry-after')], [503, '5']);

    await couch.start();
    const { status, body } = await held;
    assert.equal(status, 202);
    // Nobody runs it: there is no invoker. It was not cut off, though.
    assert.equal((await invocation).status, 503);
    await activations.flush();
    for (const id of [...accepted, String(body['activationId'])]) {
      assert.ok(await stores.activations.get(`guest/${id}`), `no record of ${id}`);
    }
    assert.equal(await backlog(), 0);
  });
});
