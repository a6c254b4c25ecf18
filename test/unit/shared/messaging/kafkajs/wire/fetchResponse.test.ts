import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { fetchResponse } from '../../../../../../shared/messaging/kafkajs/wire/fetchResponse.js';

const require = createRequire(import.meta.url);

interface Encoder {
  readonly buffer: Buffer;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeInt64(value: number | string): Encoder;
  writeString(value: string): Encoder;
  writeEncoder(value: Encoder): Encoder;
}
interface Batch {
  readonly firstOffset: number;
  readonly firstTimestamp: number;
  readonly producerId: number;
  readonly compression?: number;
  readonly transactional?: boolean;
  readonly records: readonly Encoder[];
}
interface Message {
  readonly offset: string;
  readonly timestamp: string;
  readonly attributes: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: object;
  readonly isControlRecord: boolean;
}
interface Response {
  readonly clientSideThrottleTime: number;
  readonly responses: readonly { readonly partitions: readonly { readonly messages: readonly Message[] }[] }[];
}

const KafkaEncoder = require('kafkajs/src/protocol/encoder.js') as new () => Encoder;
const record = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (fields: object) => Encoder;
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch: (fields: Batch & { lastOffsetDelta: number }) => Promise<Encoder>;
};
const kafkajs = require('kafkajs/src/protocol/requests/fetch/v11/response.js') as {
  decode: (bytes: Buffer) => Promise<Response>;
};

interface Choices {
  /** Bytes that are missing at the end of the messages. */
  readonly cut?: number;
  readonly aborted?: number;
}

/** A response with one topic and one partition. */
async function responseOf(batches: readonly Batch[], { cut = 0, aborted = 0 }: Choices = {}): Promise<Buffer> {
  const encoded = await Promise.all(
    batches.map((batch) => RecordBatch({ ...batch, lastOffsetDelta: batch.records.length - 1 })),
  );
  const all = Buffer.concat(encoded.map(({ buffer }) => buffer));
  const messages = all.subarray(0, all.length - cut);
  const head = new KafkaEncoder().writeInt32(12).writeInt16(0).writeInt32(99).writeInt32(1);
  head.writeString('invoker0').writeInt32(1).writeInt32(0).writeInt16(0);
  head.writeInt64('9007199254740991').writeInt64(-1).writeInt64(0).writeInt32(aborted);
  for (let i = 0; i < aborted; i++) head.writeInt64(5).writeInt64(3);
  head.writeInt32(-1).writeInt32(messages.length);
  return Buffer.concat([head.buffer, messages]);
}

/** The parts of a response that its readers use. */
function essentials({ clientSideThrottleTime, responses, ...rest }: Response) {
  return {
    ...rest,
    clientSideThrottleTime,
    responses: responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((partition) => ({
        ...partition,
        messages: partition.messages.map(({ offset, timestamp, attributes, key, value, headers, isControlRecord }) => {
          return { offset, timestamp, attributes, key, value, headers, isControlRecord };
        }),
      })),
    })),
  };
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const batches: fc.Arbitrary<Batch[]> = fc.array(
  fc
    .record({
      firstOffset: fc.nat({ max: 2 ** 40 }),
      firstTimestamp: fc.nat({ max: 2 ** 41 }),
      producerId: fc.integer({ min: -1 }),
      fields: fc.array(
        fc.record({
          timestampDelta: fc.integer(),
          key: fc.oneof(fc.constant(null), bytes(70)),
          value: fc.oneof(fc.constant(null), bytes(300)),
        }),
        { minLength: 1, maxLength: 70 },
      ),
    })
    .map(({ fields, ...batch }) => ({
      ...batch,
      records: fields.map((one, offsetDelta) => record({ ...one, offsetDelta })),
    })),
  { maxLength: 3 },
);

const BATCH: Batch = {
  firstOffset: 5,
  firstTimestamp: 1000,
  producerId: 1,
  records: [record({ key: null, value: Buffer.from('a') })],
};

describe('fetchResponse', () => {
  it('reads what kafkajs reads', () =>
    fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const response = await responseOf(all);
        const read = fetchResponse(response);
        assert.ok(read);
        assert.deepEqual(essentials(read), essentials(await kafkajs.decode(response)));
      }),
      { numRuns: 60 },
    ));

  it('leaves out a batch that the broker cut off, wherever it did', async () => {
    const whole = (await responseOf([BATCH])).length;
    for (const cut of [1, 10, 20, 60]) {
      const response = await responseOf([BATCH, { ...BATCH, firstOffset: 6 }], { cut });
      assert.ok(response.length > whole - 10);
      const read = fetchResponse(response);
      assert.ok(read);
      assert.deepEqual(essentials(read), essentials(await kafkajs.decode(response)));
      assert.deepEqual(
        read.responses[0]?.partitions[0]?.messages.map(({ offset }) => offset),
        ['5'],
      );
    }
  });

  it('leaves to kafkajs what our own messages do not have', async () => {
    const header = record({ key: null, value: Buffer.from('a'), headers: { name: 'value' } });
    const unusual: readonly (readonly [string, Promise<Buffer>])[] = [
      ['headers', responseOf([{ ...BATCH, records: [header] }])],
      ['a transaction', responseOf([{ ...BATCH, transactional: true }])],
      ['compression', responseOf([{ ...BATCH, compression: 1 }])],
      ['an aborted transaction', responseOf([BATCH], { aborted: 1 })],
    ];
    for (const [name, response] of unusual) assert.equal(fetchResponse(await response), undefined, name);
  });

  it('throws for a response that ends too early', async () => {
    const response = await responseOf([BATCH]);
    assert.throws(() => fetchResponse(response.subarray(0, 20)), RangeError);
  });
});
