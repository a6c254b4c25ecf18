import assert from 'node:assert/strict';
import { wantedReferences } from '../../../../controller/api/resultHeader.js';
import { ApiError } from '../../../../controller/http/ApiError.js';

const wanted = (header: string, more: Record<string, string> = {}) =>
  wantedReferences({ 'x-openwhisk-result': header, ...more });

describe('the header X-OpenWhisk-Result', () => {
  it('asks for references to results over 64 KB, for an hour, in memory, unless told otherwise', () => {
    assert.equal(wantedReferences({}), undefined);
    assert.equal(wanted('value'), undefined);
    assert.deepEqual(wanted('reference'), { over: 65_536, ttlMs: 3_600_000, persistence: 'memory' });
    assert.deepEqual(
      wanted('reference; over=0; ttl=60; persistence=stored', {
        'x-openwhisk-color-policy': 'least-assigned; patience=0',
      }),
      { over: 0, ttlMs: 60_000, persistence: 'stored', policy: 'least-assigned' },
    );
    assert.equal(wanted('reference', { 'x-openwhisk-color-policy': '; patience=0' })?.policy, undefined);
  });

  for (const header of [
    '',
    'refrence',
    'reference; over=many',
    'reference; persistence=disk',
    'reference; x',
    'value; x',
  ]) {
    it(`refuses '${header}'`, () => {
      assert.throws(
        () => wanted(header),
        (error) => error instanceof ApiError && error.status === 400 && /X-OpenWhisk-Result/.test(error.message),
      );
    });
  }
});
