import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { bearerAuthentication } from '../../../../../invoker/objects/server/bearer.js';
import { ObjectHttpServer } from '../../../../../invoker/objects/server/ObjectHttpServer.js';
import { objectListener, type ObjectListener } from '../../../../../invoker/objects/server/objectListener.js';
import * as own from '../../../../../shared/objects/client/index.js';
import { everythingIsHere } from '../../../../../shared/objects/Locate.js';
import { ObjectTokens } from '../../../../../shared/objects/ObjectToken.js';

const MB = 1024 * 1024;
/** For many requests at once, and for large ones, on a busy machine. */
const PATIENT = { timeoutMs: 240_000 };
const guest = { uuid: 'u-1', name: 'guest', limitBytes: undefined };
const status = (expected: number) => (error: unknown) => error instanceof own.ObjectsError && error.status === expected;

describe('palette-whisk/objects', () => {
  const tokens = new ObjectTokens(new Uint8Array(32), 'invoker0');
  let folder: string;
  let path: string;
  let memory: ObjectMemory;
  let server: ObjectHttpServer;
  let clock: NodeJS.Timeout;
  /** The clock of the server. */
  let time: () => number;
  const clients: own.Objects[] = [];
  /** The requests so far, as `METHOD path`. */
  const requests: string[] = [];

  function listener(): ObjectListener {
    const elsewhere = { locate: everythingIsHere, forward: () => Promise.reject(new Error('no peers')) };
    const authenticate = bearerAuthentication(tokens);
    const now = (): number => time();
    const listen = objectListener({
      memory,
      authenticate,
      elsewhere,
      now,
      onFault: (_, error) => assert.fail(String(error)),
    });
    return (request, response, proceed) => {
      requests.push(`${request.method} ${request.url}`);
      listen(request, response, proceed);
    };
  }
  function client(url = `unix:${path}`, token = tokens.make(guest)): own.Objects {
    const made = own.connect(url, token);
    clients.push(made);
    return made;
  }
  async function waiting(count: number): Promise<void> {
    while (memory.counts().waits !== count) await new Promise(setImmediate);
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-'));
    path = join(folder, 's');
    memory = new ObjectMemory({ epoch: 'e', boundBytes: 80 * MB });
    requests.length = 0;
    time = () => performance.now();
    server = new ObjectHttpServer(listener());
    await server.listen({ path });
    clock = setInterval(() => memory.expire(time()), 5);
  });

  afterEach(async () => {
    clearInterval(clock);
    for (const each of clients.splice(0)) each.close();
    await server.close(0);
    rmSync(folder, { recursive: true });
  });

  it('reads text, bytes and JSON as they were written', async () => {
    const objects = client();
    for (const value of [
      'text ü',
      { a: [1, null, 'x'] },
      [],
      42,
      null,
      true,
      '',
      Buffer.from([0, 255]),
      Buffer.alloc(0),
    ]) {
      await objects.put('c', 'k', value);
      assert.deepEqual(await objects.get('c', 'k'), value);
    }
    await assert.rejects(objects.put('c', 'k', undefined), TypeError);
    assert.equal(await objects.get('c', 'missing'), undefined);
  });

  it('takes any color and key', async () => {
    const objects = client();
    for (const name of ['a/b', 'ü ?&#%', '..', 'x'.repeat(200)]) {
      await objects.put(name, name, name);
      assert.equal(await objects.get(name, name), name);
      assert.deepEqual(
        (await objects.list(name)).map(({ key }) => key),
        [name],
      );
    }
  });

  it('moves 64 MB in both directions', async () => {
    const objects = client();
    const large = Buffer.alloc(64 * MB, '0123456789');
    await objects.put('c', 'k', large, PATIENT);
    assert.ok(large.equals((await objects.get('c', 'k', PATIENT)) as Buffer));
    await assert.rejects(objects.put('c', 'k', Buffer.alloc(64 * MB + 1), PATIENT), status(413));
  });

  it('compares and sets', async () => {
    const objects = client();
    const { etag, created } = await objects.put('c', 'k', 1, { ifAbsent: true });
    assert.equal(created, true);
    await assert.rejects(objects.put('c', 'k', 2, { ifAbsent: true }), status(412));
    const next = await objects.put('c', 'k', 2, { ifMatch: etag });
    assert.equal(next.created, false);
    await assert.rejects(objects.put('c', 'k', 3, { ifMatch: etag }), status(412));
    await assert.rejects(objects.delete('c', 'k', { ifMatch: etag }), status(412));
    assert.equal(await objects.delete('c', 'k', { ifMatch: next.etag }), true);
    assert.equal(await objects.delete('c', 'k'), false);
  });

  it('passes on time, persistence and type', async () => {
    const objects = client();
    await objects.put('c', 'k', '{}', { type: 'application/json', persistence: 'stored', ttlMs: 300_000 });
    const read = await objects.read('c', 'k');
    assert.deepEqual([read?.value, read?.type, read?.persistence], [{}, 'application/json', 'stored']);
    await objects.put('c', 'short', 'x', { ttlMs: 0.1 });
    for (const ttlMs of [0, -1, NaN]) await assert.rejects(objects.put('c', 'none', 'x', { ttlMs }), status(400));
    await assert.rejects(objects.lock('c', 'none', { ttlMs: 0 }), status(400));
    while ((await objects.get('c', 'short')) !== undefined);
    const [listed] = await objects.list('c', { prefix: 'k' });
    assert.deepEqual(listed, { ...listed, key: 'k', bytes: 2, contentType: 'application/json', persistence: 'stored' });
  });

  it('lists more than one page', async () => {
    const objects = client();
    await Promise.all(Array.from({ length: 1100 }, (_, n) => objects.put('c', `k${n}`, '', PATIENT)));
    assert.equal((await objects.list('c')).length, 1100);
    assert.equal((await objects.list('c', { prefix: 'k10' })).length, 111);
  });

  it('waits for an object, for its next version, and for its end', async () => {
    const objects = client();
    const first = objects.wait('c', 'k');
    await waiting(1);
    const { etag } = await objects.put('c', 'k', 'one');
    assert.equal((await first)?.value, 'one');
    const second = objects.wait('c', 'k', { since: etag });
    const gone = objects.waitUntilGone('c', 'k');
    await waiting(2);
    await objects.put('c', 'k', 'two');
    assert.equal((await second)?.value, 'two');
    await objects.delete('c', 'k');
    assert.equal(await gone, true);
    assert.equal(await objects.wait('c', 'k', { forMs: 5 }), undefined);
    assert.equal(await objects.wait('c', 'k', { since: etag }), undefined);
    await objects.put('c', 'k', 'x');
    assert.equal(await objects.waitUntilGone('c', 'k', { forMs: 5 }), false);
  });

  it('gives each of many increments its own sum, with few requests', async () => {
    const objects = client();
    const sums = await Promise.all(Array.from({ length: 1000 }, () => objects.increment('c', 'n')));
    assert.deepEqual(
      sums.toSorted((a, b) => a - b),
      Array.from({ length: 1000 }, (_, n) => n + 1),
    );
    assert.ok(requests.length < 20, String(requests.length));
    assert.equal(await objects.increment('c', 'n', -0.5), 999.5);
    assert.equal(await objects.increment('c', 'm', 5, { ttlMs: 60_000 }), 5);
    await objects.put('c', 'n', 'x');
    const failed = await Promise.allSettled([1, 2, 3].map((by) => objects.increment('c', 'n', by)));
    assert.ok(failed.every((each) => each.status === 'rejected' && status(400)(each.reason)));
    await objects.put('c', 'n', 0);
    assert.equal(await objects.increment('c', 'n'), 1);
  });

  it('appends', async () => {
    const objects = client();
    assert.equal(await objects.append('c', 'log', 'one\n', { type: 'text/plain' }), 4);
    assert.equal(await objects.append('c', 'log', Buffer.from('two\n')), 8);
    assert.equal(await objects.get('c', 'log'), 'one\ntwo\n');
  });

  it('loads a missing value once for all clients that ask', async () => {
    let loads = 0;
    const load = async (): Promise<{ n: number }> => {
      loads++;
      await sleep(20);
      return { n: loads };
    };
    const values = await Promise.all(
      Array.from({ length: 40 }, (_, n) => clients[n % 4] ?? client()).map((each) => each.get('c', 'k', { load })),
    );
    assert.equal(loads, 1);
    for (const value of values) assert.deepEqual(value, { n: 1 });
    assert.deepEqual(await client().get('c', 'k', { load: () => assert.fail() }), { n: 1 });
    assert.deepEqual(
      (await client().list('c')).map(({ key }) => key),
      ['k'],
    );
  });

  it('lets another client load if a load fails', async () => {
    const failing = client().get('c', 'k', {
      load: async () => {
        await waiting(1);
        throw new Error('the database is away');
      },
    });
    await new Promise(setImmediate);
    while (!memory.peek(guest, { color: 'c', key: '~load/k' }, performance.now())) await new Promise(setImmediate);
    const other = client().get('c', 'k', { load: () => 'loaded' });
    await assert.rejects(failing, /the database is away/);
    assert.equal(await other, 'loaded');
  });

  it('gives a lock to one holder at a time', async () => {
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        const lock = await client().lock('c', 'lock');
        most = Math.max(most, ++holders);
        await new Promise(setImmediate);
        holders--;
        await lock?.release();
        await lock?.release();
      }),
    );
    assert.equal(most, 1);
    assert.equal(memory.counts().objects, 0);
  });

  it('renews a lock, and ends a lock that is not renewed', async function () {
    this.timeout(120_000);
    const objects = client();
    let now = performance.now();
    time = () => now;
    // The holder's time passes, too: it must be enough for a renewal on a busy machine.
    const kept = await objects.lock('c', 'kept', { ttlMs: 6000 });
    // The server's time passes from renewal to renewal, however slow the machine is. A second renewal follows the end of the first.
    for (let passed = 0; passed < 8000; passed += 4000) {
      now += 4000;
      const renewed = requests.length + 2;
      while (requests.length < renewed) await sleep(5);
    }
    assert.equal(await objects.lock('c', 'kept', { waitMs: 0 }), undefined);
    assert.equal(kept?.lost.aborted, false);
    const ahead = now - performance.now();
    time = () => performance.now() + Math.max(0, ahead);
    const dropped = await objects.lock('c', 'dropped', { ttlMs: 20, renew: false });
    const next = await objects.lock('c', 'dropped');
    assert.ok(next);
    assert.equal(await dropped?.renew(), false);
    assert.equal(dropped?.lost.aborted, true);
    // The release of a lost lock does not end the lock of the next holder.
    await dropped?.release();
    assert.equal(await objects.lock('c', 'dropped', { waitMs: 0 }), undefined);
    await Promise.all([kept?.release(), next.release()]);
  });

  it('tells the holder of a lock that its time is over, also right after a pause and without the server', async () => {
    const objects = client();
    // The server would keep the lock.
    const now = performance.now();
    time = () => now;
    for (const renew of [true, false]) {
      const lock = await objects.lock('c', `paused-${renew}`, { ttlMs: 30, renew });
      const end = performance.now() + 31;
      while (performance.now() < end);
      assert.equal(lock?.lost.aborted, true);
      assert.equal(await lock.renew(), false);
      await lock.release();
    }
    const waiting = await objects.lock('c', 'waiting', { ttlMs: 30, renew: false });
    assert.ok(waiting);
    // Without a question the signal comes by itself.
    const { lost } = waiting;
    if (!lost.aborted) await once(lost, 'abort');
    const released = await objects.lock('c', 'released', { ttlMs: 30 });
    await released?.release();
    await sleep(31);
    assert.equal(released?.lost.aborted, false);
    assert.equal(await released.renew(), false);
  });

  it('waits for a response while the thread of an object memory starts, and less for the renewal of a lock', async () => {
    const objects = client();
    const limits: number[] = [];
    const { setTimeout: original } = globalThis;
    // Only the limits of the client are over a second here.
    const recording: typeof setTimeout = Object.assign((...call: Parameters<typeof setTimeout>) => {
      if ((call[1] ?? 0) > 1000) limits.push(Math.ceil((call[1] ?? 0) / 1000));
      return original(...call);
    }, original);
    const lock = await objects.lock('c', 'lock', { ttlMs: 900, renew: false });
    globalThis.setTimeout = recording;
    try {
      await objects.put('c', 'k', 1);
      await objects.read('c', 'k');
      await lock?.renew();
    } finally {
      globalThis.setTimeout = original;
    }
    assert.deepEqual(limits, [30, 60, 10]);
  });

  it('tells the holder of a lock that its time is over, also if a timer fires early', async () => {
    const lock = await client().lock('c', 'early', { ttlMs: 100, renew: false });
    assert.ok(lock);
    const { lost } = lock;
    const now = performance.now.bind(performance);
    performance.now = () => now() - 1000;
    try {
      if (!lost.aborted) await once(lost, 'abort', { signal: AbortSignal.timeout(10_000) });
    } finally {
      performance.now = now;
    }
  });

  it('refuses what would become another request, another color or another value', async () => {
    const objects = client();
    const before = requests.length;
    const untyped = (value: unknown): string => value as string;
    for (const [color, key] of [
      [undefined, 'k'],
      ['c', null],
      ['c', {}],
      ['\ud800', 'k'],
      ['c', '\udfff'],
    ]) {
      await assert.rejects(objects.get(untyped(color), untyped(key)), status(400));
    }
    for (const type of ['text/plain\r\nX-Palette-TTL: 1', 'text/plain\n', 'ü']) {
      await assert.rejects(objects.put('c', 'k', 1, { type }), status(400));
      await assert.rejects(objects.get('c', 'k', { policy: type }), status(400));
    }
    assert.equal(requests.length, before);
    // Colors of templates are texts, too.
    await objects.put(untyped(7), 'k', 'seven');
    assert.equal(await objects.get('7', 'k'), 'seven');
    const floats = new Float32Array([1, 2.5]);
    for (const value of [floats, floats.buffer, new DataView(floats.buffer)]) {
      await objects.put('c', 'floats', value);
      const read = await objects.get('c', 'floats');
      assert.ok(Buffer.isBuffer(read));
      assert.deepEqual(new Float32Array(Uint8Array.from(read).buffer), floats);
    }
    await objects.put('c', 'json', 'not JSON', { type: 'application/json' });
    await assert.rejects(objects.get('c', 'json'), (error: unknown) => {
      assert.ok(status(0)(error));
      return /type application\/json, but is not valid JSON/.test(String(error));
    });
  });

  it('loads for the longest key, and puts nothing if there is nothing', async () => {
    const objects = client();
    const key = 'k'.repeat(1024);
    assert.equal(await objects.get('c', key, { load: () => 1 }), 1);
    assert.equal(await objects.get('c', key), 1);
    assert.equal(await objects.get('c', 'none', { load: () => undefined }), undefined);
    assert.equal(await objects.get('c', 'null', { load: () => null }), null);
    assert.deepEqual(
      (await objects.list('c')).map((each) => each.key.slice(0, 4)),
      ['kkkk', 'null'],
    );
  });

  it('rejects with the text and the id of the server', async () => {
    const stranger = client(undefined, 'x.y');
    await assert.rejects(stranger.get('c', 'k'), (error: unknown) => {
      assert.ok(error instanceof own.ObjectsError);
      assert.deepEqual([error.status, error.message], [401, 'The token is not valid in this invoker.']);
      assert.match(error.code ?? '', /^\w{32}$/);
      return true;
    });
  });

  it('connects again when the server comes back, within its deadline', async () => {
    const objects = client();
    await objects.put('c', 'k', 'x');
    await server.close(0);
    const read = objects.get('c', 'k');
    server = new ObjectHttpServer(listener());
    await server.listen({ path });
    assert.equal(await read, 'x');
    await server.close(0);
    rmSync(path, { force: true });
    await assert.rejects(objects.get('c', 'k', { timeoutMs: 50 }), status(0));
  });

  it('gives up on a server that does not respond, or sends nonsense', async () => {
    const broken = async (onSocket: (socket: Socket) => void): Promise<void> => {
      const other = createServer((socket) => onSocket(socket.on('error', () => undefined).resume()));
      await new Promise<void>((resolve) => other.listen(join(folder, 'other'), resolve));
      await assert.rejects(client(`unix:${join(folder, 'other')}`).get('c', 'k', { timeoutMs: 100 }), status(0));
      await new Promise((resolve) => other.close(resolve));
    };
    await broken(() => undefined);
    await broken((socket) => socket.end('nonsense\r\n\r\n'));
    await broken((socket) => socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'));
    await broken((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc'));
    await broken((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'));
    await broken((socket) => socket.write('x'.repeat(100_000)));
  });

  it('reads responses that arrive byte by byte', async () => {
    const other = createServer((socket) => {
      socket.once('data', () => {
        void (async () => {
          for (const byte of 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello') {
            socket.write(byte);
            await new Promise(setImmediate);
          }
        })();
      });
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const objects = client(`http://127.0.0.1:${port}`);
    assert.equal(await objects.get('c', 'k'), 'hello');
    objects.close();
    other.close();
  });

  it('does not keep the process or the server from ending', async () => {
    const other = createHttpServer((_, response) =>
      response.writeHead(404, { 'Content-Length': 0, Connection: 'close' }).end(),
    );
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const objects = client(`http://127.0.0.1:${port}`);
    for (let n = 0; n < 3; n++) assert.equal(await objects.get('c', 'k'), undefined);
    await new Promise((resolve) => other.close(resolve));
  });

  it('uses the environment of the action, and says if there are no objects', async () => {
    await assert.rejects(own.get('c', 'k'), /There are no objects here: __OW_OBJECTS_URL/);
    process.env['__OW_OBJECTS_URL'] = `unix:${path}`;
    process.env['__OW_OBJECTS_TOKEN'] = tokens.make(guest);
    try {
      await own.put('c', 'k', 'x');
      assert.equal(await own.get('c', 'k'), 'x');
      assert.equal(await own.increment('c', 'n'), 1);
      assert.equal(await own.append('c', 'k', 'y'), 2);
      assert.equal((await own.read('c', 'k'))?.value, 'xy');
      assert.equal((await own.wait('c', 'k'))?.value, 'xy');
      assert.equal((await own.list('c')).length, 2);
      const lock = await own.lock('c', 'l');
      await lock?.release();
      assert.equal(await own.waitUntilGone('c', 'l'), true);
      assert.equal(await own.delete('c', 'k'), true);
    } finally {
      delete process.env['__OW_OBJECTS_URL'];
      delete process.env['__OW_OBJECTS_TOKEN'];
    }
    assert.throws(() => own.connect('https://x', 't'), /unix: or http:/);
  });
});
