import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import openwhisk from 'openwhisk';
import { clientsInstalled, clientsModules, commandLine, type CommandLine } from './clients.js';
import { eventually } from './eventually.js';
import { clientSuite } from './servers.js';

/*
 * The Serverless Framework with its plugin for OpenWhisk: it zips code, and deploys a service's actions, sequences,
 * packages, triggers and rules.
 */

const SERVICE = `
service: shop
frameworkVersion: '3'
configValidationMode: off
package:
  patterns: ['!node_modules/**']
provider:
  name: openwhisk
  runtime: nodejs:20
  ignore_certs: true
functions:
  hello:
    handler: handler.hello
    name: shop_hello
    memory: 128
    timeout: 30
    parameters:
      name: Ada
    annotations:
      web-export: true
  add:
    handler: handler.add
    events:
      - trigger: ordered
  both:
    sequence:
      - add
resources:
  triggers:
    ordered:
      overwrite: true
  packages:
    tools:
      parameters:
        color: blue
plugins:
  - serverless-openwhisk
`;

const HANDLER = `
exports.hello = ({ name }) => ({ body: 'Hello ' + name })
exports.add = ({ a, b }) => ({ sum: a + b })
`;

clientSuite('serverless-openwhisk', function (server) {
  this.timeout(600_000);
  let serverless: CommandLine;
  let client: openwhisk.Client;
  let folder: string;

  before(function () {
    if (!clientsInstalled()) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-serverless-'));
    client = openwhisk({ apihost: server.base, api_key: server.user.key });
    writeFileSync(join(folder, 'serverless.yml'), SERVICE);
    writeFileSync(join(folder, 'handler.js'), HANDLER);
    symlinkSync(clientsModules(), join(folder, 'node_modules'));
    const environment = {
      HOME: folder,
      OW_AUTH: server.user.key,
      OW_APIHOST: server.base,
      OW_NAMESPACE: '_',
      SLS_TELEMETRY_DISABLED: '1',
      SLS_NOTIFICATIONS_MODE: 'off',
      SLS_INTERACTIVE_SETUP_ENABLE: '0',
    };
    serverless = commandLine('node_modules/serverless/bin', environment, folder);
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  it('deploys, calls and removes a service', async () => {
    await serverless('serverless.js', 'deploy');
    const invoked = await serverless('serverless.js', 'invoke', '-f', 'add', '-d', '{"a":2,"b":3}');
    assert.match(invoked, /"sum": 5/);
    const params = { a: 20, b: 3 };
    const both = await client.actions.invoke({ name: 'shop-dev-both', blocking: true, result: true, params });
    assert.deepEqual(both, { sum: 23 });
    const hello = await client.actions.get('shop_hello');
    assert.deepEqual([hello.limits?.memory, hello.limits?.timeout], [128, 30_000]);
    assert.equal(
      await (await fetch(`${server.base}/api/v1/web/${server.user.name}/default/shop_hello`)).text(),
      'Hello Ada',
    );
    assert.deepEqual((await client.packages.get('tools')).parameters, [{ key: 'color', value: 'blue' }]);

    await client.triggers.invoke({ name: 'ordered', params: { a: 1, b: 41 } });
    await eventually(async () => {
      const list = await client.activations.list({ name: 'shop-dev-add', docs: true });
      const results = list.map((entry) => (entry as openwhisk.Activation<object>).response?.result);
      assert.deepEqual(results[0], { sum: 42 });
    });

    await serverless('serverless.js', 'remove');
    const { actions, triggers, rules } = await client.namespaces.get('_');
    assert.deepEqual([actions, triggers, rules], [[], [], []]);
  });
});
