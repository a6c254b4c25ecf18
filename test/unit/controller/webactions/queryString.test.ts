import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  encodeSegment,
  parseQuery,
  percentDecode,
  queryParameters,
  renderQuery,
} from '../../../../controller/webactions/queryString.js';

describe('queryString', () => {
  it('reads keys and values; the last of equal keys counts', () => {
    assert.deepEqual(queryParameters(parseQuery('a=1&b=x+y%20z&c&d=&a=2&e=f=g')), {
      a: '2',
      b: 'x y z',
      c: '',
      d: '',
      e: 'f=g',
    });
    assert.deepEqual(parseQuery(''), []);
    assert.deepEqual(queryParameters(parseQuery('a=1&')), { a: '1', '': '' });
  });

  it('takes __proto__ for a key like any other', () => {
    const parameters = queryParameters(parseQuery('__proto__=x'));
    assert.deepEqual(Object.entries(parameters), [['__proto__', 'x']]);
    assert.equal(Object.getPrototypeOf(parameters), Object.prototype);
  });

  it('writes a query anew, and encodes only the necessary characters', () => {
    assert.equal(renderQuery(parseQuery('q=1&q=2')), 'q=1&q=2');
    assert.equal(renderQuery(parseQuery('a=b%20c&d=e%2Bf&g=h=i&j&k=')), 'a=b+c&d=e%2Bf&g=h%3Di&j&k=');
    assert.equal(renderQuery(parseQuery('a=%41%e2%82%ac/?:@')), 'a=A%E2%82%AC/?:@');
  });

  it('reads its own output', () => {
    const text = fc.string({ unit: 'binary' }).filter((s) => !/\p{Cs}/u.test(s));
    const pair = fc.record({ key: text, value: fc.option(text, { nil: undefined }) }, { noNullPrototype: true });
    const pairs = fc.array(pair, { minLength: 1 });
    fc.assert(
      fc.property(pairs, (given) => {
        // A lone empty key is written as nothing at all.
        fc.pre(!(given.length === 1 && given[0]?.key === '' && given[0].value === undefined));
        assert.deepEqual(parseQuery(renderQuery(given)), given);
      }),
      { numRuns: 200 },
    );
  });

  it('refuses a percent sign without two digits, and replaces bytes that are no UTF-8', () => {
    for (const text of ['%', '%4', '%zz', 'a%4g']) assert.throws(() => percentDecode(text), { status: 400 });
    assert.equal(percentDecode('a%ffb%41'), 'a\ufffdbA');
  });

  it('keeps the characters of a segment that a path allows', () => {
    assert.equal(encodeSegment("aZ0-._~!$&'()*+,;=:@"), "aZ0-._~!$&'()*+,;=:@");
    assert.equal(encodeSegment('a b/c?%ü'), 'a%20b%2Fc%3F%25%C3%BC');
  });

  it('refuses more parameters than a request may have, before it builds them', () => {
    assert.equal(parseQuery('a&'.repeat(19_999) + 'a').length, 20_000);
    assert.throws(() => parseQuery('a&'.repeat(20_000)), { status: 413 });
  });
});
