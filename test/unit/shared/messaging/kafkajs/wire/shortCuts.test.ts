import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { CompressionTypes } from 'kafkajs';
import '../../../../../../shared/messaging/kafkajs/kafkajs.js';
import { shortenProtocol } from '../../../../../../shared/messaging/kafkajs/wire/shortCuts.js';
import {
  BATCH,
  bytesOf,
  essentials,
  kafkajs,
  oldMessages,
  PLACES,
  record,
  responseOf,
  withAttributes,
  type Partition,
  type Response,
} from './fetchResponses.js';
import { atNow, bytesOfKafkajs } from './produceRequests.js';

const require = createRequire(import.meta.url);

interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}
interface Exchange<D = unknown> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly encode: () => Encoded | Promise<Encoded>;
    readonly expectResponse?: () => boolean;
  };
  readonly response: { readonly decode: (bytes: Buffer) => D | Promise<D>; readonly parse: (data: D) => Promise<D> };
  readonly requestTimeout?: number;
}
interface Definitions {
  readonly protocol: (of: { version: number }) => unknown;
}
interface Broker {
  lookupRequest: unknown;
  produce: (fields: object) => Promise<unknown>;
  fetch: (fields: object) => Promise<unknown>;
}

const { requests, lookup } = require('kafkajs/src/protocol/requests/index.js') as {
  requests: { readonly Produce: Definitions; readonly Fetch: Definitions };
  lookup: (versions: Readonly<Record<number, { readonly maxVersion: number }>>) => unknown;
};
const KafkaBroker = require('kafkajs/src/broker/index.js') as new (parts: object) => Broker;
const createRetry = require('kafkajs/src/retry/index.js') as () => (run: () => Promise<void>) => Promise<void>;
const createRequest = require('kafkajs/src/protocol/request.js') as (fields: object) => Promise<Encoded>;

/** The keys of Produce and Fetch. */
const PRODUCE = 0;
const FETCH = 1;

/** What kafkajs gives a connection for a call. @param maxVersion the last version of Produce and Fetch that the broker knows. */
async function sent<D>(call: (broker: Broker) => Promise<unknown>, maxVersion = 15): Promise<Exchange<D>> {
  const exchanges: Exchange<D>[] = [];
  const broker = new KafkaBroker({
    connectionPool: { send: (exchange: Exchange<D>) => Promise.resolve(exchanges.push(exchange)) },
    logger: { namespace: () => undefined },
  });
  broker.lookupRequest = lookup({ [PRODUCE]: { maxVersion }, [FETCH]: { maxVersion } });
  await call(broker);
  const [exchange] = exchanges;
  assert.ok(exchange);
  return exchange;
}

const MESSAGE = { key: 'guest', value: Buffer.from('{"ok":true}') };

const produce = (
  messages: readonly object[] = [MESSAGE, { key: null, value: Buffer.alloc(0) }],
  others: object = {},
) => ({
  acks: -1,
  timeout: 30_000,
  compression: CompressionTypes.None,
  transactionalId: undefined,
  producerId: '4711',
  producerEpoch: 3,
  topicData: [{ topic: 'completed0', partitions: [{ partition: 0, firstSequence: 7, messages }] }],
  ...others,
});

const FETCH_FIELDS = {
  maxWaitTime: 500,
  topics: [{ topic: 'invoker0', partitions: [{ partition: 0, fetchOffset: '5', maxBytes: 1000 }] }],
};
const fetched = (maxVersion?: number): Promise<Exchange<Response>> =>
  sent((broker) => broker.fetch(FETCH_FIELDS), maxVersion);

