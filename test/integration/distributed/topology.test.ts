import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../e2e/eventually.js';
import { nodeAction, request, startTopology } from './cluster.js';
import { skipWithoutBroker } from '../kafka/broker.js';
import type { LocalProcess } from '../../../deploy/local/LocalProcess.js';
import type { Topology } from '../../../deploy/local/Topology.js';
import { openCouchStores } from '../../../shared/store/couchdb/open.js';

/** Of the invokers. */
const OPERATOR = { headers: { authorization: `Basic ${btoa('operator:secret')}` } };

describe('two controllers and two invokers over Kafka and CouchDB', function () {
  this.timeout(600_000);
  let topology: Topology;
  let started: Awaited<ReturnType<typeof startTopology>> | undefined;
  let one: string;
  let other: string;

  before(async function () {
    skipWithoutBroker(this);
    started = await startTopology({
      environment: {
        CONFIG_whisk_db_maxInlineSize: '2 k',
        CONFIG_whisk_invoker_username: 'operator',
        CONFIG_whisk_invoker_password: 'secret',
      },
    });
    topology = started.topology;
    [one = '', other = ''] = topology.controllers.map(({ url }) => url);
  });
  after(() => started?.close());

  it('run an action that the other controller took', async () => {
    const code = 'function main({ name }) { return { greeting: `Hello ${name}` } }';
    const put = await request(one, 'PUT', 'actions/hello?overwrite=true', nodeAction(code));
    assert.equal(put.status, 200, JSON.stringify(put.body));
    for (const base of [other, one]) {
      const { status, body } = await request(base, 'POST', 'actions/hello?blocking=true&result=true', { name: 'you' });
      assert.equal(status, 200);
      assert.deepEqual(body, { greeting: 'Hello you' });
    }
  });

  it('find on one controller the activation that the other took', async () => {
    const { status, body } = await request(one, 'POST', 'actions/hello', { name: 'later' });
    assert.equal(status, 202);
    const found = await eventually(async () => {
      const record = await request(other, 'GET', `activations/${String(body['activationId'])}`);
      assert.equal(record.status, 200);
      return record;
    });
    assert.deepEqual((found.body['response'] as { result: unknown }).result, { greeting: 'Hello later' });
  });

  it('learn of a change that the other made', async () => {
    const invoke = async (): Promise<unknown> =>
      (await request(other, 'POST', 'actions/changing?blocking=true&result=true', {})).body['version'];
    const code = (version: number): string => `function main() { return { version: ${version} } }`;
    await request(one, 'PUT', 'actions/changing?overwrite=true', nodeAction(code(1)));
    assert.equal(await invoke(), 1);
    await request(one, 'PUT', 'actions/changing?overwrite=true', nodeAction(code(2)));
    await eventually(async () => assert.equal(await invoke(), 2));
  });

  it('keep code that is larger than the installation wants inline as an attachment, and run it', async () => {
    const stores = await openCouchStores(started?.couch ?? assert.fail('nothing was started'));
    try {
      for (const [name, bytes] of Object.entries({ small: 1000, large: 3000 })) {
        const code = `function main() { return { name: '${name}' } } // ${'x'.repeat(bytes)}`;
        await request(one, 'PUT', `actions/${name}`, nodeAction(code));
        const document = await stores.whisks.get(`guest/${name}`);
        assert.equal(Object.hasOwn(document ?? {}, '_attachments'), name === 'large');
        const { body } = await request(other, 'POST', `actions/${name}?blocking=true&result=true`, {});
        assert.deepEqual(body, { name });
      }
    } finally {
      await stores.close();
    }
  });

  it('refuse an action of a kind that no invoker can run, and say why', async () => {
    // It is on its way with the pings.
    const put = await eventually(async () => {
      const answer = await request(one, 'PUT', 'actions/swift?overwrite=true', {
        exec: { kind: 'swift:default', code: 'func main(args: [String:Any]) -> [String:Any] { return [:] }' },
      });
      assert.equal(answer.status, 400);
      return answer;
    });
    assert.match(
      String(put.body['error']),
      /^Actions of kind 'swift:[\d.]+' cannot run on this platform: without Docker only the kinds nodejs:/,
    );
  });

  it('tell how long store and bus take', async () => {
    const metrics = async ({ url }: LocalProcess): Promise<string> => (await fetch(`${url}/metrics`, OPERATOR)).text();
    const [controller, invoker] = [topology.controllers[0], topology.invokers[0]];
    assert.ok(controller && invoker);
    const [ofController, ofInvoker] = [await metrics(controller), await metrics(invoker)];
    assert.match(ofController, /^store_operation_seconds_count\{database="whisks",operation="put"\} [1-9]/m);
    assert.match(ofController, /^bus_send_seconds_count\{topic="[^"]*cacheInvalidation"\} [1-9]/m);
    assert.match(ofController, /^activation_backlog_records 0$/m);
    assert.match(ofInvoker, /^store_operation_seconds_count\{database="whisks",operation="get"\} [1-9]/m);
    assert.match(ofInvoker, /^bus_send_seconds_count\{topic="[^"]*health"\} [1-9]/m);
    assert.match(ofInvoker, /^activation_batch_seconds_count \d/m);
  });

  it('use both invokers', async () => {
    const code = 'function main() { return new Promise((resolve) => setTimeout(() => resolve({}), 800)) }';
    await request(one, 'PUT', 'actions/slow?overwrite=true', nodeAction(code, { memory: 512 }));
    const began = Date.now();
    // Two controllers share two invokers of 2 GB: each may have two of 512 MB on each of them.
    const runs = await Promise.all(
      Array.from({ length: 8 }, (_, i) => request(i % 2 ? one : other, 'POST', 'actions/slow?blocking=true', {})),
    );
    assert.deepEqual(
      runs.map(({ status }) => status),
      runs.map(() => 200),
    );
    console.log(`      8 activations of 0.8 s and 512 MB on 2 invokers of 2 GB took ${Date.now() - began} ms`);
  });

  it('switch an invoker off and on', async () => {
    const [invoker] = topology.invokers;
    assert.ok(invoker);
    assert.equal((await fetch(`${invoker.url}/disable`, { method: 'POST', ...OPERATOR })).status, 200);
    await eventually(async () => {
      const states = JSON.stringify(await (await fetch(`${one}/invokers`)).json());
      assert.match(states, /down|unresponsive|offline/);
    });
    const { status } = await request(one, 'POST', 'actions/hello?blocking=true', { name: 'x' });
    assert.equal(status, 200);
    assert.equal((await fetch(`${invoker.url}/enable`, { method: 'POST', ...OPERATOR })).status, 200);
    await topology.ready();
  });

  it('stop in order: an invoker finishes what it has, and exits with 0', async () => {
    const invoker = topology.invokers[1];
    assert.ok(invoker);
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-topology-'));
    const code = `async function main({ until, mark }) {
      require('fs').writeFileSync(mark, '');
      while (!require('fs').existsSync(until)) await new Promise((resolve) => setTimeout(resolve, 10));
      return {};
    }`;
    await request(one, 'PUT', 'actions/waiting', nodeAction(code, { memory: 512 }));
    let running: ReturnType<typeof request>[] = [];
    let until = '';
    await eventually(async () => {
      const round = mkdtempSync(join(folder, 'round-'));
      until = join(round, 'release');
      // Two controllers share two invokers of 2 GB: each may have two of 512 MB on each of them.
      running = Array.from({ length: 8 }, (_, i) =>
        request(i % 2 ? one : other, 'POST', 'actions/waiting?blocking=true', { until, mark: join(round, `${i}`) }),
      );
      try {
        await eventually(() => assert.equal(readdirSync(round).length, running.length), 30_000);
      } catch (error) {
        // An invoker whose pings are late gets no activations. Those of the other one wait for their turn.
        writeFileSync(until, '');
        await Promise.all(running);
        throw error;
      }
    }, 200_000);
    const stopped = invoker.stop();
    writeFileSync(until, '');
    assert.equal(await stopped, 0);
    for (const { status } of await Promise.all(running)) assert.equal(status, 200);
    rmSync(folder, { recursive: true });
    await invoker.start();
    await topology.ready();
  });
});
