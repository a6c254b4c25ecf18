import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { produceBody, type Produced } from '../../../../../../shared/messaging/kafkajs/wire/produceBody.js';
import { bytesOfKafkajs, NOW } from './produceRequests.js';

const crc32c = createRequire(import.meta.url)('kafkajs/src/protocol/recordBatch/crc32C/index.js') as (
  bytes: Buffer,
) => number;

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const messages = fc.array(
  fc.record({
    key: fc.oneof(fc.constant(null), fc.constant(undefined), fc.string({ unit: 'grapheme', maxLength: 70 }), bytes(70)),
    value: fc.oneof(bytes(70), bytes(3000)),
  }),
  { minLength: 1, maxLength: 70 },
);
const produced: fc.Arbitrary<Produced> = fc.record({
  acks: fc.constantFrom(-1, 1),
  timeout: fc.nat(),
  producerId: fc.oneof(fc.constant(-1), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String)),
  producerEpoch: fc.nat(32_767),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
      partitions: fc.array(fc.record({ partition: fc.nat(1000), firstSequence: fc.nat(2 ** 31 - 1), messages }), {
        minLength: 1,
        maxLength: 2,
      }),
    }),
    { minLength: 1, maxLength: 2 },
  ),
});

describe('produceBody', () => {
  it('makes the bytes that kafkajs makes', () =>
    fc.assert(
      fc.asyncProperty(produced, async (fields) => {
        assert.deepEqual(produceBody(fields, NOW, crc32c), await bytesOfKafkajs(fields));
      }),
      { numRuns: 60 },
    ));

  it('makes them for lengths around the steps of their form', async () => {
    for (const length of [0, 1, 62, 63, 64, 65, 8190, 8191, 8192, 8193, 1_048_575, 1_048_576]) {
      const one = { partition: 0, firstSequence: 7, messages: [{ key: null, value: Buffer.alloc(length, 1) }] };
      const fields: Produced = {
        acks: -1,
        timeout: 30_000,
        producerId: '4711',
        producerEpoch: 3,
        topicData: [{ topic: 'completed0', partitions: [one] }],
      };
      assert.deepEqual(produceBody(fields, NOW, crc32c), await bytesOfKafkajs(fields), `${length} bytes`);
    }
  });
});
