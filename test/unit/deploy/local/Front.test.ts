import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { startFront, type Front } from '../../../../deploy/local/Front.js';
import { freePort } from '../../../../deploy/local/ports.js';
import { BodyTooLargeError, isRepeatable, readBody } from '../../../../deploy/local/forwarding.js';

describe('the front of npm run local', () => {
  const servers: Server[] = [];
  let front: Front | undefined;
  let changes: string[];
  beforeEach(async () => {
    changes = [];
    front = await startFront({
      onChange: (url, awayMs) => void changes.push(`${url} ${awayMs === undefined ? 'away' : 'back'}`),
    });
  });
  afterEach(() => {
    front?.close();
    for (const server of servers.splice(0)) server.close().closeAllConnections();
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const answering = (taken: string[] = []): Promise<string> =>
    serve((request, response) => {
      if (request.url !== '/ping') taken.push(`${request.method} ${request.url}`);
      response.end('{"ok":true}');
    });

  const ask = async (path: string, init?: RequestInit): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${front?.base}${path}`, init);
    return { status: response.status, text: await response.text() };
  };

  it('says that the controllers are starting', async () => {
    assert.equal((await ask('/')).status, 503);
  });

  it('skips a controller that does not listen, and reports that once', async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    front?.forwardTo([dead, await answering()]);
    for (let n = 0; n < 6; n++) assert.equal((await ask('/x', { method: 'POST', body: '{}' })).status, 200);
    assert.deepEqual(changes, [`${dead} away`]);
  });

  it('answers 503 at once if no controller listens', async () => {
    front?.forwardTo([`http://127.0.0.1:${await freePort()}`]);
    const response = await fetch(`${front?.base}/x`, { method: 'POST', body: '{}' });
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '1');
    assert.deepEqual(await response.json(), { error: 'No controller takes requests.' });
  });

  it('asks another controller for a read that a silent one has taken, and takes the silent one back', async () => {
    let silent = true;
    const held: (() => void)[] = [];
    const frozen = await serve((_, response) => {
      if (silent) held.push(() => response.end());
      else response.end('{"ok":true}');
    });
    front?.forwardTo([frozen, await answering()]);
    for (let n = 0; n < 4; n++) assert.equal((await ask('/api/v1/namespaces')).status, 200);
    assert.deepEqual(changes, [`${frozen} away`]);
    silent = false;
    for (const end of held) end();
    while (changes.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(changes[1], `${frozen} back`);
  });

  it('does not send an invocation twice that a controller took before it ended', async () => {
    const taken: string[] = [];
    const dying = await serve((request, response) => {
      if (request.url === '/ping') response.end();
      else request.socket.destroy();
    });
    front?.forwardTo([dying, await answering(taken)]);
    const { status, text } = await ask('/api/v1/namespaces/_/actions/a', { method: 'POST', body: '{}' });
    assert.equal(status, 502);
    assert.match(text, /may have taken the request/);
    assert.deepEqual(taken, []);
    // The other one, in its turn, and then again the first, whose read goes to the other.
    await ask('/api/v1/namespaces');
    assert.equal((await ask('/api/v1/namespaces')).status, 200);
  });

  it('loses no invocation to a controller that has just died', async () => {
    const script = `const server = require('node:http').createServer((_, response) => response.end('{}'));
      server.keepAliveTimeout = 60_000;
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [port] = (await once(child.stdout, 'data')) as [Buffer];
      front?.forwardTo([`http://127.0.0.1:${port.toString().trim()}`, await answering()]);
      await Promise.all(Array.from({ length: 8 }, () => ask('/x', { method: 'POST', body: '{}' })));
      // The front runs in this process, which is busy until the controller is dead: it learns of the end with the next
      // requests.
      child.kill('SIGKILL');
      const tasks = `/proc/${child.pid}/task`;
      spawnSync('sh', [
        '-c',
        `until [ "$(cat ${tasks}/*/status | grep State:)" = "$(printf "State:\\tZ (zombie)")" ]; do :; done`,
      ]);
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask('/x', { method: 'POST', body: '{}' })));
      assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
    }
  });

  it('refuses a body that no controller would take', async () => {
    const body = (bytes: number): IncomingMessage => Readable.from([Buffer.alloc(bytes)]) as IncomingMessage;
    assert.equal((await readBody(body(10), 10)).length, 10);
    await assert.rejects(readBody(body(11), 10), BodyTooLargeError);
  });

  it('knows which requests may be sent again', () => {
    const repeatable: [string, string, boolean][] = [
      ['GET', '/api/v1/namespaces/_/actions', true],
      ['HEAD', '/ping', true],
      ['PUT', '/api/v1/namespaces/_/actions/a?overwrite=true', true],
      ['PUT', '/api/v1/namespaces/_/actions/a', false],
      ['DELETE', '/api/v1/namespaces/_/actions/a', false],
      ['POST', '/api/v1/namespaces/_/actions/a', false],
      ['GET', '/api/v1/web/guest/default/a.json', false],
    ];
    for (const [method, url, expected] of repeatable)
      assert.equal(isRepeatable(method, url), expected, `${method} ${url}`);
  });
});
