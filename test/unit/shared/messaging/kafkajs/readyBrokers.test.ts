import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { knowVersions } from '../../../../../shared/messaging/kafkajs/readyBrokers.js';
import { promptSockets } from '../../../../../shared/messaging/kafkajs/sockets.js';

interface Broker {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  metadata(topics: string[]): Promise<{ readonly brokers: readonly object[] }>;
}

const require = createRequire(import.meta.url);
const KafkaBroker = require('kafkajs/src/broker/index.js') as {
  new (options: object): Broker;
  prototype: { isConnected: unknown };
};
const ConnectionPool = require('kafkajs/src/network/connectionPool.js') as new (options: object) => object;

const silent = { namespace: () => silent, debug() {}, error() {}, info() {}, warn() {} };

const METADATA = 3;
const API_VERSIONS = 18;

/** A broker that answers requests for its versions and for the metadata, if it is not frozen. */
async function setup() {
  const state = { frozen: true, asked: [] as number[] };
  const answer = (socket: Socket, request: Buffer): void => {
    const [key, version] = [request.readInt16BE(4), request.readInt16BE(6)];
    state.asked.push(key);
    if (state.frozen) return;
    // The versions: no error, and requests for the metadata in version 0. The metadata: no brokers, no topics.
    const body =
      key === API_VERSIONS ? '000000000001000300000000' + (version > 0 ? '00000000' : '') : '0000000000000000';
    const response = Buffer.concat([Buffer.alloc(8), Buffer.from(body, 'hex')]);
    response.writeInt32BE(response.length - 4, 0);
    request.copy(response, 4, 8, 12);
    socket.write(response);
  };
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined).on('data', (bytes) => answer(socket, bytes)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connectionPool = new ConnectionPool({
    host: '127.0.0.1',
    port,
    clientId: 'c',
    logger: silent,
    requestTimeout: 200,
    connectionTimeout: 150,
    socketFactory: promptSockets,
  });
  const broker = new KafkaBroker({ connectionPool, logger: silent, nodeId: '1' });
  const close = async (): Promise<void> => {
    await broker.disconnect();
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { state, broker, close };
}

describe('a broker of kafkajs', () => {
  before(() => knowVersions());

  it('that was frozen when it was asked for its versions is asked again once it goes on', async () => {
    const { state, broker, close } = await setup();
    await assert.rejects(broker.connect(), /timed out/);
    assert.equal(broker.isConnected(), false);
    state.frozen = false;
    state.asked = [];
    // A busy machine may take longer than the limit.
    while (!broker.isConnected()) await broker.connect().catch(() => undefined);
    assert.deepEqual((await broker.metadata([])).brokers, []);
    assert.deepEqual([state.asked[0], state.asked.at(-1)], [API_VERSIONS, METADATA]);
    await close();
  });

  it('is patched once', () => {
    const { isConnected } = KafkaBroker.prototype;
    knowVersions();
    assert.equal(KafkaBroker.prototype.isConnected, isConnected);
  });
});
