import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { ObjectError } from '../../../../shared/objects/ObjectError.js';
import { objectPath, parseObjectPath } from '../../../../shared/objects/objectPath.js';
import { parseNumber, parseObjectRequest } from '../../../../shared/objects/parseRequest.js';

const parse = (method: string, url: string, headers: Record<string, string> = {}) =>
  parseObjectRequest(method, url, headers);
const refused =
  (status: number, text = /./) =>
  (error: unknown): boolean =>
    error instanceof ObjectError && error.status === status && text.test(error.message);

describe('parseObjectPath', () => {
  it('is the inverse of objectPath', () => {
    const name = (max: number) =>
      fc
        .string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
        .filter((text) => Buffer.byteLength(text) <= max && !/\p{Cc}/u.test(text));
    fc.assert(
      fc.property(name(256), name(1024), (color, key) => {
        assert.deepEqual(parseObjectPath(objectPath(color, key)), { color, key });
        assert.deepEqual(parseObjectPath(objectPath(color)), { color, key: undefined });
      }),
    );
  });

  it('takes slashes of a key with and without encoding', () => {
    assert.deepEqual(parseObjectPath('/c/a/b%2Fc//'), { color: 'c', key: 'a/b/c//' });
    assert.deepEqual(parseObjectPath('/a%2fb/..'), { color: 'a/b', key: '..' });
  });

  it('refuses a name that is empty, too long, not encoded, or has control characters', () => {
    const long = (bytes: number) => 'ü'.repeat(bytes / 2);
    assert.equal(parseObjectPath(objectPath(long(256), long(1024))).color, long(256));
    for (const path of [
      '',
      'c/k',
      '/',
      '//k',
      '/c/',
      '/c/%',
      '/c/%zz',
      '/%ff/k',
      '/c/%00',
      '/c%0a/k',
      '/c/%7f',
      '/c/ü',
    ]) {
      assert.throws(() => parseObjectPath(path), refused(400), path);
    }
    assert.throws(() => parseObjectPath(objectPath(`${long(256)}x`)), refused(400, /color is longer than 256/));
    assert.throws(() => parseObjectPath(objectPath('c', `${long(1024)}x`)), refused(400, /key is longer than 1024/));
  });
});

