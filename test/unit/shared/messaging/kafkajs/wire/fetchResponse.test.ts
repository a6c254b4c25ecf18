import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fetchResponse } from '../../../../../../shared/messaging/kafkajs/wire/fetchResponse.js';
import {
  BATCH,
  bytesOf,
  essentials,
  kafkajs,
  oldMessages,
  PLACES,
  record,
  responseOf,
  responseOfTopics,
  withAttributes,
  type Batch,
  type Partition,
} from './fetchResponses.js';

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

/** Reads a response, which must be the same as what kafkajs reads. The offsets of the messages, by topic and partition. */
async function read(response: Buffer): Promise<string[][][]> {
  const ours = fetchResponse(response);
  assert.ok(ours, 'left to kafkajs');
  assert.deepEqual(essentials(ours), essentials(await kafkajs.decode(response)));
  return ours.responses.map(({ partitions }) => partitions.map(({ messages }) => messages.map(({ offset }) => offset)));
}

/** Our batch with a changed field. */
async function damaged(change: (bytes: Buffer) => void): Promise<Buffer> {
  const messages = await bytesOf(BATCH);
  change(messages);
  return responseOf({ messages });
}

describe('fetchResponse', () => {
  it('reads what kafkajs reads', () =>
    fc.assert(
      fc.asyncProperty(batches, async (all) => {
        await read(responseOf({ messages: await bytesOf(...all) }));
      }),
      { numRuns: 60 },
    ));

  it('reads several topics with several partitions', async () => {
    const messages = await Promise.all([5, 6, 7, 8].map((firstOffset) => bytesOf({ ...BATCH, firstOffset })));
    const [a, b, c, d] = messages.map((bytes, index) => ({ partition: index % 2, messages: bytes }));
    assert.ok(a && b && c && d);
    const response = responseOfTopics([
      { topic: 'completed0', partitions: [a, b] },
      { topic: 'health', partitions: [c, d] },
    ]);
    assert.deepEqual(await read(response), [
      [['5'], ['6']],
      [['7'], ['8']],
    ]);
  });

  it('reads a partition without messages beside one with messages', async () => {
    const messages = await bytesOf(BATCH);
    for (const size of [0, -1]) {
      const partitions: Partition[] = [{ size }, { partition: 1, messages }, { partition: 2, size }];
      assert.deepEqual(await read(responseOfTopics([{ topic: 'health', partitions }])), [[[], ['5'], []]]);
    }
  });

  it('reads a partition without a list of aborted transactions', async () => {
    const messages = await bytesOf(BATCH);
    assert.deepEqual(await read(responseOf({ aborted: -1, messages })), [[['5']]]);
  });

  it('reads a partition with an error beside a good one', async () => {
    const failed = { errorCode: 6, highWatermark: '-1', aborted: -1, size: -1 };
    const good = { partition: 1, messages: await bytesOf(BATCH) };
    const response = responseOfTopics([{ topic: 'health', partitions: [failed, good] }]);
    assert.deepEqual(await read(response), [[[], ['5']]]);
    const errors = fetchResponse(response)?.responses[0]?.partitions.map(({ errorCode }) => errorCode);
    assert.deepEqual(errors, [6, 0]);
  });

  it('reads the batches beside one whose records Kafka compacted away', async () => {
    const empty = { ...BATCH, firstOffset: 6, records: [] };
    assert.deepEqual(await read(responseOf({ messages: await bytesOf(empty) })), [[[]]]);
    const messages = await bytesOf(BATCH, empty, { ...BATCH, firstOffset: 7 });
    assert.deepEqual(await read(responseOf({ messages })), [[['5', '7']]]);
  });

  it('leaves out a batch that the broker cut off, wherever it did', async () => {
    const all = await bytesOf(BATCH, { ...BATCH, firstOffset: 6 });
    for (const cut of [1, 10, 20, 60]) {
      const messages = all.subarray(0, all.length - cut);
      assert.deepEqual(await read(responseOf({ messages })), [[['5']]], `${cut} bytes`);
    }
  });

  it('reads no messages from the first bytes of a batch', async () => {
    const batch = await bytesOf(BATCH);
    for (const size of [1, 16, 17, 60, 61]) {
      const ours = fetchResponse(responseOf({ messages: batch.subarray(0, size) }));
      assert.deepEqual(ours?.responses[0]?.partitions[0]?.messages, [], `${size} bytes`);
    }
  });

  it('leaves to kafkajs what our own messages do not have', async () => {
    const header = record({ key: null, value: Buffer.from('a'), headers: { name: 'value' } });
    const messages = await bytesOf(BATCH);
    const unusual: Readonly<Record<string, Partition>> = {
      headers: { messages: await bytesOf({ ...BATCH, records: [header] }) },
      'a transaction': { messages: await bytesOf({ ...BATCH, transactional: true }) },
      compression: { messages: await bytesOf({ ...BATCH, compression: 1 }) },
      'an aborted transaction': { aborted: 1, messages },
      'times of the broker': { messages: await withAttributes(0x08) },
      'a control batch': { messages: await withAttributes(0x20) },
      'a second batch with times of the broker': {
        messages: Buffer.concat([messages, await withAttributes(0x08, { ...BATCH, firstOffset: 6 })]),
      },
      'format 0': { messages: oldMessages(0, 'a'.repeat(100)) },
      'format 1': { messages: oldMessages(1, 'a'.repeat(100)) },
      'a short message of format 0': { messages: oldMessages(0, 'a') },
      'a short message of format 1': { messages: oldMessages(1, 'a') },
      'the shortest message': { messages: oldMessages(0, '') },
    };
    for (const [name, partition] of Object.entries(unusual)) {
      const response = responseOf(partition);
      assert.equal(fetchResponse(response), undefined, name);
      const { responses } = await kafkajs.decode(response);
      assert.ok(responses[0]?.partitions[0]?.messages[0], `kafkajs reads ${name}`);
    }
  });

  it('throws for a response that ends too early', async () => {
    const response = responseOf({ messages: await bytesOf(BATCH) });
    for (const length of [20, response.length - 60, response.length - 1])
      assert.throws(() => fetchResponse(response.subarray(0, length)), RangeError, `${length} bytes`);
  });

  it('throws for a batch that is shorter than its head', async () => {
    for (const length of [48, 1, 0, -1, -61]) {
      const response = await damaged((batch) => batch.writeInt32BE(length, PLACES.length));
      assert.throws(() => fetchResponse(response), /^RangeError: a batch of/, `${length} bytes`);
    }
  });

  it('throws for a record that would lead the reader back or out of its batch', async () => {
    const zigzag = { 8: 0x10, '-1': 0x01, '-2': 0x03, '-64': 0x7f };
    for (const [length, byte] of Object.entries(zigzag)) {
      const response = await damaged((batch) => {
        batch.writeInt32BE(1000, PLACES.count);
        batch.writeUInt8(byte, PLACES.firstRecord);
      });
      assert.throws(() => fetchResponse(response), /^RangeError: a record of/, `${length} bytes`);
    }
  });

  it('throws for more records than the batch has', async () => {
    const messages = await bytesOf(BATCH, { ...BATCH, firstOffset: 6 });
    messages.writeInt32BE(2, PLACES.count);
    assert.throws(() => fetchResponse(responseOf({ messages })), /^RangeError: a record of/);
  });

  it('reads the batches before a damaged one, and no part of that', async () => {
    const good = { ...BATCH, firstOffset: 6 };
    const bad = { ...BATCH, firstOffset: 7 };
    const [head, middle] = [await bytesOf(BATCH, good), await bytesOf(bad)];
    // More records than the batch has: the first one is intact.
    middle.writeInt32BE(2, PLACES.count);
    const messages = Buffer.concat([head, middle, await bytesOf({ ...BATCH, firstOffset: 8 })]);
    const beside = { partition: 1, messages: await bytesOf(BATCH) };
    const response = responseOfTopics([{ topic: 'health', partitions: [{ messages }, beside] }]);
    const offsets = fetchResponse(response)?.responses.map(({ partitions }) =>
      partitions.map((partition) => partition.messages.map(({ offset }) => offset)),
    );
    assert.deepEqual(offsets, [[['5', '6'], ['5']]]);
  });

  it('throws for a topic without a name', async () => {
    for (const length of [-1, -2, -6]) {
      const response = responseOf({ messages: await bytesOf(BATCH) });
      response.writeInt16BE(length, PLACE_OF_TOPIC);
      assert.throws(() => fetchResponse(response), /^RangeError: a text of/, `${length} bytes`);
    }
  });
});

/** The bytes before the first topic: the throttle time, the error, the session and the number of topics. */
const PLACE_OF_TOPIC = 4 + 2 + 4 + 4;
