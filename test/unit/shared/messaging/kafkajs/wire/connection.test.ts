import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';
import { hasFrame, sendFrames } from '../../../../../../shared/messaging/kafkajs/wire/connection.js';
import { sizeOfHead, writeHead } from '../../../../../../shared/messaging/kafkajs/wire/frame.js';

const require = createRequire(import.meta.url);

interface Exchange {
  readonly request: {
    readonly apiKey: number;
    readonly apiName: string;
    readonly apiVersion: number;
    readonly encode: () => Promise<unknown>;
  };
  readonly response: {
    readonly decode: (bytes: Buffer) => unknown;
    readonly parse: (data: unknown) => Promise<unknown>;
  };
  readonly requestTimeout?: number;
}
interface Connection {
  connect(): Promise<void>;
  send(exchange: Exchange): Promise<unknown>;
  rejectRequests(error: Error): void;
  readonly requestQueue: { readonly throttledUntil: number; destroy(): void };
  authenticatedAt: unknown;
}

const KafkaConnection = require('kafkajs/src/network/connection.js') as {
  new (options: object): Connection;
  prototype: Pick<Connection, 'send'>;
};
const Encoder = require('kafkajs/src/protocol/encoder.js') as new () => {
  writeInt32(n: number): { readonly buffer: Buffer };
};

const CLIENT = 'grüße';
const silent = { namespace: () => silent, debug() {}, error() {}, info() {}, warn() {} };

/** A connection to a broker that the test plays. */
async function connected(sasl?: object) {
  const written: Buffer[] = [];
  const socket = Object.assign(new EventEmitter(), {
    write: (bytes: Buffer) => written.push(Buffer.from(bytes)),
    end() {},
    unref() {},
  });
  const connection = new KafkaConnection({
    host: 'broker',
    port: 1,
    clientId: CLIENT,
    logger: silent,
    sasl,
    requestTimeout: 60_000,
    connectionTimeout: 60_000,
    socketFactory: ({ onConnect }: { onConnect: () => void }) => {
      setImmediate(onConnect);
      return Object.assign(socket, { setKeepAlive() {} });
    },
  });
  await connection.connect();
  /** Answers the request with this number. */
  const answer = (correlationId: number, body: Buffer): void => {
    const head = Buffer.alloc(8);
    head.writeInt32BE(4 + body.length, 0);
    head.writeInt32BE(correlationId, 4);
    socket.emit('data', Buffer.concat([head, body]));
  };
  return { connection, written, answer, end: () => connection.requestQueue.destroy() };
}

/** A request whose body is one number; its response is one number, too. */
function exchangeOf(body: number, withFrame: boolean, decoded?: (number: number) => unknown): Exchange {
  const request: Exchange['request'] = {
    apiKey: 1,
    apiName: 'Fetch',
    apiVersion: 11,
    encode: () => Promise.resolve(new Encoder().writeInt32(body)),
  };
  if (withFrame) {
    hasFrame(request, (correlationId, clientId) => {
      const head = sizeOfHead(clientId);
      const frame = Buffer.alloc(head + 4);
      writeHead(frame, { apiKey: 1, apiVersion: 11, correlationId, clientId });
      frame.writeInt32BE(body, head);
      return frame;
    });
  }
  const decode = decoded ?? ((number: number) => ({ number }));
  const response = {
    decode: (bytes: Buffer) => decode(bytes.readInt32BE(0)),
    parse: (data: unknown) => Promise.resolve(data),
  };
  return { request, response };
}

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
};

/** All microtasks and the socket's events are over then. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('connections of kafkajs with frames', () => {
  before(() => sendFrames());

  it('write the bytes of kafkajs, and match responses with requests', async () => {
    const { connection, written, answer, end } = await connected();
    const first = connection.send(exchangeOf(4711, true));
    const second = connection.send(exchangeOf(4711, false));
    await turn();
    const [short, long] = written;
    assert.ok(short && long);
    const correlation = { at: 8, bytes: 4 };
    assert.equal(short.readInt32BE(correlation.at), 0);
    assert.equal(long.readInt32BE(correlation.at), 1);
    long.writeInt32BE(0, correlation.at);
    assert.deepEqual(short, long);
    answer(1, number(2));
    answer(0, number(1));
    assert.deepEqual([await first, await second], [{ number: 1 }, { number: 2 }]);
    end();
  });

  it('write at once, without a turn of the event loop', async () => {
    const { connection, written, answer, end } = await connected();
    const sent = connection.send(exchangeOf(1, true));
    assert.equal(written.length, 1);
    answer(0, number(1));
    await sent;
    end();
  });

  it('wait for a response that is decoded later', async () => {
    const { connection, answer, end } = await connected();
    const sent = connection.send(exchangeOf(1, true, (n) => turn().then(() => ({ number: n + 1 }))));
    answer(0, number(1));
    assert.deepEqual(await sent, { number: 2 });
    end();
  });

  it('fail with the error of the response, and with that of the connection', async () => {
    const { connection, answer, end } = await connected();
    const damaged = connection.send(
      exchangeOf(1, true, () => {
        throw new RangeError('damaged');
      }),
    );
    answer(0, number(1));
    await assert.rejects(damaged, { name: 'RangeError', message: 'damaged' });
    const later = connection.send(exchangeOf(1, true, () => Promise.reject(new Error('later'))));
    answer(1, number(1));
    await assert.rejects(later, { message: 'later' });
    const refused = exchangeOf(1, true);
    const parsed = connection.send({
      ...refused,
      response: { ...refused.response, parse: () => Promise.reject(new Error('NOT_LEADER')) },
    });
    answer(2, number(1));
    await assert.rejects(parsed, { message: 'NOT_LEADER' });
    const open = connection.send(exchangeOf(1, true));
    connection.rejectRequests(new Error('closed'));
    await assert.rejects(open, { message: 'closed' });
    end();
  });

  it('obey a broker that wants fewer requests', async () => {
    const { connection, answer, end } = await connected();
    const sent = connection.send(exchangeOf(1, true, () => ({ clientSideThrottleTime: 60_000 })));
    answer(0, number(1));
    await sent;
    assert.ok(connection.requestQueue.throttledUntil > Date.now());
    end();
  });

  it('leave a connection that has to authenticate first to kafkajs', async () => {
    const { connection, written, answer, end } = await connected({ mechanism: 'plain', username: 'u', password: 'p' });
    const authenticate = Object.getOwnPropertySymbols(connection).find((one) => String(one).endsWith('authenticate)'));
    assert.ok(authenticate);
    let authenticated = 0;
    Reflect.set(connection, authenticate, () => {
      authenticated++;
      connection.authenticatedAt = process.hrtime();
      return Promise.resolve();
    });
    const first = connection.send(exchangeOf(1, true));
    assert.equal(written.length, 0);
    await turn();
    assert.equal(authenticated, 1);
    assert.equal(written.length, 1);
    const second = connection.send(exchangeOf(2, true));
    assert.equal(written.length, 2, 'authenticated by now');
    answer(0, number(1));
    answer(1, number(2));
    assert.deepEqual([await first, await second], [{ number: 1 }, { number: 2 }]);
    end();
  });

  it('are patched once', () => {
    const { send } = KafkaConnection.prototype;
    sendFrames();
    assert.equal(KafkaConnection.prototype.send, send);
  });
});
