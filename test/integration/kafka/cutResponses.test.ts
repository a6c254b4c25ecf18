import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { freePorts } from '../../../deploy/local/ports.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import { KAFKA_CLIENTS, type KafkaClientName } from '../../../shared/messaging/clients/names.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { recordingLogger } from '../../unit/shared/messaging/kafka/recordingLogger.js';
import { until } from '../../suites/messaging.js';
import { skipWithoutOwnBroker, startBroker, type Broker } from './broker.js';
import { numberTopic, type Numbered } from './numbers.js';

/** The key of the request Fetch. */
const FETCH = 1;

/**
 * Stands before a broker. When told so, it ends each connection that fetches within the next response to it, as a broker does that
 * is killed between the head of a response and its messages.
 */
class CuttingProxy {
  cuts = 0;
  #cutting = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port: number, target: number): Promise<CuttingProxy> {
    const server = createServer();
    const proxy = new CuttingProxy(server);
    server.on('connection', (client: Socket) => proxy.#connect(client, target));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    assert.equal((server.address() as AddressInfo).port, port);
    return proxy;
  }

  /** Cuts the next response to a fetch, once for each connection. */
  cut(): void {
    this.#cutting = true;
  }

  heal(): void {
    this.#cutting = false;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(client: Socket, target: number): void {
    const broker = connect(target, '127.0.0.1');
    let fetches = false;
    for (const socket of [client, broker]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket));
    }
    client.on('data', (chunk: Buffer) => {
      fetches ||= chunk.length > 6 && chunk.readInt16BE(4) === FETCH;
      broker.write(chunk);
    });
    broker.on('data', (chunk: Buffer) => {
      if (!fetches || !this.#cutting) {
        client.write(chunk);
        return;
      }
      this.cuts++;
      // Its size, and some bytes of the rest.
      client.write(chunk.subarray(0, 12), () => client.end());
      broker.destroy();
    });
    client.once('close', () => broker.destroy());
    broker.once('close', () => client.end());
  }
}

for (const name of KAFKA_CLIENTS) {
  describe(`a consumer whose broker dies within a response, through ${name}`, () => cutResponses(name)).timeout(
    600_000,
  );
}

function cutResponses(name: KafkaClientName): void {
  let broker: Broker;
  let proxy: CuttingProxy;
  let messaging: Messaging;
  const { log, lines } = recordingLogger();

  before(async function () {
    skipWithoutOwnBroker(this);
    const [outer = 0, inner = 0, controllerPort = 0] = await freePorts(3);
    // The broker is there when it answers at the address that it tells.
    proxy = await CuttingProxy.start(outer, inner);
    broker = await startBroker({
      ports: [inner, controllerPort],
      properties: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${outer}` },
    });
    messaging = await openKafka(name, {
      brokers: [`127.0.0.1:${outer}`],
      clientId: 'cut',
      memberName: 'cut',
      log,
    });
  });
  after(async () => {
    await (messaging as Messaging | undefined)?.close();
    (proxy as CuttingProxy | undefined)?.close();
    await (broker as Broker | undefined)?.close();
  });

  it('gets its messages from the next connection, without another join', async () => {
    const topic = numberTopic();
    const got = new Set<number>();
    await messaging.consume<Numbered>({
      topic,
      group: `${topic.name}-group`,
      maxInFlight: 100,
      handle: ({ n }) => void got.add(n),
    });
    const producer = await messaging.producer();
    await producer.send(topic, { n: 0 }, { lasting: true });
    await until(() => got.has(0));
    for (let n = 1; n <= 3; n++) {
      const before = proxy.cuts;
      proxy.cut();
      await producer.send(topic, { n }, { lasting: true });
      await until(() => proxy.cuts > before);
      proxy.heal();
      await until(() => got.has(n));
    }
    assert.deepEqual(
      lines.filter((line) => line.includes('gets no response to its fetches')),
      [],
    );
  });
}
