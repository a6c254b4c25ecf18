import assert from 'node:assert/strict';
import { activationRecord, limitsAnnotation, type RecordFacts } from '../../../../shared/entities/activationRecord.js';

const facts: RecordFacts = {
  activationId: 'a'.repeat(32),
  user: { subject: 'me', namespace: { name: 'guest' } },
  name: 'hello',
  version: '1.2.3',
  start: 1000,
  end: 1007,
  response: { statusCode: 0, result: {} },
  annotations: {},
};

const keys = (more: Partial<RecordFacts>): string[] =>
  activationRecord({ ...facts, ...more }).annotations.map(({ key }) => key);

describe('activationRecord', () => {
  it('has OpenWhisk\u2019s fields and no others', () => {
    assert.deepEqual(activationRecord(facts), {
      activationId: 'a'.repeat(32),
      namespace: 'guest',
      name: 'hello',
      version: '1.2.3',
      subject: 'me',
      publish: false,
      start: 1000,
      end: 1007,
      duration: 7,
      response: { statusCode: 0, result: {} },
      logs: [],
      annotations: [],
    });
  });

  it('has no duration and the end 0 without an end', () => {
    const record = activationRecord({ ...facts, end: undefined });
    assert.equal(record.end, 0);
    assert.ok(!('duration' in record));
  });

  it('takes the duration that is given', () => {
    assert.equal(activationRecord({ ...facts, duration: 3 }).duration, 3);
  });

  it('lists its annotations in one order, whatever it is the record of', () => {
    const color = { value: 'blue', invoker: 'invoker0', containerId: 'c', served: false, hit: true };
    const limits = limitsAnnotation({ timeout: 1, memory: 2, logs: 3, concurrency: 4 });
    const all = { kind: 'k', path: 'p', binding: 'b', limits, timeout: true, initTime: 1, waitTime: 2, color };
    assert.deepEqual(keys({ annotations: { ...all, topmost: false, conductor: true }, cause: 'c' }), [
      'topmost',
      'causedBy',
      'binding',
      'path',
      'waitTime',
      'conductor',
      'kind',
      'timeout',
      'limits',
      'initTime',
      'color',
      'invoker',
      'container',
      'colorHit',
      'colorHome',
    ]);
  });

  it('says that a cause made it, in the one word that clients know', () => {
    const record = activationRecord({ ...facts, cause: 'c'.repeat(32) });
    assert.equal(record.cause, 'c'.repeat(32));
    assert.deepEqual(record.annotations, [{ key: 'causedBy', value: 'sequence' }]);
    assert.deepEqual(keys({}), []);
  });

  it('counts a wait that two clocks make negative as none', () => {
    const record = activationRecord({ ...facts, annotations: { waitTime: -5 } });
    assert.deepEqual(record.annotations, [{ key: 'waitTime', value: 0 }]);
  });
});

describe('limitsAnnotation', () => {
  it('names instances only if the action limits them', () => {
    const limits = { timeout: 1, memory: 2, logs: 3, concurrency: 4 };
    assert.deepEqual(limitsAnnotation(limits), limits);
    assert.deepEqual(limitsAnnotation({ ...limits, instances: 5 }), { ...limits, instances: 5 });
  });
});
