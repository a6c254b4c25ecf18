import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { eventually } from '../../e2e/eventually.js';
import { selfSigned } from '../certificates.js';
import { skipWithoutBroker } from '../kafka/broker.js';
import { nodeAction, request, startTopology } from './cluster.js';
import { ClusterObjects } from './objectCaller.js';

/** A busy machine takes long until all processes know each other. */
const LIMIT_MS = 60_000;
const BYTES = 200_000;

/** Counts, reads what the caller has placed, and leaves a replicated object. */
const ACTION = `
const objects = require('palette-whisk/objects');
exports.main = async ({ n }) => {
  const count = await objects.increment('red', 'n', 1, { timeoutMs: 30_000 });
  const input = await objects.get('red', 'input', { timeoutMs: 30_000 });
  await objects.put('blue', 'from-' + n, 'result ' + n, { persistence: 'replicated', timeoutMs: 30_000 });
  return { count, bytes: input.length };
};`;

/*
 * Objects of a whole cluster with https between all processes. An invoker with a certificate refuses requests of other
 * processes that are not encrypted, so whatever passes between two of them here is encrypted.
 */
describe('objects of controllers and invokers with HTTPS', function () {
  this.timeout(600_000);
  const ordinary = getGlobalDispatcher();
  let folder: string;
  let started: Awaited<ReturnType<typeof startTopology>> | undefined;
  let controllers: string[];
  let objects: ClusterObjects;

  before(async function () {
    skipWithoutBroker(this);
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-https-'));
    selfSigned(folder, 'own');
    const path = (name: string): string => join(folder, name);
    const environment = {
      CONFIG_whisk_objects_secret: 'a secret of the cluster',
      CONFIG_whisk_controller_protocol: 'https',
      CONFIG_whisk_controller_https_keystorePath: path('own.pem'),
      CONFIG_whisk_controller_https_keystoreFlavor: 'PEM',
      CONFIG_whisk_invoker_protocol: 'https',
      CONFIG_whisk_invoker_https_keystorePath: path('own.pem'),
      CONFIG_whisk_invoker_https_keystoreFlavor: 'PEM',
    };
    setGlobalDispatcher(new Agent({ connect: { ca: readFileSync(path('own.crt')) } }));
    started = await startTopology({ controllers: 2, invokers: 2, numbered: true, environment });
    controllers = started.topology.controllers.map(({ url }) => url);
    objects = new ClusterObjects(controllers);
  });
  after(async () => {
    await started?.close();
    const agent = getGlobalDispatcher();
    setGlobalDispatcher(ordinary);
    if (agent !== ordinary) await agent.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** The figures of all invokers. */
  async function figures(): Promise<readonly Record<string, unknown>[]> {
    const response = await fetch(`${controllers[0]}/palette/objects`);
    return (await response.json()) as Record<string, unknown>[];
  }

  it('pass between an outside caller, actions on both invokers, and both homes of replicated objects', async () => {
    assert.ok(controllers.every((url) => url.startsWith('https:')));
    await eventually(async () => {
      const response = await objects.call(0, 'PUT', '/red/input', 'x'.repeat(BYTES));
      assert.ok(response.ok, `${response.status} ${await response.text()}`);
    }, LIMIT_MS);
    assert.equal((await request(controllers[0] ?? '', 'PUT', 'actions/use', nodeAction(ACTION))).status, 200);
    const total = 8;
    for (let n = 1; n <= total; n++) {
      // Colors of their own bring the invocations to both invokers.
      const response = await fetch(`${controllers[n % 2]}/api/v1/namespaces/_/actions/use?blocking=true&result=true`, {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`,
          'content-type': 'application/json',
          'x-openwhisk-color': `run-${n}`,
        },
        body: JSON.stringify({ n }),
      });
      assert.deepEqual(await response.json(), { count: n, bytes: BYTES });
    }
    for (const controller of [0, 1]) {
      assert.equal(await objects.text(controller, '/red/n'), `200 ${total}`);
      for (let n = 1; n <= total; n++)
        assert.equal(await objects.text(controller, `/blue/from-${n}`), `200 result ${n}`);
    }
    const all = await figures();
    assert.equal(all.length, 2);
    // One invoker is the home of `red`; the other one forwards.
    assert.ok(
      all.some(({ forwarded }) => Number(forwarded) > 0),
      JSON.stringify(all),
    );
    assert.ok(
      all.some(({ peerBytes }) => Number(peerBytes) > BYTES),
      JSON.stringify(all),
    );
  });
});
