import assert from 'node:assert/strict';
import { INVOKERS_PATH } from '../../../shared/objects/invokersReply.js';
import { PEER_HEADER, signPeer } from '../../../shared/objects/peerHeader.js';
import { eventually } from '../../e2e/eventually.js';
import { skipWithoutOwnBroker } from '../kafka/broker.js';
import { nodeAction, request, startCluster, type Cluster } from './cluster.js';
import { ClusterObjects } from './objectCaller.js';

const MB = 1024 * 1024;
/** An invoker that is killed counts as down after 10 s. */
const NOTICED_MS = 120_000;

/** Adds one to a counter of the color `red`, over the invoker of the action. */
const COUNT = `
const http = require('node:http');
exports.main = () => new Promise((resolve, reject) => {
  const url = process.env.__OW_OBJECTS_URL;
  const place = url.startsWith('unix:') ? { socketPath: url.slice(5) } : { host: new URL(url).hostname, port: new URL(url).port };
  const headers = { authorization: 'Bearer ' + process.env.__OW_OBJECTS_TOKEN };
  const call = http.request({ ...place, method: 'POST', path: '/red/n?increment', headers }, (response) => {
    let text = '';
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: response.statusCode, text }));
  });
  call.on('error', reject).end();
});`;

const SECRET = 'a secret of the cluster';

describe('objects of distributed invokers', function () {
  this.timeout(600_000);
  let cluster: Cluster;
  let controllers: string[];
  let objects: ClusterObjects;

  before(async function () {
    skipWithoutOwnBroker(this);
    const environment = { CONFIG_whisk_objects_secret: SECRET };
    cluster = await startCluster({ environment, invokers: 3, numbered: true });
    controllers = cluster.topology.controllers.map(({ url }) => url);
    objects = new ClusterObjects(controllers);
  });
  after(() => (cluster as Cluster | undefined)?.close());

  const written = (path: string, body: string | Buffer, headers = {}) =>
    eventually(async () => assert.ok((await objects.call(0, 'PUT', path, body, headers)).ok), NOTICED_MS);

  it('are the same through every controller, and in actions', async () => {
    await written('/red/k', 'one');
    assert.equal(await objects.text(1, '/red/k'), '200 one');
    assert.equal((await request(controllers[0] ?? '', 'PUT', 'actions/count', nodeAction(COUNT))).status, 200);
    for (let i = 1; i <= 8; i++) {
      // Without a color the invocations run on any invoker.
      const { body } = await request(controllers[i % 2] ?? '', 'POST', 'actions/count?blocking=true&result=true', {});
      assert.deepEqual(body, { status: 200, text: String(i) });
    }
    assert.equal(await objects.text(0, '/red/n'), '200 8');
  });

  it('may be at invokers that controllers do not know yet which have just started', async () => {
    const claims = { operation: 'request', from: 'invoker0', namespace: undefined } as const;
    const signed = signPeer(SECRET, { method: 'GET', path: INVOKERS_PATH }, claims, Date.now());
    for (const url of controllers) {
      const reply = await fetch(`${url}${INVOKERS_PATH}`, { headers: { [PEER_HEADER]: signed } });
      assert.equal(reply.status, 503);
      assert.match(await reply.text(), /does not know all invokers: it has heard of them for less than 10 minutes/);
    }
  });

  it('of 32 MB pass through a controller', async () => {
    const body = Buffer.alloc(32 * MB, 'x');
    await written('/big/k', body);
    const response = await objects.call(1, 'GET', '/big/k');
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(body));
  });

  it('survive the death of their home if they are replicated or stored', async () => {
    await written('/blue/replicated', 'kept', { 'x-palette-persistence': 'replicated' });
    await written('/blue/stored', 'kept', { 'x-palette-persistence': 'stored' });
    const palette = await fetch(`${controllers[0]}/palette?namespace=guest&color=blue`);
    const [{ homes }] = (await palette.json()) as [{ homes: number[] }];
    const home = cluster.topology.invokers[homes[0] ?? 0];
    assert.ok(home);
    await home.kill();
    for (const key of ['replicated', 'stored']) {
      await eventually(async () => assert.equal(await objects.text(0, `/blue/${key}`), '200 kept'), NOTICED_MS);
      await eventually(async () => assert.equal(await objects.text(1, `/blue/${key}`), '200 kept'), NOTICED_MS);
    }
  });
});