describe('parseObjectRequest', () => {
  it('parses each request of the table', () => {
    const address = { color: 'c', key: 'k' };
    const policy = undefined;
    const options = { condition: undefined, persistence: undefined, ttlMs: undefined, contentType: undefined };
    const get = { kind: 'get', head: false, address, policy, known: undefined, waitMs: 0 };
    assert.deepEqual(parse('GET', '/c/k'), get);
    assert.deepEqual(parse('HEAD', '/c/k'), { ...get, head: true });
    assert.deepEqual(parse('GET', '/c/k?wait=10s', { 'if-none-match': 'W/"a", "b"' }), {
      ...get,
      known: ['"a"', '"b"'],
      waitMs: 10_000,
    });
    assert.deepEqual(parse('GET', '/c/k?wait=250ms', { 'if-none-match': '*' }), { ...get, known: 'any', waitMs: 250 });
    const headers = {
      'if-match': '"a"',
      'x-palette-persistence': 'stored',
      'x-palette-ttl': '1.5',
      'content-type': 'text/plain; charset=utf-8',
      'x-openwhisk-color-policy': 'least-assigned',
    };
    assert.deepEqual(parse('PUT', '/c/k', headers), {
      kind: 'put',
      address,
      policy: 'least-assigned',
      condition: { kind: 'tags', tags: ['"a"'] },
      persistence: 'stored',
      ttlMs: 1500,
      contentType: 'text/plain; charset=utf-8',
    });
    assert.deepEqual(parse('PUT', '/c/k', { 'if-none-match': '*' }), {
      ...options,
      kind: 'put',
      address,
      policy,
      condition: { kind: 'absent' },
    });
    const removal = { kind: 'delete', address, policy, condition: { kind: 'present' } };
    assert.deepEqual(parse('DELETE', '/c/k', { 'if-match': '*' }), removal);
    assert.deepEqual(parse('POST', '/c/k?append'), { ...options, kind: 'append', address, policy });
    // The type of its request is not that of the object.
    assert.deepEqual(parse('POST', '/c/k?increment=-2.5'), {
      ...options,
      contentType: undefined,
      kind: 'increment',
      address,
      policy,
      by: -2.5,
    });
    assert.deepEqual(parse('POST', '/c/k/increment'), {
      ...options,
      contentType: undefined,
      kind: 'increment',
      address,
      policy,
      by: undefined,
    });
    assert.deepEqual(parse('POST', '/c/k/append'), { ...options, kind: 'append', address, policy });
    // The type that curl sends with each body is not one that its user chose.
    for (const path of ['/c/k?append', '/c/k/append']) {
      const curl = parseObjectRequest('POST', path, { 'content-type': 'application/x-www-form-urlencoded' });
      assert.equal(curl.kind === 'append' && curl.contentType, undefined);
    }
    assert.deepEqual(parse('POST', '/c/a/b%2Fincrement/append'), {
      ...options,
      kind: 'append',
      address: { color: 'c', key: 'a/b/increment' },
      policy,
    });
    assert.deepEqual(parse('POST', '/c/a/append?append'), {
      ...options,
      kind: 'append',
      address: { color: 'c', key: 'a/append' },
      policy,
    });
    assert.deepEqual(parse('POST', '/c/k?increment'), { ...options, kind: 'increment', address, policy, by: 1 });
    const list = { kind: 'list', color: 'c', policy, prefix: '', after: undefined, limit: 1000 };
    assert.deepEqual(parse('GET', '/c'), list);
    assert.deepEqual(parse('GET', '/c?prefix=a%2Fb+c&after=a&limit=5'), {
      ...list,
      prefix: 'a/b c',
      after: 'a',
      limit: 5,
    });
  });

  it('takes values from their lower to their upper bound', () => {
    const [put, get] = [parse('PUT', '/c/k', { 'x-palette-ttl': '0.001' }), parse('GET', '/c/k?wait=0')];
    assert.equal(put.kind === 'put' && put.ttlMs, 1);
    assert.equal(get.kind === 'get' && get.waitMs, 0);
    const [year, long] = [parse('PUT', '/c/k', { 'x-palette-ttl': '31536000' }), parse('GET', '/c/k?wait=300s')];
    assert.equal(year.kind === 'put' && year.ttlMs, 31_536_000_000);
    assert.equal(long.kind === 'get' && long.waitMs, 300_000);
    const type = 'x'.repeat(256);
    const typed = parse('PUT', '/c/k', { 'content-type': type });
    assert.equal(typed.kind === 'put' && typed.contentType, type);
    for (const limit of [1, 1000]) {
      const list = parse('GET', `/c?limit=${limit}`);
      assert.equal(list.kind === 'list' && list.limit, limit);
    }
  });

  it('takes the first one of a header that came several times', () => {
    const several = { 'x-openwhisk-color-policy': ['random', 'round-robin'] };
    assert.equal(parseObjectRequest('GET', '/c/k', several).policy, 'random');
  });

  it('refuses everything else in words', () => {
    const cases: [string, string, RegExp, Record<string, string>?][] = [
      ['GET', '/c/k?wait=5m', /\?wait takes a time/],
      ['GET', '/c/k?wait=-1s', /\?wait takes a time/],
      ['GET', '/c/k?wait=301s', /up to 300s/],
      ['GET', '/c/k?wait=1s&wait=2s', /\?wait twice/],
      ['GET', '/c/k?waits=1s', /unknown field \?waits; this request takes \?wait/],
      ['GET', '/c/k?=1s', /unknown field \?;/],
      ['GET', '/c/k?wait=%e0', /percent-encoded/],
      ['GET', '/c/k', /tags in double quotes/, { 'if-none-match': 'abc' }],
      ['GET', '/c/k', /tags in double quotes/, { 'if-none-match': '"a" "b"' }],
      ['PUT', '/c/k?wait=1s', /unknown field/],
      ['PUT', '/c/k', /takes only `\*`/, { 'if-none-match': '"a"' }],
      ['PUT', '/c/k', /not both/, { 'if-none-match': '*', 'if-match': '*' }],
      ['PUT', '/c/k', /memory, replicated, stored/, { 'x-palette-persistence': 'forever' }],
      ['PUT', '/c/k', /seconds above 0/, { 'x-palette-ttl': '0' }],
      ['PUT', '/c/k', /seconds above 0/, { 'x-palette-ttl': '-1' }],
      ['PUT', '/c/k', /seconds above 0/, { 'x-palette-ttl': '999999999' }],
      ['PUT', '/c/k', /Content-Type/, { 'content-type': 'x'.repeat(257) }],
      ['POST', '/c/k', /or a path that ends/],
      ['POST', '/c/increment', /or a path that ends/],
      ['POST', '/c/k/multiply', /or a path that ends/],

      ['POST', '/c/k?append&increment=1', /or a path that ends/],
      ['POST', '/c/k?append=x', /takes no value/],
      ['POST', '/c/k?increment=x', /decimal number/],
      ['GET', '/c?limit=0', /from 1 to 1000/],
      ['GET', '/c?limit=1001', /from 1 to 1000/],
    ];
    for (const [method, url, text, headers] of cases) {
      assert.throws(() => parse(method, url, headers), refused(400, text), `${method} ${url}`);
    }
    assert.throws(() => parse('PATCH', '/c/k'), refused(405, /, not PATCH\.$/));
    assert.throws(() => parse('DELETE', '/c'), refused(405, /lists/));
  });

  it('throws nothing but its own errors, for any text', () => {
    fc.assert(
      fc.property(fc.constantFrom('GET', 'PUT', 'POST', 'DELETE'), fc.string(), fc.string(), (method, url, text) => {
        try {
          parse(method, `/${url}`, { 'if-match': text, 'x-palette-ttl': text, 'content-type': text });
        } catch (error) {
          assert.ok(error instanceof ObjectError, String(error));
        }
      }),
    );
  });
});

describe('parseNumber', () => {
  it('reads finite numbers as JavaScript writes them', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        assert.equal(parseNumber(String(number)), number === 0 ? 0 : number);
      }),
    );
    const longest = `-1.${'0'.repeat(24)}e-100`;
    assert.equal(parseNumber(longest), -1e-100);
    assert.equal(parseNumber(`${longest}0`), undefined);
    for (const text of ['', ' 1', '1 ', '+1', '.5', '1.', '0x1', '1e999', 'NaN', '1_000']) {
      assert.equal(parseNumber(text), undefined, text);
    }
  });
});
