import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { connectAfresh } from '../../../../../shared/messaging/kafkajs/freshConnections.js';
import { promptSockets } from '../../../../../shared/messaging/kafkajs/sockets.js';
import { until } from '../../../../suites/messaging.js';

interface Connection {
  connect(): Promise<void>;
  disconnect(): Promise<unknown>;
  isConnected(): boolean;
  send(exchange: object): Promise<unknown>;
}

const require = createRequire(import.meta.url);
const KafkaConnection = require('kafkajs/src/network/connection.js') as {
  new (options: object): Connection;
  prototype: { connect: unknown };
};
const Encoder = require('kafkajs/src/protocol/encoder.js') as new () => object;

const silent = { namespace: () => silent, debug() {}, error() {}, info() {}, warn() {} };

/** A server that takes requests as a broker does, and lets the test answer. */
async function setup() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    sockets.push(socket);
  });
  let made = 0;
  const connection = new KafkaConnection({
    host: '127.0.0.1',
    port,
    clientId: 'c',
    logger: silent,
    requestTimeout: 60_000,
    connectionTimeout: 60_000,
    socketFactory: (options: Parameters<typeof promptSockets>[0]) => {
      made++;
      return promptSockets(options);
    },
  });
  /** Sends a request. Resolves to its socket at the server, its number, and its response. */
  const ask = async (): Promise<{ socket: Socket; number: number; response: Promise<unknown> }> => {
    await connection.connect();
    await until(() => sockets.length === made);
    const request = { apiKey: 1, apiName: 'Fetch', apiVersion: 11, encode: () => Promise.resolve(new Encoder()) };
    const decode = (bytes: Buffer): Promise<string> => Promise.resolve(bytes.toString());
    const response = connection.send({ request, response: { decode, parse: (text: string) => Promise.resolve(text) } });
    response.catch(() => undefined);
    const socket = sockets.at(-1);
    assert.ok(socket);
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    return { socket, number: bytes.readInt32BE(8), response };
  };
  const close = async (): Promise<void> => {
    await connection.disconnect();
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { connection, made: () => made, ask, close };
}

const responseTo = (number: number, text: string): Buffer => {
  const bytes = Buffer.alloc(8 + text.length);
  bytes.writeInt32BE(4 + text.length, 0);
  bytes.writeInt32BE(number, 4);
  bytes.write(text, 8);
  return bytes;
};

describe('connections of kafkajs that connect again', () => {
  before(() => connectAfresh());

  it('read the next response right after a socket that closed within a response, as of a broker that was killed', async () => {
    for (const part of [2, 8, 12]) {
      const { ask, close } = await setup();
      const first = await ask();
      first.socket.write(responseTo(first.number, 'x'.repeat(1000)).subarray(0, part));
      first.socket.end();
      await assert.rejects(first.response, /Closed connection/);
      const second = await ask();
      second.socket.write(responseTo(second.number, 'whole'));
      assert.equal(await second.response, 'whole', `after ${part} bytes`);
      await close();
    }
  });

  it('are not ended by a socket that they have replaced, and take no bytes of it', async () => {
    const { connection, ask, close } = await setup();
    const first = await ask();
    first.socket.write(responseTo(first.number, 'first'));
    await first.response;
    await connection.disconnect();
    const second = await ask();
    // The broker still writes to the former socket, and then closes it.
    if (!first.socket.destroyed) {
      first.socket.write(responseTo(7, 'late').subarray(0, 6));
      first.socket.end();
    }
    second.socket.write(responseTo(second.number, 'second'));
    assert.equal(await second.response, 'second');
    assert.ok(connection.isConnected());
    await close();
  });

  it('connect once for all requests that need it', async () => {
    const { connection, made, close } = await setup();
    await Promise.all([connection.connect(), connection.connect(), connection.connect()]);
    await connection.connect();
    assert.equal(made(), 1);
    await close();
  });

  it('fail to connect if the socket closes before TLS is ready', async () => {
    const sockets: (EventEmitter & { destroy(): void })[] = [];
    const connection = new KafkaConnection({
      host: 'broker',
      port: 1,
      clientId: 'c',
      logger: silent,
      requestTimeout: 60_000,
      connectionTimeout: 3_600_000,
      socketFactory: () => {
        const socket = Object.assign(new EventEmitter(), { end() {}, unref() {}, destroy() {}, setKeepAlive() {} });
        sockets.push(socket);
        return socket;
      },
    });
    for (let attempt = 0; attempt < 2; attempt++) {
      const connecting = connection.connect();
      sockets[attempt]?.emit('end');
      sockets[attempt]?.emit('close');
      await assert.rejects(connecting, { name: 'KafkaJSConnectionError', broker: 'broker:1' });
    }
    assert.equal(sockets.length, 2);
  });

  it('are patched once', () => {
    const { connect } = KafkaConnection.prototype;
    connectAfresh();
    assert.equal(KafkaConnection.prototype.connect, connect);
  });
});
