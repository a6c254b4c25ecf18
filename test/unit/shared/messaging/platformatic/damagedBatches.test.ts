import assert from 'node:assert/strict';
import type { Consumer } from '@platformatic/kafka';
import { classify } from '../../../../../shared/messaging/platformatic/errors.js';
import { isDamaged } from '../../../../../shared/messaging/kafka/classify.js';
import { findDamaged, refuseDamaged, type Batch } from '../../../../../shared/messaging/platformatic/damagedBatches.js';

const batch = (firstOffset: bigint, lastOffsetDelta: number, ...deltas: number[]): Batch => ({
  firstOffset,
  lastOffsetDelta,
  records: deltas.map((offsetDelta) => ({ offsetDelta })),
});

describe('damaged batches of records', () => {
  const intact = batch(3n, 2, 0, 1, 2);

  it('finds none where the offsets grow, also with gaps and without records', () => {
    assert.equal(findDamaged([]), undefined);
    assert.equal(findDamaged([intact, batch(6n, 0, 0), batch(9n, 4, 1, 4), batch(20n, 0)]), undefined);
  });

  const damages: Readonly<Record<string, Batch>> = {
    'more records than offsets': batch(6n, 0, 0, 55),
    'an offset beyond the last': batch(6n, 1, 0, 2),
    'an offset before the first': batch(6n, 1, -1),
    'an offset twice': batch(6n, 1, 0, 0),
    'a negative last offset': batch(6n, -1),
    'a batch that begins in the one before': batch(5n, 0, 0),
  };
  for (const [what, damaged] of Object.entries(damages)) {
    it(`finds ${what}`, () => assert.equal(findDamaged([intact, damaged, batch(99n, 0, 0)]), damaged));
  }

  it('makes a response with one an error of its own kind, and leaves others as they are', () => {
    const broken = new Error('broken');
    const answers: (readonly [Error | null, object | undefined])[] = [
      [null, { responses: [{ partitions: [{ records: [intact] }, {}] }] }],
      [null, { responses: [{ partitions: [{}, { records: [intact, batch(6n, 0, 0, 55)] }] }] }],
      [broken, undefined],
    ];
    const client = {
      fetch(options: number, callback: (error: Error | null, response: unknown) => void): void {
        assert.equal(this, client);
        callback(...(answers[options] as [Error | null, unknown]));
      },
    };
    refuseDamaged(client as unknown as Consumer);
    const errors: (Error | null)[] = [];
    for (const n of answers.keys()) client.fetch(n, (error) => void errors.push(error));
    assert.deepEqual([errors[0], errors[2]], [null, broken]);
    assert.match(String(errors[1]), /the batch at offset 6 is damaged \(2 records at 1 offsets\)/);
    assert.equal(isDamaged(errors[1]), true);
    assert.equal(classify(errors[1]), 'other');
  });
});