describe('the protocol of kafkajs, shortened', () => {
  it('writes an ordinary Produce request at once, with the bytes of kafkajs', async () => {
    const fields = produce();
    const { request } = await sent((broker) => broker.produce(fields));
    const encoded = await atNow(() => {
      const result = request.encode();
      assert.ok(!(result instanceof Promise), 'written by kafkajs');
      return result;
    });
    assert.equal(encoded.buf, encoded.buffer);
    assert.deepEqual(encoded.buffer, await bytesOfKafkajs(fields));
    assert.equal(request.apiVersion, 7);
    assert.equal(request.expectResponse?.(), true);
  });

  it('gives kafkajs a Produce request in the form that its connections send', async () => {
    const fields = produce();
    const { request } = await sent((broker) => broker.produce(fields));
    const { buffer } = await atNow(() => createRequest({ request, correlationId: 1, clientId: 'c' }));
    const body = await bytesOfKafkajs(fields);
    assert.deepEqual(buffer.subarray(-body.length), body);
    // The length of the rest, then the key, the version, the correlation's number and the client's name.
    assert.equal(buffer.readInt32BE(0), buffer.length - 4);
    assert.equal(buffer.length, 4 + 2 + 2 + 4 + (2 + 1) + body.length);
  });

  it('leaves an unusual Produce request to kafkajs', async () => {
    const unusual: Readonly<Record<string, object>> = {
      headers: produce([MESSAGE, { ...MESSAGE, headers: { name: 'value' } }]),
      'empty headers': produce([{ ...MESSAGE, headers: {} }]),
      'a time of its own': produce([MESSAGE, { ...MESSAGE, timestamp: '1600000000000' }]),
      'no value': produce([MESSAGE, { key: 'guest', value: null }]),
      'a value as text': produce([{ ...MESSAGE, value: 'a' }]),
      compression: produce([MESSAGE], { compression: CompressionTypes.GZIP }),
      'a transaction': produce([MESSAGE], { transactionalId: 't' }),
    };
    for (const [name, fields] of Object.entries(unusual)) {
      const { request } = await sent((broker) => broker.produce(fields));
      const encoded = await atNow(() => {
        const result = request.encode();
        assert.ok(result instanceof Promise, `${name}: not written by kafkajs`);
        return result;
      });
      assert.deepEqual(encoded.buffer, await bytesOfKafkajs(fields), name);
    }
  });

  it('reads an ordinary Fetch response at once, with the result of kafkajs', async () => {
    const { response, requestTimeout } = await fetched();
    const bytes = responseOf({ messages: await bytesOf(BATCH, { ...BATCH, firstOffset: 6 }) });
    const read = response.decode(bytes);
    assert.ok(!(read instanceof Promise), 'read by kafkajs');
    assert.equal(read.responses[0]?.partitions[0]?.messages.length, 2);
    assert.deepEqual(essentials(read), essentials(await kafkajs.decode(bytes)));
    assert.equal(await response.parse(read), read);
    assert.ok(requestTimeout !== undefined && requestTimeout > FETCH_FIELDS.maxWaitTime);
  });

  it('reports the error of a partition as kafkajs does', async () => {
    const { response } = await fetched();
    const read = response.decode(responseOf({ errorCode: 6, highWatermark: '-1', size: -1 }));
    assert.ok(!(read instanceof Promise), 'read by kafkajs');
    await assert.rejects(response.parse(read), { type: 'NOT_LEADER_FOR_PARTITION' });
  });

  it('leaves an unusual Fetch response to kafkajs', async () => {
    const { response } = await fetched();
    const header = record({ key: null, value: Buffer.from('a'), headers: { name: 'value' } });
    const unusual: Readonly<Record<string, Partition>> = {
      compression: { messages: await bytesOf({ ...BATCH, compression: CompressionTypes.GZIP }) },
      headers: { messages: await bytesOf({ ...BATCH, records: [header] }) },
      'an aborted transaction': { aborted: 1, messages: await bytesOf({ ...BATCH, transactional: true }) },
      'times of the broker': { messages: await withAttributes(0x08, { ...BATCH, maxTimestamp: 2000 }) },
      'a control batch': { messages: await withAttributes(0x20) },
      'the format before Kafka 0.11': { messages: oldMessages(1, 'a') },
    };
    for (const [name, partition] of Object.entries(unusual)) {
      const bytes = responseOf(partition);
      const read = response.decode(bytes);
      assert.ok(read instanceof Promise, `${name}: not read by kafkajs`);
      const { responses } = await read;
      assert.ok(responses[0]?.partitions[0]?.messages[0], `${name}: no messages`);
      assert.deepEqual(await response.decode(bytes), await kafkajs.decode(bytes), name);
    }
  });

  it('ends the attempts of kafkajs at a damaged Fetch response', async () => {
    const { response } = await fetched();
    const messages = await bytesOf(BATCH);
    messages.writeUInt8(0x01, PLACES.firstRecord); // A length of -1.
    let attempts = 0;
    const read = createRetry()(async () => {
      attempts++;
      await response.decode(responseOf({ messages }));
    });
    await assert.rejects(read, ({ name, cause }: Error) => {
      assert.equal(name, 'KafkaJSNonRetriableError');
      return cause instanceof RangeError;
    });
    assert.equal(attempts, 1);
  });

  it('leaves other versions to kafkajs', async () => {
    const { request } = await sent((broker) => broker.produce(produce()), 6);
    assert.equal(request.apiVersion, 6);
    assert.ok(request.encode() instanceof Promise);
    const { response } = await fetched(10);
    assert.equal(response, require('kafkajs/src/protocol/requests/fetch/v10/response.js'));
  });

  it('is patched once', () => {
    const before = [requests.Produce.protocol, requests.Fetch.protocol];
    shortenProtocol();
    assert.deepEqual([requests.Produce.protocol, requests.Fetch.protocol], before);
  });
});
