import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { bearerAuthentication } from '../../../../../invoker/objects/server/bearer.js';
import type { Elsewhere } from '../../../../../invoker/objects/server/Elsewhere.js';
import type { Prepared } from '../../../../../invoker/objects/server/searches.js';
import { ObjectHttpServer } from '../../../../../invoker/objects/server/ObjectHttpServer.js';
import { objectListener } from '../../../../../invoker/objects/server/objectListener.js';
import { everythingIsHere } from '../../../../../shared/objects/Locate.js';
import { ObjectTokens } from '../../../../../shared/objects/ObjectToken.js';
import { ObjectCaller } from '../callObjects.js';

const MB = 1024 * 1024;
const guest = { uuid: 'u-1', name: 'guest', limitBytes: undefined };

describe('callers of the object server that have gone', () => {
  const tokens = new ObjectTokens(new Uint8Array(32), 'invoker0');
  let folder: string;
  let memory: ObjectMemory;
  let server: ObjectHttpServer;
  let listening: Server;
  let objects: ObjectCaller;
  let socketPath: string;
  let prepare: Elsewhere['prepare'];
  const faults: unknown[] = [];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-'));
    socketPath = join(folder, 's');
    memory = new ObjectMemory({ epoch: 'e', boundBytes: 80 * MB });
    faults.length = 0;
    prepare = undefined;
    const listener = objectListener({
      memory,
      authenticate: bearerAuthentication(tokens),
      elsewhere: {
        locate: everythingIsHere,
        forward: () => Promise.reject(new Error('no peers')),
        prepare: (...args) => prepare?.(...args),
      },
      now: () => performance.now(),
      onFault: (_, error) => faults.push(error),
    });
    server = new ObjectHttpServer(listener);
    listening = await server.listen({ path: socketPath });
    objects = new ObjectCaller({ socketPath }, tokens.make(guest));
  });

  afterEach(async () => {
    objects.close();
    await server.close(0);
    rmSync(folder, { recursive: true });
    assert.deepEqual(faults, []);
  });

  /** Sends a `GET` over a connection of its own. @returns ends the connection, and waits until the server has seen it. */
  async function getAlone(path: string): Promise<() => Promise<void>> {
    const accepted = new Promise<Socket>((resolve) => {
      listening.once('connection', resolve);
    });
    const caller = connect(socketPath);
    caller.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.make(guest)}\r\n\r\n`);
    const closed = once(await accepted, 'close');
    return async () => {
      caller.destroy();
      await closed;
    };
  }

  it('do not keep a large object counted if they left before it was ready', async () => {
    await objects.call('/c/k', { method: 'PUT', body: Buffer.alloc(MB) });
    let ready: (prepared: Prepared) => void = () => undefined;
    let begun: () => void = () => undefined;
    const isWaiting = new Promise<void>((resolve) => (begun = resolve));
    let isFirst = true;
    prepare = () => {
      if (!isFirst) return undefined;
      isFirst = false;
      begun();
      return new Promise((resolve) => (ready = resolve));
    };
    const leave = await getAlone('/c/k');
    await isWaiting;
    await leave();
    ready('missing');
    await objects.call('/c/k', { method: 'DELETE' });
    assert.equal(memory.usedBytes, 0);
  });

  it('do not wait anew if they left while a change was not safe', async () => {
    let safe: (prepared: Prepared) => void = () => undefined;
    let begun: () => void = () => undefined;
    const isUnsafe = new Promise<void>((resolve) => (begun = resolve));
    prepare = (_, __, mayRecover) => {
      if (mayRecover) return undefined;
      begun();
      return new Promise((resolve) => (safe = resolve));
    };
    const leave = await getAlone('/c/k?wait=300s');
    while (memory.counts().waits !== 1) await new Promise(setImmediate);
    await objects.call('/c/k', { method: 'PUT', body: 'x' });
    await isUnsafe;
    await leave();
    await objects.call('/c/k', { method: 'DELETE' });
    safe('over');
    await new Promise(setImmediate);
    assert.equal(memory.counts().waits, 0);
  });
});
