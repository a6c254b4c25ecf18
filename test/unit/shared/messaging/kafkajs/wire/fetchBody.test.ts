import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { fetchBody, type Fetching } from '../../../../../../shared/messaging/kafkajs/wire/fetchBody.js';

const kafkajsRequest = createRequire(import.meta.url)('kafkajs/src/protocol/requests/fetch/v11/request.js') as (
  fields: object,
) => { encode: () => Promise<{ buffer: Buffer }> };

const int32 = fc.nat(2 ** 31 - 1);
const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const fetching: fc.Arbitrary<Fetching> = fc.record({
  maxWaitTime: int32,
  minBytes: int32,
  maxBytes: int32,
  isolationLevel: fc.constantFrom(0, 1),
  rackId: text,
  topics: fc.array(
    fc.record({
      topic: text,
      partitions: fc.array(
        fc.record({
          partition: int32,
          fetchOffset: fc.bigInt({ min: -2n, max: 2n ** 63n - 1n }).map(String),
          maxBytes: int32,
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 3 },
  ),
});

describe('fetchBody', () => {
  it('makes the bytes that kafkajs makes, behind the room', () =>
    fc.assert(
      fc.asyncProperty(fetching, fc.nat(40), async (fields, room) => {
        const { buffer } = await kafkajsRequest({ replicaId: -1, ...fields }).encode();
        const body = fetchBody(fields, room);
        assert.deepEqual(body.subarray(room), buffer);
      }),
      { numRuns: 60 },
    ));
});
