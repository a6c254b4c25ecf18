import assert from 'node:assert/strict';
import { executionRecord, fallbackRecord, totalOf } from '../../../../invoker/activations/record.js';
import { executable, message } from '../pool/setup.js';

const response = { statusCode: 0, result: { a: 1 }, size: 7 } as const;
const limits = { concurrency: 1, logs: 10, memory: 256, timeout: 60_000 };

describe('the record of an activation', () => {
  it('is the same as in OpenWhisk', () => {
    const sent = message({ transid: { id: 'tid', start: 1000 }, activationId: 'a'.repeat(32) });
    const execution = { response, total: { start: 1065, end: 1072 }, timedOut: false, containerId: 'c' };
    assert.deepEqual(executionRecord(sent, executable(), execution, 'invoker0'), {
      activationId: 'a'.repeat(32),
      annotations: [
        { key: 'path', value: 'guest/hello' },
        { key: 'waitTime', value: 65 },
        { key: 'kind', value: 'nodejs:20' },
        { key: 'timeout', value: false },
        { key: 'limits', value: limits },
      ],
      duration: 7,
      end: 1072,
      logs: [],
      name: 'hello',
      namespace: 'guest',
      publish: false,
      response,
      start: 1065,
      subject: 'guest',
      version: '0.0.1',
    });
  });

  it('counts the initialization in front of the run, and waits until the initialization', () => {
    const sent = message({ transid: { id: 'tid', start: 1000 } });
    const init = { start: 1050, end: 1078 };
    const total = totalOf({ start: 1090, end: 1097 }, init);
    assert.deepEqual(total, { start: 1062, end: 1097 });
    const record = executionRecord(sent, executable(), { response, total, init, timedOut: false }, 'invoker0');
    assert.equal(record.duration, 35);
    assert.deepEqual(
      record.annotations.filter(({ key }) => key.endsWith('Time')),
      [
        { key: 'waitTime', value: 50 },
        { key: 'initTime', value: 28 },
      ],
    );
  });

  it('tells of the cause and the binding', () => {
    const sent = message({
      cause: 'b'.repeat(32),
      action: { path: 'guest/pkg', name: 'hello', version: '0.0.1', binding: 'guest/bound' },
    });
    const execution = { response, total: { start: 0, end: 0 }, timedOut: true };
    const record = executionRecord(sent, executable(), execution, 'invoker0');
    assert.equal(record.cause, 'b'.repeat(32));
    assert.deepEqual(
      record.annotations.map(({ key }) => key),
      ['causedBy', 'binding', 'path', 'waitTime', 'kind', 'timeout', 'limits'],
    );
    assert.equal(record.annotations.find(({ key }) => key === 'causedBy')?.value, 'sequence');
    assert.equal(record.annotations.find(({ key }) => key === 'binding')?.value, 'guest/bound');
    assert.equal(record.annotations.find(({ key }) => key === 'timeout')?.value, true);
  });

  it('has the color of a colored activation, its invoker and container, and whether it met its home', () => {
    const sent = message({ color: { value: 'blue', hit: false } });
    const execution = { response, total: { start: 0, end: 0 }, timedOut: false, containerId: 'c1', colorHit: true };
    const record = executionRecord(sent, executable(), execution, 'invoker3');
    assert.deepEqual(record.annotations.slice(-5), [
      { key: 'color', value: 'blue' },
      { key: 'invoker', value: 'invoker3' },
      { key: 'container', value: 'c1' },
      { key: 'colorHit', value: true },
      { key: 'colorHome', value: false },
    ]);
  });

  it('is short if the action could not be loaded', () => {
    const sent = message({ cause: 'c'.repeat(32), action: { path: 'guest/pkg', name: 'gone', version: '1.0.0' } });
    const record = fallbackRecord(sent, { statusCode: 1, result: { error: 'no' } }, 5000, 'invoker3');
    assert.equal(record.start, 5000);
    assert.equal(record.end, 5000);
    assert.equal(record.duration, 0);
    assert.equal(record.version, '1.0.0');
    assert.deepEqual(record.annotations, [
      { key: 'causedBy', value: 'sequence' },
      { key: 'path', value: 'guest/pkg/gone' },
      { key: 'kind', value: 'unknown' },
    ]);
    const colored = message({ color: { value: 'blue', hit: true } });
    const { annotations } = fallbackRecord(colored, { statusCode: 1, result: { error: 'no' } }, 5000, 'invoker3');
    assert.deepEqual(annotations.slice(2), [
      { key: 'color', value: 'blue' },
      { key: 'invoker', value: 'invoker3' },
      { key: 'colorHome', value: true },
    ]);
  });
});
