import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { ObjectPeers } from '../../../controller/objects/ObjectPeers.js';
import { ObjectService } from '../../../invoker/objects/ObjectService.js';
import { controllerConfig } from '../../../shared/config/controllerConfig.js';
import type { HomesReply } from '../../../shared/objects/homesReply.js';
import { PEER_HEADER, signPeer } from '../../../shared/objects/peerHeader.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { eventually } from '../../e2e/eventually.js';
import { ObjectCaller } from '../../unit/invoker/objects/callObjects.js';
import { selfSigned, signed } from '../certificates.js';

const MB = 1024 * 1024;
const SECRET = 'a secret of the cluster';
const GUEST = { uuid: 'u', name: 'guest', limitBytes: undefined };

describe('objects of several invokers over https', () => {
  let folder: string;
  let homes: HomesReply;
  let services: ObjectService[];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'pw-tls-'));
    signed(folder, 'invoker');
    selfSigned(folder, 'other');
  });
  after(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    services = [];
  });
  afterEach(() => Promise.all(services.map((service) => service.stop(0))));

  const pem = (name: string): Buffer => readFileSync(join(folder, name));
  const pair = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });

  /** @param trusted the file of the certificate that it trusts. */
  async function start(trusted: string, certificate = 'invoker'): Promise<ObjectService> {
    const instance = services.length;
    const service = new ObjectService({
      invoker: `invoker${instance}`,
      instance,
      boundBytes: 64 * MB,
      folder: join(folder, `o${instance}`),
      tcpHost: '127.0.0.1',
      sharing: {
        secret: SECRET,
        host: '127.0.0.1',
        url: undefined,
        tls: pair(certificate),
        peerTls: { ca: pem(trusted) },
        homes: async () => homes,
        invokers: async () => ({ up: homes.homes, away: [] }),
        drainMs: 0,
      },
      log: silentLogger,
    });
    services.push(service);
    await service.start();
    return service;
  }

  function name(...invokers: ObjectService[]): void {
    const peers = invokers.map((service) => ({ instance: services.indexOf(service), url: service.peerUrl ?? '' }));
    homes = { policy: 'test', homes: peers, away: [], validMs: 8000 };
  }

  const caller = (service: ObjectService): ObjectCaller =>
    new ObjectCaller({ socketPath: join(service.folder, 's') }, service.token(GUEST));

  it('pass between invokers whose certificates an authority has signed', async () => {
    const [a, b] = [await start('ca.pem'), await start('ca.pem')];
    name(b, a);
    assert.match(b.peerUrl ?? '', /^https:\/\/127\.0\.0\.1:\d+$/);
    const [first, second] = [caller(a), caller(b)];
    const body = Buffer.alloc(3 * MB, 'x');
    const headers = { 'x-palette-persistence': 'replicated' };
    await eventually(async () => assert.match(await first.text('/red/k', { method: 'PUT', body, headers }), /^20/));
    assert.ok((await first.call('/red/k')).body.equals(body));
    assert.ok((await second.call('/red/k')).body.equals(body));
    // The next home takes the color over, and makes its copy the object.
    name(a, b);
    await eventually(async () => {
      assert.ok((await first.call('/red/k')).body.equals(body));
      assert.equal(a.counts()?.sharing.adopted, 1);
    });
    first.close();
    second.close();
  });

  it('do not pass to an invoker whose certificate is not trusted', async () => {
    const [a, b] = [await start('ca.pem'), await start('ca.pem', 'other')];
    name(b, a);
    const objects = caller(a);
    assert.match(await objects.text('/red/k', { method: 'PUT', body: 'one' }), /^50[23]/);
    assert.match(await objects.text('/red/k'), /^503/);
    objects.close();
  });

  it('are refused to a peer that does not encrypt, and served to containers at the same address', async () => {
    const service = await start('ca.pem');
    name(service);
    const { port } = new URL(service.peerUrl ?? '');
    const objects = new ObjectCaller({ host: '127.0.0.1', port: Number(port) }, service.token(GUEST));
    // The first requests pass through the door of the service, the later ones do not.
    for (let i = 0; i < 5; i++) assert.match(await objects.text('/red/k', { method: 'PUT', body: 'one' }), /^20/);
    const claims = { operation: 'stats', from: 'controller0', namespace: undefined } as const;
    const signature = signPeer(SECRET, { method: 'GET', path: '/' }, claims, Date.now());
    const headers = { [PEER_HEADER]: signature };
    const plain = await request(`http://127.0.0.1:${port}/`, { headers });
    assert.equal(plain.statusCode, 403);
    assert.match(await plain.body.text(), /must use https/);
    const dispatcher = new Agent({ connect: { ca: pem('ca.pem') } });
    const encrypted = await request(`https://127.0.0.1:${port}/`, { headers, dispatcher });
    assert.equal(encrypted.statusCode, 200);
    assert.match(await encrypted.body.text(), /"objects":1/);
    await dispatcher.close();
    objects.close();
  });

  describe('for controllers', () => {
    const secret = {
      CONFIG_whisk_objects_secret: SECRET,
      CONTROLLER_ID: '0',
      KAFKA_HOSTS: 'kafka:9092',
      CONFIG_whisk_couchdb_host: 'couch',
    };
    async function stats(service: ObjectService, environment: Record<string, string>): Promise<number> {
      const peers = new ObjectPeers({
        secret: SECRET,
        tls: controllerConfig({ ...secret, ...environment }).objects?.peerTls,
        self: 'controller0',
        validMs: 8000,
        homes: () => ({ policy: 'test', homes: [], away: [] }),
        invokers: () => [],
        allInvokers: () => undefined,
        namespaces: { identityByNamespace: async () => undefined },
        now: Date.now,
      });
      try {
        const call = { method: 'GET', path: '/', headers: {}, operation: 'stats', namespace: undefined } as const;
        const { statusCode, body } = await peers.send(service.peerUrl ?? '', { ...call, timeoutMs: 10_000 });
        await body.dump();
        return statusCode;
      } finally {
        await peers.close();
      }
    }

    it('trust the certificates of the configured file, and no others', async () => {
      const service = await start('ca.pem');
      const trusting = { CONFIG_whisk_objects_caPath: join(folder, 'ca.pem') };
      await eventually(async () => assert.equal(await stats(service, trusting), 200));
      await assert.rejects(stats(service, { CONFIG_whisk_objects_caPath: join(folder, 'other.crt') }), /certificate/);
      await assert.rejects(stats(service, {}), /certificate/);
    });

    it('trust the certificate that all processes share', async () => {
      const service = await start('other.crt', 'other');
      const shared = {
        CONFIG_whisk_controller_protocol: 'https',
        CONFIG_whisk_controller_https_keystorePath: join(folder, 'other.pem'),
      };
      // A connection may take longer than its limit on a busy machine.
      await eventually(async () => assert.equal(await stats(service, shared), 200));
    });

    it('refuse a file that is missing', () => {
      const config = (path: string) => controllerConfig({ ...secret, CONFIG_whisk_objects_caPath: path });
      assert.throws(() => config(join(folder, 'missing.pem')), /CONFIG_whisk_objects_caPath cannot be read/);
    });
  });
});
