import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import openwhisk from 'openwhisk';
import { Agent, getGlobalDispatcher, request, setGlobalDispatcher } from 'undici';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { pkcs12, selfSigned } from '../certificates.js';
import { skipWithoutBroker } from '../kafka/broker.js';
import { startTopology } from './cluster.js';

const PASSWORD = 'openwhisk';

describe('a controller and an invoker with HTTPS', function () {
  this.timeout(600_000);
  let folder: string;
  const path = (name: string): string => join(folder, name);
  const ordinary = getGlobalDispatcher();
  let started: Awaited<ReturnType<typeof startTopology>> | undefined;
  let environment: Record<string, string>;

  before(async function () {
    skipWithoutBroker(this);
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-https-'));
    selfSigned(folder, 'own');
    pkcs12(folder, 'own', PASSWORD);
    environment = {
      CONFIG_whisk_controller_protocol: 'https',
      CONFIG_whisk_controller_https_keystorePath: path('own.p12'),
      CONFIG_whisk_controller_https_keystorePassword: PASSWORD,
      CONFIG_whisk_controller_https_keystoreFlavor: 'PKCS12',
      CONFIG_whisk_controller_https_clientAuth: 'true',
      CONFIG_whisk_invoker_protocol: 'https',
      CONFIG_whisk_invoker_https_keystorePath: path('own.pem'),
      CONFIG_whisk_invoker_https_keystoreFlavor: 'PEM',
    };
    // What the topology asks its processes is asked as one who shows the same certificate, as a proxy does.
    const pair = { cert: readFileSync(path('own.crt')), key: readFileSync(path('own.key')) };
    setGlobalDispatcher(new Agent({ connect: { ca: pair.cert, ...pair } }));
    started = await startTopology({ controllers: 1, invokers: 1, environment });
  });
  after(async () => {
    await started?.close();
    const agent = getGlobalDispatcher();
    setGlobalDispatcher(ordinary);
    if (agent !== ordinary) await agent.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  const processes = () => {
    const [controller] = started?.topology.controllers ?? [];
    const [invoker] = started?.topology.invokers ?? [];
    return controller && invoker ? { controller, invoker } : assert.fail('nothing was started');
  };

  it('run actions for the openwhisk client', async () => {
    const { controller } = processes();
    const client = openwhisk({
      apihost: controller.url,
      api_key: WELL_KNOWN_USERS.guest,
      ignore_certs: true,
      cert: readFileSync(path('own.crt'), 'utf8'),
      key: readFileSync(path('own.key'), 'utf8'),
    });
    await client.actions.create({ name: 'hello', action: 'function main({ name }) { return { hello: name } }' });
    const result = await client.actions.invoke({
      name: 'hello',
      blocking: true,
      result: true,
      params: { name: 'you' },
    });
    assert.deepEqual(result, { hello: 'you' });
  });

  it('answer nobody without a certificate if they ask for one, and nobody without encryption', async () => {
    const { controller, invoker } = processes();
    const stranger = new Agent({ connect: { ca: readFileSync(path('own.crt')) } });
    await assert.rejects(request(`${controller.url}/ping`, { dispatcher: stranger }));
    assert.equal((await request(`${invoker.url}/ping`, { dispatcher: stranger })).statusCode, 200);
    await stranger.close();
    for (const { url } of [controller, invoker]) {
      await assert.rejects(fetch(`${url.replace('https:', 'http:')}/ping`));
    }
  });

  it('are seen to be healthy by their containers', async () => {
    const { controller, invoker } = processes();
    assert.equal(await healthcheck('controller', controller.url), 0);
    assert.equal(await healthcheck('invoker', invoker.url), 0);
    assert.equal(await healthcheck('controller', 'https://127.0.0.1:1'), 1);
  });

  /** Its exit code. */
  async function healthcheck(kind: string, url: string): Promise<number | null> {
    const source = import.meta.url.endsWith('.ts');
    const file = fileURLToPath(new URL(`../../../deploy/docker/healthcheck.${source ? 'ts' : 'js'}`, import.meta.url));
    const child = spawn(process.execPath, [...(source ? ['--import', 'tsx'] : []), file, kind], {
      env: { ...process.env, ...environment, PORT: new URL(url).port },
      stdio: 'inherit',
    });
    await once(child, 'exit');
    return child.exitCode;
  }
});
