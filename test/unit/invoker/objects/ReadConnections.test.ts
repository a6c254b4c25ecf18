import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReadConnections } from '../../../../invoker/objects/ReadConnections.js';
import { BrokenConnectionError, type RawResponse } from '../../../../shared/objects/client/Connection.js';
import { ObjectError } from '../../../../shared/objects/ObjectError.js';

const HEAD = 'GET /c/k HTTP/1.1\r\nHost: objects\r\n\r\n';
const BYTES = 3_000_000;
const BODY = Buffer.from(Array.from({ length: BYTES }, (_, i) => i % 251));

describe('reads over connections that stay open', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pw-reads-'));
  const path = join(folder, 's');
  let server: Server;
  let answer: (response: ServerResponse) => void;
  let connections: number;
  let requests: number;
  let reads: ReadConnections;

  beforeEach(async () => {
    connections = 0;
    requests = 0;
    answer = (response) => response.end(BODY);
    server = createServer((_, response) => {
      requests++;
      answer(response);
    });
    server.on('connection', () => connections++);
    server.listen(path);
    await once(server, 'listening');
    reads = new ReadConnections(path, 10_000);
  });
  afterEach(async () => {
    reads.close();
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const admitted = async (): Promise<void> => undefined;

  it('take memory for a body only when it is admitted, and then have all of it', async () => {
    const held = new Promise<{ bytes: number; admit: () => void; read: Promise<RawResponse> }>((resolve) => {
      const read = reads.read(HEAD, (bytes) => new Promise((admit) => resolve({ bytes, admit, read })));
    });
    const { bytes, admit, read } = await held;
    assert.equal(bytes, BYTES);
    admit();
    const { status, body } = await read;
    assert.equal(status, 200);
    assert.ok(body.equals(BODY));
    for (let i = 0; i < 3; i++) assert.ok((await reads.read(HEAD, admitted)).body.equals(BODY));
    assert.deepEqual([connections, requests], [1, 4]);
  });

  it('reject with the reason if the body is not admitted, and go on with another connection', async () => {
    const full = new Error('no memory');
    await assert.rejects(
      reads.read(HEAD, () => Promise.reject(full)),
      full,
    );
    assert.ok((await reads.read(HEAD, admitted)).body.equals(BODY));
    assert.deepEqual([connections, requests], [2, 2]);
  });

  it('do not ask for room for a refusal or an empty object', async () => {
    const never = (): Promise<void> => Promise.reject(new Error('it was asked'));
    answer = (response) => response.writeHead(404, { 'content-length': 4 }).end('none');
    const { status, body } = await reads.read(HEAD, never);
    assert.deepEqual([status, body.toString()], [404, 'none']);
    answer = (response) => response.writeHead(200, { 'content-length': 0 }).end();
    assert.equal((await reads.read(HEAD, never)).body.length, 0);
  });

  it('use eight connections at a time', async () => {
    const waiting: ServerResponse[] = [];
    answer = (response) => waiting.push(response);
    const all = Promise.all(Array.from({ length: 20 }, () => reads.read(HEAD, admitted)));
    for (let done = 0; done < 20; done++) {
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(connections <= 8);
      waiting.shift()?.end(BODY);
    }
    assert.ok((await all).every(({ body }) => body.length === BYTES));
    assert.equal(connections, 8);
  });

  it('are sent again if the server closed the connection while it was idle, and fail if it closes a new one', async () => {
    await reads.read(HEAD, admitted);
    answer = (response) => {
      answer = (next) => next.end(BODY);
      response.destroy();
    };
    assert.ok((await reads.read(HEAD, admitted)).body.equals(BODY));
    assert.equal(requests, 3);
    answer = (response) => response.destroy();
    await assert.rejects(reads.read(HEAD, admitted), BrokenConnectionError);
  });

  /** A read that waits for memory until it is let go. Resolves when it waits. */
  async function waitingRead(): Promise<{ readonly go: () => void; readonly read: Promise<RawResponse> }> {
    const held: { go: () => void; read: Promise<RawResponse> } = await new Promise((resolve) => {
      const read = reads.read(HEAD, () => new Promise((go) => resolve({ go, read })));
      // A test awaits it later.
      read.catch(() => undefined);
    });
    // It leaves its slot after the callbacks that are due.
    await new Promise((resolve) => setImmediate(resolve));
    return held;
  }
  const unavailable = (text: RegExp) => (error: unknown) =>
    error instanceof ObjectError && error.status === 503 && text.test(error.message);

  it('leave room for others while they wait for memory, and keep their connections', async () => {
    const held = [];
    for (let i = 0; i < 20; i++) held.push(await waitingRead());
    for (let i = 0; i < 3; i++) assert.ok((await reads.read(HEAD, admitted)).body.equals(BODY));
    assert.deepEqual([connections, requests], [21, 23]);
    for (const { go } of held) go();
    for (const { read } of held) assert.ok((await read).body.equals(BODY));
    // Few of them stay open.
    const count = (): Promise<number> =>
      new Promise((resolve, reject) => {
        server.getConnections((error, open) => (error ? reject(error) : resolve(open)));
      });
    while ((await count()) > 8) await new Promise((resolve) => setImmediate(resolve));
  });

  it('are refused if too many wait for memory, until one of those ends', async () => {
    reads = new ReadConnections(path, 10_000, 2);
    const responses: ServerResponse[] = [];
    answer = (response) => {
      responses.push(response);
      response.end(BODY);
    };
    const [first, second] = [await waitingRead(), await waitingRead()];
    const never = (): Promise<void> => new Promise(() => undefined);
    await assert.rejects(reads.read(HEAD, never), unavailable(/^2 other reads of objects wait for memory/));
    // Others go on.
    assert.ok((await reads.read(HEAD, admitted)).body.equals(BODY));
    responses[0]?.destroy();
    // It does not read while it waits, so it sees the end after that.
    first.go();
    await assert.rejects(first.read, BrokenConnectionError);
    const third = await waitingRead();
    await assert.rejects(reads.read(HEAD, never), unavailable(/wait for memory/));
    for (const { go, read } of [second, third]) {
      go();
      assert.ok((await read).body.equals(BODY));
    }
    for (const { go, read } of [await waitingRead(), await waitingRead()]) {
      go();
      await read;
    }
  });

  it('end after a limited wait for a slot, and leave the queue', async () => {
    // The later reads have to end within it on a busy machine, too.
    reads = new ReadConnections(path, 3000);
    // Heads without bodies: such reads have another limit for their bodies, which begins after that of the queue.
    answer = (response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.flushHeaders();
    };
    const stuck = Array.from({ length: 8 }, () =>
      assert.rejects(reads.read(HEAD, admitted), unavailable(/did not send the object within 3000 ms/)),
    );
    await assert.rejects(reads.read(HEAD, admitted), unavailable(/kept this one waiting on its invoker for 3000 ms/));
    await Promise.all(stuck);
    answer = (response) => response.end('x');
    const later = await Promise.all(Array.from({ length: 20 }, () => reads.read(HEAD, admitted)));
    assert.ok(later.every(({ body }) => body.toString() === 'x'));
  });

  it('end after their limit, which the wait for room does not count', async () => {
    reads.close();
    reads = new ReadConnections(path, 100);
    answer = () => undefined;
    await assert.rejects(reads.read(HEAD, admitted), unavailable(/did not send the object within 100 ms/));
    answer = (response) => response.end(BODY);
    reads = new ReadConnections(path, 1500);
    const slow = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2000));
    assert.equal((await reads.read(HEAD, slow)).body.length, BYTES);
  });

  it('are not sent again after their limit, also over a connection that was used before', async () => {
    reads.close();
    reads = new ReadConnections(path, 2000);
    answer = (response) => response.end('x');
    await reads.read(HEAD, admitted);
    answer = () => undefined;
    await assert.rejects(reads.read(HEAD, admitted), unavailable(/did not send the object within 2000 ms/));
    assert.deepEqual([connections, requests], [1, 2]);
  });
});
