import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rehearseWhenIdle } from '../../../../../invoker/runtimes/nodejs/rehearsal.js';

/** A server that rehearses, and what a test does to it. */
async function rehearsing(rehearseAction: () => Promise<void>) {
  const server = createServer((_, response) => response.end());
  let isOff = false;
  let run: () => void = () => assert.fail('the time does not run before the server listens');
  rehearseWhenIdle(server, rehearseAction, (after) => {
    run = after;
    return () => (isOff = true);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, pass: () => run(), isOff: () => isOff };
}

describe('the rehearsal of a runtime', () => {
  it('runs an action, then calls its own server', async () => {
    const order: string[] = [];
    const { server, pass } = await rehearsing(async () => void order.push('action'));
    pass();
    const [request] = (await once(server, 'request')) as [IncomingMessage];
    order.push(`${request.method} ${request.url}`);
    assert.deepEqual(order, ['action', 'POST /rehearsal']);
    server.close();
  });

  it('is called off by a request, but not by its own', async () => {
    const called = await rehearsing(async () => undefined);
    get({ port: (called.server.address() as AddressInfo).port }).on('response', (response) => response.resume());
    await once(called.server, 'request');
    assert.equal(called.isOff(), true);
    called.server.close();

    const idle = await rehearsing(async () => undefined);
    idle.pass();
    await once(idle.server, 'request');
    assert.equal(idle.isOff(), false);
    idle.server.close();
  });

  it('does not call its server after an error', async () => {
    const { server, pass } = await rehearsing(async () => Promise.reject(new Error('no')));
    let requests = 0;
    server.on('request', () => requests++);
    pass();
    // A call of its own would come before this one, which begins later.
    await new Promise((resolve) => setImmediate(resolve));
    const sent = get({ port: (server.address() as AddressInfo).port, agent: false });
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    server.close();
    await once(server, 'close');
    assert.equal(requests, 1);
  });
});
