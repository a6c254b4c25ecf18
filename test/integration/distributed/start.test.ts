import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { eventually } from '../../e2e/eventually.js';
import { skipWithoutOwnBroker } from '../kafka/broker.js';
import { nodeAction, request, startCluster, type Cluster } from './cluster.js';
import { runToEnd } from './runToEnd.js';

describe('the start of a controller and of an invoker', function () {
  this.timeout(600_000);

  it('ends with one line and exit code 1 if a setting is missing or wrong', async () => {
    const engines = { KAFKA_HOSTS: '127.0.0.1:1', CONFIG_whisk_couchdb_host: '127.0.0.1' };
    const cases: [string, string[], Record<string, string>, RegExp][] = [
      ['controller/main', [], engines, /^palette-whisk controller: CONTROLLER_ID is missing: .*\n$/],
      ['controller/main', ['0'], {}, /^palette-whisk controller: KAFKA_HOSTS is missing: .*\n$/],
      ['controller/main', ['0'], { ...engines, PORT: 'x' }, /^palette-whisk controller: PORT must be .*, not 'x'\n$/],
      [
        'invoker/main',
        [],
        { KAFKA_HOSTS: 'k:1' },
        /^palette-whisk invoker: CONFIG_whisk_couchdb_host is missing: .*\n$/,
      ],
      ['invoker/main', ['--id', '-1'], engines, /^palette-whisk invoker: .*\n$/],
    ];
    const ends = cases.map(async ([main, args, settings, line]) => {
      const { code, stderr } = await runToEnd(main, args, settings);
      assert.match(stderr, line);
      assert.equal(code, 1);
    });
    await Promise.all(ends);
  });

  describe('before Kafka and CouchDB', () => {
    let cluster: Cluster | undefined;
    before(async function () {
      skipWithoutOwnBroker(this);
      cluster = await startCluster({ controllers: 1, invokers: 1 });
    });
    after(() => cluster?.close());

    it('waits for both, says so, and goes on', async () => {
      assert.ok(cluster);
      const { topology, broker, couch, folder } = cluster;
      const [controller] = topology.controllers;
      const [invoker] = topology.invokers;
      assert.ok(controller && invoker);
      await request(
        controller.url,
        'PUT',
        'actions/kept?overwrite=true',
        nodeAction('function main() { return { kept: true } }'),
      );
      await topology.kill();
      await Promise.all([broker.stop(), couch.kill()]);
      const starting = Promise.all([controller.start(120_000), invoker.start(120_000)]);
      const bothSay = (what: RegExp): Promise<void> =>
        eventually(() => {
          for (const { name } of [controller, invoker])
            assert.match(readFileSync(`${folder}/${name}.log`, 'utf8'), what);
        });
      await bothSay(/CouchDB.*(?:wait|not answer)/i);
      await couch.start();
      await bothSay(/the bus \(Kafka at .*\) is unavailable, waiting for it/);
      await broker.start();
      await starting;
      await topology.ready();
      const { status, body } = await request(controller.url, 'POST', 'actions/kept?blocking=true&result=true', {});
      assert.equal(status, 200);
      assert.deepEqual(body, { kept: true });
    });
  });
});
