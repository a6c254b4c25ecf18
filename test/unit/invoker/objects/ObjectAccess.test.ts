import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ObjectAccess } from '../../../../invoker/objects/ObjectAccess.js';
import { refused } from './memory/memories.js';

const A = { uuid: 'u', name: 'a', limitBytes: undefined };
const K = { color: 'red', key: 'k' };
const ROOM = { maxBytes: 100, admit: async () => undefined };

describe('reads and writes of objects by the invoker', () => {
  let folder: string;
  let server: Server;
  /** What the object memory answers first: a status, and the seconds of `Retry-After`. */
  let refusals: (readonly [number, number | undefined])[];
  let requests: string[];
  let access: ObjectAccess;
  const open = (patienceMs?: number): ObjectAccess =>
    new ObjectAccess({ socketPath: join(folder, 'socket'), token: () => 'token', calls: () => undefined, patienceMs });
  const write = (): Promise<void> =>
    access.write(A, K, undefined, {
      bytes: Buffer.from('value'),
      contentType: 'text/plain',
      persistence: 'memory',
      ttlMs: 1000,
    });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-access-'));
    requests = [];
    refusals = [];
    server = createServer((request, response) => {
      void text(request).then((body) => {
        requests.push(`${request.method} ${body}`);
        const [status, retryAfter] = refusals.shift() ?? [200, undefined];
        response.statusCode = status;
        if (retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
        response.end(status === 200 ? 'value' : JSON.stringify({ error: 'the home is not known' }));
      });
    }).listen(join(folder, 'socket'));
    await once(server, 'listening');
    access = open();
  });
  afterEach(async () => {
    await access.close();
    server.close().closeAllConnections();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are tried again while the home is not known, with the same bytes', async () => {
    refusals = [
      [503, 1],
      [503, 1],
    ];
    await write();
    assert.deepEqual(requests, ['PUT value', 'PUT value', 'PUT value']);
    refusals = [[503, 1]];
    assert.equal((await access.read(A, K, undefined, ROOM)).bytes.toString(), 'value');
    assert.deepEqual(requests.slice(3), ['GET ', 'GET ']);
  });

  it('are not tried again after another refusal', async () => {
    for (const [status, retryAfter] of [
      [503, undefined],
      [503, 5],
      [429, 1],
    ] as const) {
      refusals = [[status, retryAfter]];
      await assert.rejects(write(), refused(status));
    }
    assert.equal(requests.length, 3);
  });

  it('fail with the reason if that lasts', async () => {
    await access.close();
    access = open(300);
    refusals = Array.from({ length: 1000 }, () => [503, 1] as const);
    await assert.rejects(write(), /the home is not known/);
    await assert.rejects(access.read(A, K, undefined, ROOM), /the home is not known/);
    assert.ok(requests.length >= 2 && requests.length < 1000, `${requests.length} requests`);
  });
});
