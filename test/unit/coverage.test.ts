import assert from 'node:assert/strict';
import { tooFewLines } from '../coverage.js';

describe('the coverage of the tests', () => {
  const of = (pct: number) => ({ lines: { pct } });

  it('is too small if a watched file has too few covered lines', () => {
    const summary = {
      total: of(50),
      '/root/shared/store/enough.ts': of(90),
      '/root/shared/store/couchdb/few.ts': of(89.99),
      '/root/deploy/unwatched.ts': of(3),
    };
    assert.deepEqual(tooFewLines('/root', summary), ['  shared/store/couchdb/few.ts: 89.99 %']);
  });

  it('is not judged without a watched file', () => {
    assert.throws(() => tooFewLines('/root', { '/root/dist/other.js': of(100) }), /has no file of/);
  });
});
