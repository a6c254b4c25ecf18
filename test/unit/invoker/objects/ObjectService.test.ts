import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ObjectService, type ObjectServiceOptions } from '../../../../invoker/objects/ObjectService.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { ObjectCaller } from './callObjects.js';

const MB = 1024 * 1024;
const guest = { uuid: 'u-1', name: 'guest', limitBytes: undefined };

describe('ObjectService', () => {
  let base: string;
  let service: ObjectService;
  const callers: ObjectCaller[] = [];
  const lines: string[] = [];

  const log = {
    ...silentLogger,
    error: (text: string, fields?: { error?: unknown }) => lines.push(`${text}: ${String(fields?.error)}`),
  };
  async function start(options: Partial<ObjectServiceOptions> = {}): Promise<ObjectService> {
    service = new ObjectService({
      invoker: 'invoker0',
      instance: 0,
      boundBytes: 64 * MB,
      folder: join(base, 'o'),
      tcpHost: undefined,
      log,
      ...options,
    });
    await service.start();
    return service;
  }
  const socketPath = (): string => service.socketUrl(service.folder).slice('unix:'.length);
  function caller(): ObjectCaller {
    const made = new ObjectCaller({ socketPath: socketPath() }, service.token(guest));
    callers.push(made);
    return made;
  }
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await sleep(5);
  }

  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'pw-'));
    lines.length = 0;
  });

  afterEach(async () => {
    for (const each of callers.splice(0)) each.close();
    await service.stop(0);
    rmSync(base, { recursive: true });
  });

  it('starts its thread with the first connection, and serves it and later ones', async () => {
    await start();
    assert.equal(service.counts(), undefined);
    const objects = caller();
    const first = await Promise.all([1, 2, 3].map((n) => objects.call(`/c/${n}`, { method: 'PUT', body: String(n) })));
    for (const { status, headers } of first) {
      assert.equal(status, 201);
      // The next request goes to the thread directly.
      assert.equal(headers.connection, 'close');
    }
    const later = await objects.call('/c/2');
    assert.deepEqual([later.body.toString(), later.headers.connection], ['2', 'keep-alive']);
    await until(() => service.counts()?.objects === 3);
    assert.deepEqual(service.counts()?.largest, [{ name: 'guest', bytes: 3 * 1029, objects: 3, evictions: 0 }]);
  });

  it('serves TCP connections, too, before and after the start of its thread', async () => {
    await start({ tcpHost: '127.0.0.1' });
    const { hostname, port } = new URL(service.tcpUrl ?? '');
    const place = { host: hostname, port: Number(port) };
    const first = new ObjectCaller(place, service.token(guest));
    callers.push(first);
    assert.equal((await first.call('/c/k', { method: 'PUT', body: 'x' })).headers.connection, 'close');
    // The thread takes over the address a moment later.
    for (;;) {
      const next = await first.call('/c/k').catch(() => undefined);
      if (next?.headers.connection === 'keep-alive') break;
    }
    assert.equal(await caller().text('/c/k'), '200 x');
  });

  it('works without TCP if the address belongs to another machine, unless the address is configured', async () => {
    await start({ tcpHost: '192.0.2.77' });
    assert.equal(service.tcpUrl, undefined);
    assert.equal((await caller().call('/c/k', { method: 'PUT', body: 'x' })).status, 201);
    await service.stop(0);
    await assert.rejects(start({ tcpHost: '192.0.2.77', tcpRequired: true }), /EADDRNOTAVAIL/);
  });

  it('has room for objects in free user memory, and gives it back', async () => {
    await start();
    const objects = caller();
    for (let n = 0; n < 4; n++) await objects.call(`/c/${n}`, { method: 'PUT', body: Buffer.alloc(10 * MB) });
    await until(() => service.counts()?.objects === 4);
    assert.equal(service.takeDemand(), 0);
    service.setFree(15 * MB);
    await until(() => service.counts()?.objects === 2);
    // An eighth of the bound is not user memory.
    assert.equal(service.counts()?.boundBytes, 23 * MB);
    assert.equal(service.takeDemand(), 41 * MB);
    assert.equal(service.takeDemand(), 0);
    service.setFree(-1);
    await until(() => service.counts()?.objects === 0);
    assert.match(await objects.text('/c/k', { method: 'PUT', body: Buffer.alloc(10 * MB) }), /^503 .*8388608 bytes/);
    service.setFree(1000 * MB);
    await until(() => service.counts()?.boundBytes === 64 * MB);
    assert.equal((await objects.call('/c/k', { method: 'PUT', body: Buffer.alloc(10 * MB) })).status, 201);
  });

  it('limits a container by what the controllers say now, not by the limit at the time of its token', async () => {
    let limitBytes: number | null | undefined = 1 * MB;
    const homes = [{ instance: 0, url: 'http://127.0.0.1:1' }];
    await start({
      sharing: {
        secret: 'a secret of the cluster',
        host: '127.0.0.1',
        url: undefined,
        homes: async () => ({ policy: '', homes, away: [], validMs: 60_000, limitBytes }),
        invokers: async () => ({ up: homes, away: [] }),
        drainMs: 0,
      },
    });
    const objects = new ObjectCaller({ socketPath: socketPath() }, service.token({ ...guest, limitBytes: 2 * MB }));
    callers.push(objects);
    const isRefused = async (): Promise<boolean> =>
      (await objects.call('/c/k', { method: 'PUT', body: Buffer.alloc(1.5 * MB) })).status === 429;
    const becomes = async (refused: boolean): Promise<void> => {
      while ((await isRefused()) !== refused) await sleep(20);
    };
    await becomes(true);
    limitBytes = 3 * MB;
    await becomes(false);
    limitBytes = 1 * MB;
    await becomes(true);
    limitBytes = null;
    await becomes(false);
    // A controller of an earlier version says nothing of limits.
    limitBytes = undefined;
    assert.equal(await isRefused(), false);
  });

  it('tells the user memory of kept objects, beyond the small part that is not user memory', async () => {
    const keeping = new URL('./keepingWorker.js', import.meta.url);
    await start({ workerFile: keeping });
    const told: number[] = [];
    service.onKept((memoryMB) => told.push(memoryMB));
    await caller()
      .call('/c/k')
      .catch(() => undefined);
    // The worker keeps its whole bound, and an eighth of 64 MB is not user memory.
    await until(() => told.length === 2);
    service.setFree(15 * MB);
    await until(() => told.length === 3);
    service.setFree(15 * MB + 1);
    await until(() => told.length === 4);
    service.setFree(-1);
    await until(() => told.length === 5);
    assert.deepEqual(told, [0, 56, 15, 16, 0]);
    service.setFree(20 * MB);
    await until(() => told.length === 6);
    // Its objects are gone with it.
    await service.stop(0);
    assert.deepEqual(told.slice(5), [20, 0]);
  });

  it('keeps its tokens valid when its thread has ended by a fault, and starts another one', async () => {
    const failing = new URL('./failingWorker.js', import.meta.url);
    await start({ workerFile: failing });
    await assert.rejects(caller().call('/c/k'));
    await until(() => lines.length > 0);
    assert.match(lines[0] ?? '', /its objects are gone; again in 100 ms: Error: it fails at a connection/);
    await until(() => existsSync(socketPath()));
    await assert.rejects(caller().call('/c/k'));
    await until(() => lines.length > 1);
    assert.match(lines[1] ?? '', /again in 200 ms/);
  });

  it('says why its thread does not start', async () => {
    const failing = new URL('./failingWorker.js', import.meta.url);
    await start({ workerFile: failing, boundBytes: 1_000_001 });
    await assert.rejects(caller().call('/c/k'));
    await until(() => lines.length > 0);
    assert.match(lines[0] ?? '', /it fails at the start/);
  });

  it('ends a thread that is frozen at its start, and starts another one', async () => {
    const frozen = new URL('./failingWorker.js', import.meta.url);
    await start({ workerFile: frozen, boundBytes: 1_000_002, startMs: 300 });
    for (const pause of ['100 ms', '200 ms']) {
      const seen = lines.length;
      await assert.rejects(caller().call('/c/k'));
      await until(() => lines.length > seen);
      assert.match(lines.at(-1) ?? '', new RegExp(`again in ${pause}: it did not listen in time`));
      await until(() => existsSync(socketPath()));
    }
  });

  it('ends waiting requests and removes its folder at the stop', async () => {
    await start();
    const objects = caller();
    await objects.call('/c/k', { method: 'PUT', body: 'x' });
    await objects.call('/c/k');
    const wait = objects.call('/c/other?wait=60s').then(
      () => 'answered',
      () => 'ended',
    );
    await until(() => service.counts()?.waits === 1);
    await service.stop(10);
    assert.equal(await wait, 'ended');
    assert.equal(existsSync(service.folder), false);
  });

  it('does not listen any more if it is stopped just before it listens', async () => {
    const starting = start({ tcpHost: '127.0.0.1' });
    // It listens at the path first, and then at the address.
    while (!existsSync(socketPath())) await new Promise<void>((resolve) => process.nextTick(resolve));
    await service.stop(0);
    await starting;
    await assert.rejects(caller().call('/c/k'));
    await service.start();
    assert.equal((await caller().call('/c/k', { method: 'PUT', body: 'x' })).status, 201);
  });

  it('empties a folder that an earlier run left, and does not use the folder of another user', async () => {
    mkdirSync(join(base, 'o'));
    writeFileSync(join(base, 'o', 's'), 'old');
    await start();
    assert.equal((await caller().call('/c/k', { method: 'PUT', body: 'x' })).status, 201);
    await service.stop(0);
    mkdirSync(join(base, 'elsewhere'));
    symlinkSync(join(base, 'elsewhere'), join(base, 'o'));
    await start();
    assert.notEqual(service.folder, join(base, 'o'));
    assert.equal((await caller().call('/c/k', { method: 'PUT', body: 'x' })).status, 201);
  });
});
