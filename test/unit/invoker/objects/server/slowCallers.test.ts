import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { bearerAuthentication } from '../../../../../invoker/objects/server/bearer.js';
import { ObjectHttpServer } from '../../../../../invoker/objects/server/ObjectHttpServer.js';
import { objectListener } from '../../../../../invoker/objects/server/objectListener.js';
import { everythingIsHere } from '../../../../../shared/objects/Locate.js';
import { ObjectTokens } from '../../../../../shared/objects/ObjectToken.js';
import { eventually } from '../../../../e2e/eventually.js';
import { ObjectCaller } from '../callObjects.js';

const MB = 1024 * 1024;
const guest = { uuid: 'u-1', name: 'guest', limitBytes: undefined };

/** The limit for sending an object, which no test waits for: {@link holdSendLimits}. */
const SEND_MS = 3_600_001;

/**
 * From now on the limit for sending an object is over when the test says so, however long the test takes on a busy machine.
 * @returns ends the limits of all objects that are being sent.
 */
function holdSendLimits(): () => void {
  const real = globalThis.setTimeout;
  const limits: (() => void)[] = [];
  const held = (callback: () => void, ms?: number): NodeJS.Timeout => {
    if (ms === SEND_MS) limits.push(callback);
    return real(callback, ms);
  };
  mock.method(globalThis, 'setTimeout', held as typeof setTimeout);
  return () => limits.splice(0).forEach((end) => end());
}

/** A caller that still sends may lose the response with its connection. */
const REFUSED = /^(HTTP\/1.1 408 .*)?$/s;

/** What the socket has received when it is closed. */
function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  return new Promise((resolve) => {
    socket.once('close', () => resolve(text));
  });
}

describe('slow callers of the object server', () => {
  const tokens = new ObjectTokens(new Uint8Array(32), 'invoker0');
  const token = tokens.make(guest);
  let folder: string;
  let memory: ObjectMemory;
  let server: ObjectHttpServer;
  let listening: Server;
  let objects: ObjectCaller;
  let caller: Socket;
  const faults: unknown[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-'));
    memory = new ObjectMemory({ epoch: 'e', boundBytes: 80 * MB });
    faults.length = 0;
    const listener = objectListener({
      memory,
      authenticate: bearerAuthentication(tokens),
      elsewhere: { locate: everythingIsHere, forward: () => Promise.reject(new Error('no peers')) },
      now: () => performance.now(),
      onFault: (_, error) => faults.push(error),
      sendMs: SEND_MS,
    });
    server = new ObjectHttpServer(listener, { requestMs: 5000, checkMs: 50, idleMs: 600_000 });
    const socketPath = join(folder, 's');
    listening = await server.listen({ path: socketPath });
    objects = new ObjectCaller({ socketPath }, token);
    caller = await connected();
  });

  afterEach(async () => {
    mock.restoreAll();
    caller.destroy();
    objects.close();
    await server.close(0);
    rmSync(folder, { recursive: true });
    assert.deepEqual(faults, []);
  });

  const connected = async (): Promise<Socket> => {
    const socket = connect(join(folder, 's'));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  /** The time for a request begins with its connection, and a test may take long before it sends one. */
  const connectAnew = async (): Promise<void> => {
    caller.destroy();
    caller = await connected();
  };

  const head = (line: string, ...headers: string[]): string =>
    [`${line} HTTP/1.1`, 'Host: objects', `Authorization: Bearer ${token}`, ...headers, '', ''].join('\r\n');

  for (const [kind, headers] of [
    ['a known length', ['Content-Length: 5000000']],
    ['chunks', ['Transfer-Encoding: chunked']],
  ] as const) {
    it(`that send a byte now and then with ${kind} get 408, and their memory is free again`, async () => {
      const response = untilClosed(caller);
      caller.write(head('PUT /red/k', ...headers));
      const sending = setInterval(() => caller.write(kind === 'chunks' ? '1\r\nx\r\n' : 'x'), 40);
      try {
        await eventually(async () => assert.ok(memory.usedBytes > 0));
        assert.match(await response, REFUSED);
      } finally {
        clearInterval(sending);
      }
      await eventually(async () => assert.equal(memory.usedBytes, 0));
      assert.match(await objects.text('/red/k'), /^404/);
    });
  }

  it('that send the head of a request byte by byte get 408', async () => {
    const text = head('GET /red/k');
    const response = untilClosed(caller);
    let at = 0;
    const sending = setInterval(() => caller.write(text[at++ % text.length] ?? ''), 40);
    try {
      assert.match(await response, REFUSED);
    } finally {
      clearInterval(sending);
    }
  });

  it('that do not read a large object lose their connection, and the memory of a replaced object is free again', async () => {
    assert.match(await objects.text('/red/k', { method: 'PUT', body: Buffer.alloc(8 * MB) }), /^201/);
    await connectAnew();
    const endSendLimits = holdSendLimits();
    caller.pause();
    for (let i = 0; i < 3; i++) caller.write(head('GET /red/k'));
    const gone = once(caller, 'close');
    // The object is replaced while it is sent: both are counted.
    await eventually(async () => assert.equal(memory.counts().hits, 3));
    assert.match(await objects.text('/red/k', { method: 'PUT', body: 'x' }), /^200/);
    assert.ok(memory.usedBytes > 8 * MB);
    endSendLimits();
    await eventually(async () => assert.ok(memory.usedBytes < MB));
    caller.resume();
    await gone;
  });

  it('that ask for small objects and never read lose their connection, and the memory is counted until then', async () => {
    const keys = Array.from({ length: 30 }, (_, i) => `/red/${i}`);
    for (const key of keys)
      assert.match(await objects.text(key, { method: 'PUT', body: Buffer.alloc(MB / 16) }), /^201/);
    await connectAnew();
    const endSendLimits = holdSendLimits();
    caller.pause();
    caller.write(keys.map((key) => head(`GET ${key}`)).join(''));
    await eventually(async () => assert.equal(memory.counts().hits, keys.length));
    for (const key of keys) await objects.text(key, { method: 'DELETE' });
    assert.ok(memory.usedBytes > MB);
    endSendLimits();
    const connections = (): Promise<number> =>
      new Promise((resolve, reject) => {
        listening.getConnections((error, count) => (error ? reject(error) : resolve(count)));
      });
    await eventually(async () => assert.ok((await connections()) <= 1));
    await eventually(async () => assert.equal(memory.usedBytes, 0));
  });
});
