import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { ReadCopies } from '../../../../../invoker/objects/memory/ReadCopies.js';
import { CopiesOfReader } from '../../../../../invoker/objects/sharing/CopiesOfReader.js';
import { forward } from '../../../../../invoker/objects/sharing/forward.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { ObjectError } from '../../../../../shared/objects/ObjectError.js';

const MB = 1024 * 1024;
/** Longer than a change of a small object may take, in ms. */
const SLOW_MS = 8500;

async function listening(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

describe('a request for an object of another home', () => {
  it('does not go there if its caller has disconnected before', async () => {
    const reached: string[] = [];
    const home = createServer((request, response) => {
      reached.push(`${request.method} ${request.url}`);
      response.end();
    });
    const peers = new PeerClient('a secret of the cluster', 'invoker0');
    const copies = new CopiesOfReader(new ObjectMemory({ epoch: 'e', boundBytes: MB }), new ReadCopies());
    const homePort = await listening(home);
    const invoker = createServer();
    const passed = new Promise<void>((resolve, reject) => {
      invoker.on('request', (request, response) => {
        const homes = [{ instance: 1, url: `http://127.0.0.1:${homePort}` }] as const;
        const namespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
        const call = { request, response, namespace, color: 'red', policy: undefined, path: '/red/k', homes };
        // As after a wait for the homes of the color.
        response.once('close', () => void forward(peers, call, copies).then(resolve, reject));
        caller.destroy();
      });
    });
    const port = await listening(invoker);
    const caller = httpRequest({
      host: '127.0.0.1',
      port,
      method: 'PUT',
      path: '/',
      headers: { 'content-length': MB },
    });
    try {
      caller.on('error', () => undefined).write('the first bytes');
      await assert.rejects(passed, (error) => error instanceof ObjectError);
      assert.deepEqual(reached, []);
    } finally {
      caller.destroy();
      await peers.close();
      for (const server of [home, invoker]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });

  for (const target of ['/red/k?append', '/red/k/append'])
    it(`has time for the home to copy all of an object that it appends to (${target})`, async () => {
      const home = createServer((request, response) => {
        request.resume();
        setTimeout(() => response.end('{"bytes":67108864}'), SLOW_MS);
      });
      const peers = new PeerClient('a secret of the cluster', 'invoker0');
      const copies = new CopiesOfReader(new ObjectMemory({ epoch: 'e', boundBytes: MB }), new ReadCopies());
      const homes = [{ instance: 1, url: `http://127.0.0.1:${await listening(home)}` }] as const;
      const invoker = createServer((request, response) => {
        const namespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
        const call = { request, response, namespace, color: 'red', policy: undefined, path: target, homes };
        forward(peers, call, copies).catch(() => response.destroy());
      });
      try {
        const reply = await fetch(`http://127.0.0.1:${await listening(invoker)}${target}`, {
          method: 'POST',
          body: 'x',
        });
        assert.deepEqual([reply.status, await reply.text()], [200, '{"bytes":67108864}']);
      } finally {
        await peers.close();
        for (const server of [home, invoker]) {
          server.closeAllConnections();
          server.close();
        }
      }
    });

  it('keeps no connection for a response that it could not begin to pass on', async () => {
    let left = (): void => undefined;
    const leaves = new Promise<void>((resolve) => (left = resolve));
    const home = createServer((_request, response) => {
      response.once('close', left).writeHead(200, { 'content-length': MB });
      response.write('the first bytes');
    });
    const peers = new PeerClient('a secret of the cluster', 'invoker0');
    const copies = new CopiesOfReader(new ObjectMemory({ epoch: 'e', boundBytes: MB }), new ReadCopies());
    const homePort = await listening(home);
    const invoker = createServer();
    const passed = new Promise<void>((resolve, reject) => {
      invoker.on('request', (request, response) => {
        // The response has begun already, and stays open.
        response.writeHead(200).write('x');
        const homes = [{ instance: 1, url: `http://127.0.0.1:${homePort}` }] as const;
        const namespace = { uuid: 'u', name: 'guest', limitBytes: undefined };
        const call = { request, response, namespace, color: 'red', policy: undefined, path: '/red/k', homes };
        forward(peers, call, copies).then(resolve, reject);
      });
    });
    const caller = httpRequest({ host: '127.0.0.1', port: await listening(invoker), path: '/' });
    try {
      caller.on('error', () => undefined).end();
      await assert.rejects(passed, { code: 'ERR_HTTP_HEADERS_SENT' });
      await leaves;
    } finally {
      caller.destroy();
      await peers.close();
      for (const server of [home, invoker]) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});
