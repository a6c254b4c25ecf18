import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { bearerAuthentication } from '../../../../../invoker/objects/server/bearer.js';
import type { Elsewhere } from '../../../../../invoker/objects/server/Elsewhere.js';
import { ObjectHttpServer } from '../../../../../invoker/objects/server/ObjectHttpServer.js';
import { objectListener } from '../../../../../invoker/objects/server/objectListener.js';
import { everythingIsHere } from '../../../../../shared/objects/Locate.js';
import type { ObjectList } from '../../../../../shared/objects/ObjectRequest.js';
import { ObjectTokens } from '../../../../../shared/objects/ObjectToken.js';
import { ObjectCaller } from '../callObjects.js';

const MB = 1024 * 1024;
const guest = { uuid: 'u-1', name: 'guest', limitBytes: undefined };

describe('objectListener', () => {
  const tokens = new ObjectTokens(new Uint8Array(32), 'invoker0');
  let folder: string;
  let memory: ObjectMemory;
  let server: ObjectHttpServer;
  let objects: ObjectCaller;
  let socketPath: string;
  let elsewhere: Elsewhere;
  const faults: unknown[] = [];
  /** Wakes the test when a request waits. */
  let waited: boolean[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-'));
    socketPath = join(folder, 's');
    memory = new ObjectMemory({ epoch: 'e', boundBytes: 80 * MB });
    faults.length = 0;
    waited = [];
    elsewhere = { locate: everythingIsHere, forward: () => Promise.reject(new Error('no peers')) };
    const authenticate = bearerAuthentication(tokens);
    server = new ObjectHttpServer(
      objectListener({
        memory,
        authenticate,
        elsewhere: {
          locate: (...args) => elsewhere.locate(...args),
          forward: (call) => elsewhere.forward(call),
          prepare: (...args) => elsewhere.prepare?.(...args),
          settle: (...args) => elsewhere.settle?.(...args),
        },
        now: () => performance.now(),
        onFault: (_, error) => faults.push(error),
        onWaited: (met) => waited.push(met),
      }),
    );
    await server.listen({ path: socketPath });
    objects = new ObjectCaller({ socketPath }, tokens.make(guest));
  });

  afterEach(async () => {
    objects.close();
    await server.close(0);
    rmSync(folder, { recursive: true });
  });

  /** Resolves once `count` requests wait in the memory. */
  async function waiting(count: number): Promise<void> {
    while (memory.counts().waits !== count) await new Promise(setImmediate);
  }

  it('refuses a replicated object for which there is no room before its body is sent, whose object stays', async () => {
    const kept = { 'x-palette-persistence': 'replicated' };
    await objects.call('/c/k', { method: 'PUT', body: 'one', headers: kept });
    await objects.call('/c/m', { method: 'PUT', body: 'one' });
    const asked = async (path: string, method: string, headers: Record<string, string> = kept): Promise<string> => {
      const outgoing = request({
        socketPath,
        method,
        path,
        headers: {
          ...headers,
          authorization: `Bearer ${tokens.make(guest)}`,
          expect: '100-continue',
          'content-length': 41 * MB,
        },
      });
      outgoing.flushHeaders();
      const answer = await Promise.race([
        once(outgoing, 'continue').then(() => 'continue'),
        new Promise<string>((resolve) =>
          outgoing.once('response', ({ statusCode, headers: { 'retry-after': after } }) =>
            resolve(`${statusCode} ${after}`),
          ),
        ),
      ]);
      outgoing.on('error', () => undefined).destroy();
      return answer;
    };
    assert.equal(await asked('/c/new', 'PUT'), '503 5');
    assert.equal(await asked('/c/m', 'PUT'), '503 5');
    assert.equal(await asked('/c/k?append', 'POST'), '503 5');
    // The object before is a replicated one.
    assert.equal(await asked('/c/k', 'PUT', {}), '503 5');
    assert.equal(await asked('/c/k', 'PUT', { 'x-palette-persistence': 'memory' }), 'continue');
    assert.equal(await asked('/c/m?append', 'POST', {}), 'continue');
    assert.deepEqual([await objects.text('/c/k'), await objects.text('/c/m')], ['200 one', '200 one']);
  });

  it('serves each request of the table', async () => {
    const made = await objects.call('/c/k', { method: 'PUT', body: 'one', headers: { 'content-type': 'text/plain' } });
    assert.equal(made.status, 201);
    const read = await objects.call('/c/k');
    assert.deepEqual(
      [
        read.status,
        read.body.toString(),
        read.headers['content-type'],
        read.headers.etag,
        read.headers['x-palette-persistence'],
      ],
      [200, 'one', 'text/plain', made.headers.etag, 'memory'],
    );
    const head = await objects.call('/c/k', { method: 'HEAD' });
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '3', 0]);
    const etag = made.headers.etag ?? '';
    const fresh = await objects.call('/c/k', { headers: { 'if-none-match': etag } });
    assert.deepEqual([fresh.status, fresh.headers.etag, fresh.body.length], [304, etag, 0]);
    assert.equal(
      (await objects.call('/c/k', { method: 'PUT', body: 'two', headers: { 'if-match': etag } })).status,
      200,
    );
    assert.match(
      await objects.text('/c/k', { method: 'PUT', body: '3', headers: { 'if-match': etag } }),
      /^412 .*changed/,
    );
    assert.match(
      await objects.text('/c/k', { method: 'PUT', body: '3', headers: { 'if-none-match': '*' } }),
      /^412 .*exists already/,
    );
    assert.equal(await objects.text('/c/k', { method: 'POST', body: '+' }).then((text) => text.slice(0, 3)), '400');
    assert.equal(await objects.text('/c/k?append', { method: 'POST', body: '+' }), '200 {"bytes":4}');
    assert.equal(await objects.text('/c/n?increment=5', { method: 'POST' }), '200 5');
    assert.equal(await objects.text('/c/n?increment', { method: 'POST' }), '200 6');
    assert.equal(await objects.text('/c/n'), '200 6');
    const list = JSON.parse((await objects.call('/c?prefix=')).body.toString()) as ObjectList;
    assert.deepEqual(
      list.objects.map(({ key, bytes, contentType }) => [key, bytes, contentType]),
      [
        ['k', 4, 'application/octet-stream'],
        ['n', 1, 'text/plain'],
      ],
    );
    assert.equal(list.more, false);
    assert.equal(await objects.text('/c/k', { method: 'DELETE' }), '204 ');
    assert.match(await objects.text('/c/k', { method: 'DELETE' }), /^404 /);
    assert.deepEqual(faults, []);
  });

  it('are changed by the path, too, with the number in the body', async () => {
    const post = (path: string, body?: string, headers: Record<string, string> = {}) =>
      objects.text(path, { method: 'POST', body, headers });
    assert.equal(await post('/red/n/increment'), '200 1');
    assert.equal(
      await post('/red/n/increment', '-2.5', { 'content-type': 'application/x-www-form-urlencoded' }),
      '200 -1.5',
    );
    assert.equal((await objects.call('/red/n')).headers['content-type'], 'text/plain');
    assert.match(await post('/red/n/increment', 'x'), /^400.*decimal number/);
    assert.match(await post('/red/n/increment', '1'.repeat(100)), /^400.*decimal number/);
    assert.equal(await post('/red/n/increment', '1', { 'transfer-encoding': 'chunked' }), '200 -0.5');
    assert.match(await post('/red/n/increment', '1'.repeat(100_000), { 'transfer-encoding': 'chunked' }), /^400/);
    await objects.call('/red/j', { method: 'PUT', body: '1', headers: { 'content-type': 'application/json' } });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    for (const path of ['/red/j/increment', '/red/j?increment=1', '/red/j/append', '/red/j?append']) {
      assert.match(await post(path, path.includes('append') ? '0' : '', form), /^200/);
      assert.equal((await objects.call('/red/j')).headers['content-type'], 'application/json', path);
    }
    assert.equal(await objects.text('/red/j', { method: 'DELETE' }), '204 ');
    assert.equal(await post('/red/a/b/append', 'one'), '200 {"bytes":3}');
    assert.equal(await post('/red/a%2Fb/append', 'two'), '200 {"bytes":6}');
    assert.equal(await objects.text('/red/a/b'), '200 onetwo');
    assert.equal(memory.counts().objects, 2);
  });

  it('describes the fault, with an id', async () => {
    const { status, headers, body } = await objects.call('/c/k');
    assert.equal(status, 404);
    const { error, code } = JSON.parse(body.toString()) as { error: string; code: string };
    assert.equal(error, 'The object does not exist.');
    assert.equal(headers['x-request-id'], code);
    assert.match(await objects.text('/'), /^400 .*\/\{color\}\/\{key\}/);
    const patch = await objects.call('/c/k', { method: 'PATCH' });
    assert.deepEqual([patch.status, patch.headers.allow], [405, 'GET, HEAD, PUT, POST, DELETE']);
    const put = await objects.call('/c', { method: 'PUT', body: 'x' });
    assert.deepEqual([put.status, put.headers.allow], [405, 'GET']);
  });

  it('refuses a request without a valid token, without a hint of the object', async () => {
    await objects.call('/c/k', { method: 'PUT', body: 'secret' });
    const other = new ObjectTokens(new Uint8Array(32), 'invoker1').make(guest);
    for (const authorization of [undefined, 'Bearer x', `Bearer ${other}`, `Basic ${tokens.make(guest)}`, 'Bearer ']) {
      const stranger = new ObjectCaller({ socketPath });
      const { status, body } = await stranger.call(
        '/c/k',
        authorization === undefined ? {} : { headers: { authorization } },
      );
      assert.equal(status, 401);
      assert.doesNotMatch(body.toString(), /secret/);
      stranger.close();
    }
  });

  it('keeps namespaces apart', async () => {
    await objects.call('/c/k', { method: 'PUT', body: 'mine' });
    const other = new ObjectCaller({ socketPath }, tokens.make({ ...guest, uuid: 'u-2' }));
    assert.match(await other.text('/c/k'), /^404/);
    assert.equal(await other.text('/c'), '200 {"objects":[],"more":false}');
    other.close();
  });

  it('answers a wait at the change', async () => {
    const answers = [objects.text('/c/k?wait=20s'), objects.text('/c/k?wait=20s')];
    await waiting(2);
    await objects.call('/c/k', { method: 'PUT', body: 'x' });
    assert.deepEqual(await Promise.all(answers), ['200 x', '200 x']);
    const { etag } = (await objects.call('/c/k')).headers;
    const next = objects.text('/c/k?wait=20s', { headers: { 'if-none-match': etag ?? '' } });
    const gone = objects.text('/c/k?wait=20s', { headers: { 'if-none-match': '*' } });
    await waiting(2);
    await objects.call('/c/k?append', { method: 'POST', body: 'y' });
    assert.equal(await next, '200 xy');
    await objects.call('/c/k', { method: 'DELETE' });
    assert.match(await gone, /^404/);
    assert.deepEqual(waited, [true, true, true, true]);
  });

  it('answers a wait at its end with the current object', async () => {
    assert.match(await objects.text('/c/k?wait=1ms'), /^404/);
    const { etag } = (await objects.call('/c/k', { method: 'PUT', body: 'x' })).headers;
    const same = await objects.call('/c/k?wait=1ms', { headers: { 'if-none-match': etag ?? '' } });
    assert.equal(same.status, 304);
    assert.deepEqual(waited, [false, false]);
    assert.equal(await objects.text('/c/k?wait=20s'), '200 x');
  });

  it('forgets the wait of a caller that has left', async () => {
    const outgoing = request({
      socketPath,
      path: '/c/k?wait=20s',
      headers: { authorization: `Bearer ${tokens.make(guest)}` },
    });
    outgoing.on('error', () => undefined).end();
    await waiting(1);
    outgoing.destroy();
    await waiting(0);
  });

  it('refuses a body that is too large before it is sent', async () => {
    const headers = { 'content-length': String(64 * MB + 1), expect: '100-continue' };
    const answer = await objects.call('/c/k', { method: 'PUT', headers });
    assert.equal(answer.status, 413);
    assert.equal(memory.usedBytes, 0);
    const small = new ObjectCaller({ socketPath }, tokens.make({ ...guest, limitBytes: 1000 }));
    assert.match(await small.text('/c/k', { method: 'PUT', body: Buffer.alloc(2000) }), /^429 .*limit of 1000/);
    small.close();
  });

  it('waits for nobody that may send its body', async () => {
    const headers = { expect: '100-continue', authorization: `Bearer ${tokens.make(guest)}`, 'content-length': '5' };
    const outgoing = request({ socketPath, path: '/c/k', method: 'PUT', headers });
    outgoing.flushHeaders();
    await once(outgoing, 'continue');
    outgoing.end('hello');
    await once(outgoing, 'response');
    assert.equal(await objects.text('/c/k'), '200 hello');
  });

  it('takes a body of unknown length, and refuses it once it is too large', async () => {
    const headers = { 'transfer-encoding': 'chunked' };
    const body = Buffer.alloc(3 * MB, 'ab');
    assert.equal((await objects.call('/c/k', { method: 'PUT', headers, body })).status, 201);
    assert.ok((await objects.call('/c/k')).body.equals(body));
    const outgoing = request({
      socketPath,
      path: '/c/large',
      method: 'PUT',
      headers: { authorization: `Bearer ${tokens.make(guest)}` },
    });
    outgoing.on('error', () => undefined);
    const answer = await new Promise<number>((resolve) => {
      outgoing.once('response', ({ statusCode = 0 }) => resolve(statusCode));
      const chunk = Buffer.alloc(MB);
      const write = (): void => {
        while (outgoing.write(chunk));
      };
      outgoing.on('drain', write);
      write();
    });
    assert.ok([413, 503].includes(answer));
    outgoing.destroy();
    await objects.call('/c/k', { method: 'DELETE' });
    while (memory.usedBytes > 0) await new Promise(setImmediate);
  });

  it('writes and reads 64 MB, with a known and an unknown length, and no byte more', async () => {
    const body = Buffer.alloc(64 * MB, '0123456789');
    const chunked = { 'transfer-encoding': 'chunked' };
    for (const headers of [{}, chunked]) {
      assert.equal((await objects.call('/c/k', { method: 'PUT', body, headers })).status < 300, true);
      assert.ok((await objects.call('/c/k')).body.equals(body));
    }
    const more = Buffer.alloc(64 * MB + 1);
    assert.equal((await objects.call('/c/k', { method: 'PUT', body: more, headers: chunked })).status, 413);
  });

  it('frees the memory of an upload that is broken off', async () => {
    const socket = connect(socketPath);
    const token = tokens.make(guest);
    socket.write(
      `PUT /c/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 1000000\r\n\r\nabc`,
    );
    while (memory.usedBytes === 0) await new Promise(setImmediate);
    assert.equal(memory.usedBytes, 1_000_000);
    socket.destroy();
    while (memory.usedBytes > 0) await new Promise(setImmediate);
    assert.match(await objects.text('/c/k'), /^404/);
    assert.deepEqual(faults, []);
  });

  it('counts a large object until its reader has it or has left', async () => {
    await objects.call('/c/k', { method: 'PUT', body: Buffer.alloc(20 * MB) });
    const socket = connect(socketPath);
    socket.write(`GET /c/k HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.make(guest)}\r\n\r\n`);
    await once(socket, 'readable');
    await objects.call('/c/k', { method: 'DELETE' });
    assert.ok(memory.usedBytes > 20 * MB);
    socket.destroy();
    while (memory.usedBytes > 0) await new Promise(setImmediate);
  });

  it('executes concurrent increments one after the other', async () => {
    const sums = await Promise.all(
      Array.from({ length: 200 }, () => objects.call('/c/n?increment', { method: 'POST' })),
    );
    const numbers = sums.map(({ body }) => Number(body.toString())).toSorted((a, b) => a - b);
    assert.deepEqual(
      numbers,
      Array.from({ length: 200 }, (_, n) => n + 1),
    );
  });

  it('lets one of many writers win a compare-and-set', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        objects.call('/c/lock', { method: 'PUT', body: String(n), headers: { 'if-none-match': '*' } }),
      ),
    );
    assert.equal(all.filter(({ status }) => status === 201).length, 1);
    assert.equal(all.filter(({ status }) => status === 412).length, 49);
  });

  it('forwards a request whose home is elsewhere, and says when the home is unknown', async () => {
    const homes = [{ instance: 1, url: 'http://peer' }] as const;
    elsewhere = {
      locate: (_, color) =>
        color === 'unknown'
          ? Promise.resolve({ kind: 'unknown', reason: 'no controller answers' })
          : { kind: 'elsewhere', homes },
      forward: async ({ response, path, homes: found, namespace }) => {
        response.end(`${namespace.name} ${path} ${found[0].url}`);
      },
    };
    assert.equal(await objects.text('/c/k?wait=1s'), '200 guest /c/k?wait=1s http://peer');
    const unknown = await objects.call('/unknown/k');
    assert.deepEqual([unknown.status, unknown.headers['retry-after']], [503, '1']);
    assert.match(unknown.body.toString(), /no controller answers/);
  });

  it('recovers a missing object before an operation, and settles a change before the response', async () => {
    const log: string[] = [];
    elsewhere = {
      ...elsewhere,
      prepare: (namespace, address, mayRecover) => {
        if (!mayRecover || memory.peek(namespace, address, 0)) return undefined;
        log.push(`recover ${address.key}`);
        const options = { condition: undefined, persistence: undefined, ttlMs: undefined, contentType: undefined };
        memory.increment(namespace, address, 41, options, 0);
        return Promise.resolve('found');
      },
      settle: async (_, { key }, object, before) => {
        log.push(`settle ${key} ${before?.bytes.text()} ${object?.bytes.text()}`);
      },
    };
    assert.equal(await objects.text('/c/n?increment', { method: 'POST' }), '200 42');
    assert.equal(await objects.text('/c/n'), '200 42');
    assert.equal(await objects.text('/c/n', { method: 'DELETE' }), '204 ');
    assert.deepEqual(log, ['recover n', 'settle n 41 42', 'settle n 42 undefined']);
  });

  it('says nothing of a fault but an id', async () => {
    elsewhere = {
      ...elsewhere,
      locate: () => {
        throw new Error('a detail');
      },
    };
    assert.match(await objects.text('/c/k'), /^500 \{"error":"There was an internal server error."/);
    assert.equal(faults.length, 1);
  });
});
