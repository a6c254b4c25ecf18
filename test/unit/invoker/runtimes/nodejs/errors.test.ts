import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { serializeError } from '../../../../../invoker/runtimes/nodejs/errors.js';

describe('errors as data', () => {
  it('keeps what an error says of itself and what was added to it', () => {
    const error = Object.assign(new RangeError('far', { cause: new Error('deep') }), {
      code: 'EFAR',
      status: 4,
      f() {},
    });
    const { stack, cause, ...rest } = serializeError(error) as Record<string, unknown>;
    assert.deepEqual(rest, { name: 'RangeError', message: 'far', code: 'EFAR', status: 4 });
    assert.match(String(stack), /^RangeError: far/);
    assert.equal((cause as Record<string, unknown>)['message'], 'deep');
  });

  it('marks a value that contains itself', () => {
    const value: Record<string, unknown> = { a: { b: [1] } };
    value['self'] = value;
    assert.deepEqual(serializeError(value), { a: { b: [1] }, self: '[Circular]' });
  });

  it('writes a word for a value without data', () => {
    assert.deepEqual(serializeError({ b: Buffer.from('x'), s: Readable.from([]), d: new Date(0) }), {
      b: '[object Buffer]',
      s: '[object Stream]',
      d: '1970-01-01T00:00:00.000Z',
    });
    assert.equal(
      serializeError(function named() {}),
      '[Function: named]',
    );
    assert.equal(serializeError('text'), 'text');
  });
});
