import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { promptSockets } from '../../../../../shared/messaging/kafkajs/sockets.js';

describe('the sockets of kafkajs', () => {
  async function portOf(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  it('gather no listeners when kafkajs releases a failed socket again and again', async () => {
    const server = createServer();
    const port = await portOf(server);
    server.close();
    await once(server, 'close');
    const socket = promptSockets({ host: '127.0.0.1', port, onConnect: () => undefined });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    const before = socket.listenerCount('connect');
    for (let i = 0; i < 20; i += 1) socket.unref();
    assert.equal(socket.listenerCount('connect'), before);
  });

  it('connect, and can be released while they are open', async () => {
    const server = createServer((accepted) => accepted.end());
    const port = await portOf(server);
    const connected = new Promise<void>((resolve) => {
      const socket = promptSockets({ host: '127.0.0.1', port, onConnect: resolve });
      socket.unref();
      socket.resume();
    });
    await connected;
    server.close();
  });
});
