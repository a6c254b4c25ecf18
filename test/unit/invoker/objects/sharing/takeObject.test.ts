import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ObjectMemory } from '../../../../../invoker/objects/memory/ObjectMemory.js';
import { PeerClient } from '../../../../../invoker/objects/sharing/PeerClient.js';
import { takeObject } from '../../../../../invoker/objects/sharing/takeObject.js';
import { at, put, textOf } from '../memory/memories.js';
import { GUEST } from './cluster.js';

describe('a move of an object', () => {
  it('fails if it is not removed there, also if it was evicted here meanwhile', async () => {
    const memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
    const server = createServer((request, response) => {
      if (request.method === 'GET') {
        response.setHeader('etag', '"1"').end('value');
        return;
      }
      memory.clear(GUEST, 'red');
      response.writeHead(500).end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const peers = new PeerClient('a secret', 'invoker0');
    try {
      const address = { color: 'red', key: 'k' };
      const from = { instance: 1, url: `http://127.0.0.1:${port}` };
      const common = { peers, memory, now: () => 1, namespace: GUEST, address, from, space: GUEST };
      await assert.rejects(takeObject({ ...common, owned: { epoch: 5 }, stillOwned: () => true }), { status: 503 });
    } finally {
      await peers.close();
      server.close().closeAllConnections();
    }
  });

  it('leaves another object alone that is in its place meanwhile, if it is not removed there', async () => {
    const memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
    const server = createServer((request, response) => {
      if (request.method === 'GET') {
        response.setHeader('etag', '"1"').end('value');
        return;
      }
      put(memory, GUEST, 'k', 'another', 1);
      response.writeHead(500).end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const peers = new PeerClient('a secret', 'invoker0');
    try {
      const from = { instance: 1, url: `http://127.0.0.1:${port}` };
      const common = { peers, memory, now: () => 1, namespace: GUEST, address: at('k'), from, space: GUEST };
      await assert.rejects(takeObject({ ...common, owned: { epoch: 5 }, stillOwned: () => true }), { status: 503 });
      assert.equal(textOf(memory.peek(GUEST, at('k'), 1)), 'another');
    } finally {
      await peers.close();
      server.close().closeAllConnections();
    }
  });

  it('asks again for the removal if it was refused since the epoch has been renewed meanwhile', async () => {
    const removals: string[] = [];
    const owned = { epoch: 5 };
    const server = createServer((request, response) => {
      if (request.method === 'GET') {
        response.setHeader('etag', '"1"').end('value');
        return;
      }
      removals.push(request.url ?? '');
      if (request.url?.endsWith('by=5') === true) {
        owned.epoch = 6;
        response.writeHead(421);
      }
      response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const peers = new PeerClient('a secret', 'invoker0');
    try {
      const memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
      const from = { instance: 1, url: `http://127.0.0.1:${port}` };
      const common = { peers, memory, now: () => 1, namespace: GUEST, address: at('k'), from, space: GUEST };
      assert.equal(await takeObject({ ...common, owned, stillOwned: () => true }), 'taken');
      assert.equal(removals.at(-1), '/c/k?by=6');
      assert.equal(textOf(memory.peek(GUEST, at('k'), 1)), 'value');
    } finally {
      await peers.close();
      server.close().closeAllConnections();
    }
  });

  it('is complete if only the response of its removal is lost', async () => {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(request.method ?? '');
      if (request.method === 'GET') response.setHeader('etag', '"1"').end('value');
      else if (requests.length === 2) request.socket.destroy();
      else response.end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const peers = new PeerClient('a secret', 'invoker0');
    try {
      const memory = new ObjectMemory({ epoch: 'e', boundBytes: 1024 * 1024 });
      const address = { color: 'red', key: 'k' };
      const from = { instance: 1, url: `http://127.0.0.1:${port}` };
      const common = { peers, memory, now: () => 1, namespace: GUEST, address, from, space: GUEST };
      assert.equal(await takeObject({ ...common, owned: { epoch: 5 }, stillOwned: () => true }), 'taken');
      assert.deepEqual(requests, ['GET', 'DELETE', 'DELETE']);
      assert.equal(memory.peek(GUEST, address, 1)?.bytes.length, 5);
    } finally {
      await peers.close();
      server.close().closeAllConnections();
    }
  });
});
