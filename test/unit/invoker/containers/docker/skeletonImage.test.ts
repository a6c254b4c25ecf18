import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Docker from 'dockerode';
import { DockerDriver } from '../../../../../invoker/containers/docker/DockerDriver.js';
import { NATIVE_IMAGE } from '../../../../../shared/runtimes/image.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';

describe('OpenWhisk’s image of any executable, which cannot be pulled', () => {
  let engine: Server;
  let docker: Docker;
  let asked: string[];

  beforeEach(async () => {
    asked = [];
    engine = createServer((request, response) => {
      const [path = ''] = (request.url ?? '').split('?');
      let body = '';
      request.on('data', (chunk) => (body += String(chunk)));
      request.on('end', () => {
        if (path === '/images/create') asked.push('pull');
        if (path === '/containers/create') asked.push((JSON.parse(body) as { Image: string }).Image);
        response.writeHead(path === '/images/create' ? 500 : 404, { 'content-type': 'application/json' });
        response.end('{"message":"no such host"}');
      });
    }).listen(0, '127.0.0.1');
    await once(engine, 'listening');
    docker = new Docker({ host: '127.0.0.1', port: (engine.address() as AddressInfo).port });
  });
  afterEach(() => {
    engine.closeAllConnections();
    engine.close();
  });

  it('is replaced by ours, which is built first; it is not pulled for each container', async () => {
    const warnings: string[] = [];
    const built: string[] = [];
    const driver = new DockerDriver({
      docker,
      logger: { ...silentLogger, warn: (text) => void warnings.push(text) },
      images: { missing: async () => undefined, ready: async (reference) => void built.push(reference) },
      owner: 'someone',
    });
    const image = { kind: 'blackbox', reference: 'openwhisk/dockerskeleton', pull: true };
    for (const name of ['a', 'b']) {
      const spec = { name, image, memoryMB: 128, environment: {}, concurrency: 1 };
      await assert.rejects(driver.create(spec), /The image palette-whisk\/action-native:local is not here/);
    }
    const own = asked.filter((name) => !name.includes('network-holder'));
    assert.deepEqual(own, ['pull', NATIVE_IMAGE, NATIVE_IMAGE]);
    assert.deepEqual(built, [NATIVE_IMAGE, NATIVE_IMAGE]);
    assert.equal(warnings.filter((text) => text.includes('stands in for it')).length, 1);
    await driver.close();
  });
});
