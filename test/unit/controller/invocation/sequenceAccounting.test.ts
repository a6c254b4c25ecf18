import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  addComponent,
  beginSequence,
  failure,
  nextPayload,
  SEQUENCE_TOO_LONG,
  stopSequence,
} from '../../../../controller/invocation/sequenceAccounting.js';
import type { ActivationRecord } from '../../../../shared/entities/activation.js';
import type { Json } from '../../../../shared/entities/keyvalue.js';

function record(more: Partial<ActivationRecord> = {}): ActivationRecord {
  return {
    activationId: '0'.repeat(32),
    namespace: 'ns',
    name: 'a',
    version: '0.0.1',
    subject: 'ns',
    publish: false,
    start: 0,
    end: 1,
    response: { statusCode: 0, result: {} },
    logs: [],
    annotations: [],
    ...more,
  };
}

const after = (result: Json | undefined) =>
  nextPayload(addComponent(beginSequence(0, {}), record({ response: { statusCode: 0, result } }), 1, 50));

const limits = (memory: number) => [{ key: 'limits', value: { memory, timeout: 1, logs: 1, concurrency: 1 } }];

const records = fc.array(
  fc.record({ duration: fc.option(fc.nat(), { nil: undefined }), memory: fc.option(fc.nat(), { nil: undefined }) }),
  { maxLength: 60 },
);

describe('the books of a sequence', () => {
  it('sum the durations, keep the largest memory and list the components in order', () => {
    fc.assert(
      fc.property(records, fc.nat(20), (runs, before) => {
        let books = beginSequence(before, {});
        runs.forEach(({ duration, memory }, i) => {
          const annotations = memory === undefined ? [] : limits(memory);
          const made = record({ activationId: String(i), duration, annotations });
          books = addComponent(books, made, books.actionCount + 1, 1000);
        });
        assert.equal(
          books.duration,
          runs.reduce((sum, run) => sum + (run.duration ?? 0), 0),
        );
        const memories = runs.flatMap((run) => run.memory ?? []);
        assert.equal(books.memory, memories.length === 0 ? undefined : Math.max(...memories));
        assert.deepEqual(
          books.components,
          runs.map((_, i) => String(i)),
        );
        assert.equal(books.actionCount, before + runs.length);
        assert.equal(books.stopped, false);
      }),
    );
  });

  it('stop at an error, whatever it is, and count the component that gave it', () => {
    fc.assert(
      fc.property(fc.jsonValue() as fc.Arbitrary<Json>, (error) => {
        const response = { statusCode: 1, result: { error }, size: 9 } as const;
        const books = addComponent(beginSequence(0, {}), record({ response, duration: 5 }), 1, 50);
        assert.equal(books.stopped, true);
        assert.deepEqual(books.response, response);
        assert.equal(books.duration, 5);
        assert.equal(books.components.length, 1);
      }),
    );
  });

  it('stop at a component that did not succeed although it gave no error', () => {
    assert.equal(addComponent(beginSequence(0, {}), record({ response: { statusCode: 2 } }), 1, 50).stopped, true);
  });

  it('do not stop at an error in the payload', () => {
    const books = beginSequence(0, { error: 'given' });
    assert.equal(books.stopped, false);
    assert.deepEqual(nextPayload(books), { error: 'given' });
  });

  it('stop if a component brings them over the limit', () => {
    const books = addComponent(beginSequence(50, {}), record(), 51, 50);
    assert.deepEqual([books.stopped, books.response], [true, failure(1, SEQUENCE_TOO_LONG)]);
    assert.equal(addComponent(beginSequence(49, {}), record(), 50, 50).stopped, false);
  });

  it('hand on objects and arrays only', () => {
    assert.deepEqual(after({ n: 1 }), { n: 1 });
    assert.deepEqual(after([1]), [1]);
    for (const result of [undefined, null, 'text', 7, true]) assert.equal(after(result), undefined);
  });

  it('keep the id of a component without a record', () => {
    const books = stopSequence(beginSequence(3, {}), failure(3, 'lost'), 'id');
    assert.deepEqual(books.components, ['id']);
    assert.deepEqual([books.stopped, books.actionCount, books.response.statusCode], [true, 3, 3]);
    assert.deepEqual(stopSequence(beginSequence(0, {}), failure(3, 'lost')).components, []);
  });
});
