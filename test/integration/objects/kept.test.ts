import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectService } from '../../../invoker/objects/ObjectService.js';
import type { HomesReply } from '../../../shared/objects/homesReply.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { eventually } from '../../e2e/eventually.js';
import { ObjectCaller } from '../../unit/invoker/objects/callObjects.js';
import { REPLICATED } from './clusters.js';

const MB = 1024 * 1024;
const GUEST = { uuid: 'u', name: 'guest', limitBytes: undefined };

describe('replicated objects of two invokers', () => {
  let folder: string;
  let homes: HomesReply;
  let services: ObjectService[];
  /** What each invoker told of kept user memory last, in MB. */
  let keptMB: number[];
  /** How often all invokers were asked for. */
  let asked: number;

  async function start(boundMB = 64): Promise<ObjectService> {
    const instance = services.length;
    const service = new ObjectService({
      invoker: `invoker${instance}`,
      instance,
      boundBytes: boundMB * MB,
      folder: join(folder, `o${instance}`),
      tcpHost: '127.0.0.1',
      sharing: {
        secret: 'secret',
        host: '127.0.0.1',
        url: undefined,
        homes: async () => homes,
        invokers: async () => {
          asked++;
          return { up: homes.homes, away: [] };
        },
        drainMs: 0,
      },
      log: silentLogger,
    });
    services.push(service);
    await service.start();
    service.onKept((memoryMB) => (keptMB[instance] = memoryMB));
    return service;
  }

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pw-kept-'));
    [services, keptMB, asked] = [[], [], 0];
  });
  afterEach(async () => {
    await Promise.all(services.map((service) => service.stop(0)));
    rmSync(folder, { recursive: true });
  });

  it('take user memory from containers, up to half of the bound, and nothing takes it from them', async () => {
    const [a, b] = [await start(), await start()];
    const peers = [a, b].map((service, instance) => ({ instance, url: service.peerUrl ?? '' }));
    homes = { policy: 'test', homes: peers, away: [], validMs: 8000 };
    const objects = new ObjectCaller({ socketPath: join(a.folder, 's') }, a.token(GUEST));
    const put = (key: string, headers = REPLICATED): Promise<string> =>
      objects.text(`/red/${key}`, { method: 'PUT', body: Buffer.alloc(12 * MB, key), headers });
    await eventually(async () => assert.match(await put('k'), /^20/));
    // 8 MB are not user memory, and the rest of each object is less than a MB.
    await eventually(() => assert.deepEqual(keptMB, [5, 5]));
    assert.match(await put('l'), /^201/);
    await eventually(() => assert.deepEqual(keptMB, [17, 17]));
    // Containers get all memory that they can have.
    for (const service of services) service.setFree(17 * MB);
    await eventually(() => assert.equal(a.counts()?.boundBytes, 25 * MB));
    assert.match(
      await put('m'),
      /^503 .*Replicated objects are never evicted, and use 2516\d+ of at most 33554432 bytes/,
    );
    // A new version has the place of the one before.
    assert.match(await put('l'), /^200/);
    for (const key of ['k', 'l'])
      assert.ok((await objects.call(`/red/${key}`)).body.equals(Buffer.alloc(12 * MB, key)));
    await eventually(() => assert.deepEqual([a.counts()?.evictions, b.counts()?.evictions], [0, 0]));
    assert.equal(await objects.text('/red/k', { method: 'DELETE' }), '204 ');
    await eventually(() => assert.deepEqual(keptMB, [5, 5]));
    objects.close();
  });

  it('can be removed if the invoker with the copy is dead and the next one too small, once all others have been asked', async () => {
    const [a, b] = [await start(), await start()];
    const peers = [a, b].map((service, instance) => ({ instance, url: service.peerUrl ?? '' }));
    homes = { policy: 'test', homes: peers, away: [], validMs: 8000 };
    const objects = new ObjectCaller({ socketPath: join(a.folder, 's') }, a.token(GUEST));
    const put = (key: string): Promise<string> =>
      objects.text(`/red/${key}`, { method: 'PUT', body: Buffer.alloc(8 * MB), headers: REPLICATED });
    for (const key of 'kl') await eventually(async () => assert.match(await put(key), /^20/));
    const c = await start(8);
    await b.stop(0);
    const [first, dead] = peers;
    assert.ok(first && dead);
    homes = { ...homes, homes: [first, { instance: 2, url: c.peerUrl ?? '' }], away: [dead] };
    await eventually(async () => assert.match(await put('k'), /^503 .*lack memory/));
    assert.equal(asked, 0);
    for (const key of 'kl') assert.equal(await objects.text(`/red/${key}`, { method: 'DELETE' }), '204 ');
    assert.equal(asked, 1);
    objects.close();
  });
});
