import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { operations } from '../../controller/apidocs/operations.js';
import { DEFAULT_LIMITS } from '../../shared/config/limits.js';
import { GUEST_KEY } from '../e2e/keys.js';
import { sendRaw, type RawAnswer } from './rawHttp.js';
import { testServer, type TestServer } from './server.js';

/*
 * Malformed requests at every route. Whatever comes: an answer, and no server error; every refusal as `{error, code}`.
 */

const RUNS = Number(process.env['FUZZ_RUNS'] ?? 600);
const basic = (key: string): string => `Basic ${Buffer.from(key).toString('base64')}`;
const PATHS = [...new Set(operations(DEFAULT_LIMITS).map(({ path }) => path))];

const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => encodeURIComponent(text.replaceAll(/\p{Cs}/gu, ''))),
  fc.string({ maxLength: 20 }).map((text) => text.replaceAll(/[\s?#/]/g, '')),
);
const segment = fc.oneof(
  fc.constantFrom(
    '_',
    'guest',
    'whisk.system',
    'default',
    'fz',
    'fzpkg',
    'fzt',
    'fzr',
    'fzweb',
    'fzweb.json',
    'nobody',
  ),
  fc.constantFrom('', '.', '..', '%', '%zz', '%00', '%2F', '%2e%2e', '%ff', 'a%20b', '%20', '%C3%A9', 'é', '🙂', '{x}'),
  fc.constantFrom('__proto__', 'constructor', 'toString', '*', ';', '&', '$', '~', 'x'.repeat(256), 'x'.repeat(257)),
  fc.constantFrom('0123456789abcdef0123456789abcdef', '0123456789ABCDEF0123456789ABCDEF', '0123'),
  junk,
);
const path = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...PATHS), fc.array(segment, { minLength: 4, maxLength: 4 })).map(fill),
  },
  { weight: 1, arbitrary: fc.array(segment, { maxLength: 6 }).map((segments) => `/${segments.join('/')}`) },
);

function fill([template, segments]: [string, string[]]): string {
  let next = 0;
  return `/api/v1${template.replaceAll(/\{\w+\}/g, () => segments[next++] ?? '')}`;
}

const query = fc.array(
  fc.tuple(
    fc.oneof(
      fc.constantFrom('limit', 'skip', 'count', 'docs', 'since', 'upto', 'name', 'overwrite', 'blocking', 'result'),
      fc.constantFrom('timeout', 'code', 'force', 'public', '__ow_body', '__proto__', ''),
      junk,
    ),
    fc.oneof(
      fc.constantFrom(
        '',
        '0',
        '1',
        '-1',
        '1.5',
        '1e3',
        '99999999999999999999',
        'true',
        'false',
        'null',
        'NaN',
        '%',
        '+',
      ),
      junk,
    ),
  ),
  { maxLength: 3 },
);

const json = fc.jsonValue({ maxDepth: 3 });
const field = (...values: unknown[]): fc.Arbitrary<unknown> => fc.oneof(fc.constantFrom(...values), json);
const entity = fc.record(
  {
    exec: field({ kind: 'nodejs:20', code: 'x' }, { kind: 'sequence', components: ['/_/fz', '/a/b/c/d'] }, { kind: 1 }),
    limits: field({ timeout: -1 }, { memory: 1e99 }, { concurrency: '1' }, { timeout: 1.5 }),
    parameters: field([{ key: 'a' }], [{ key: 1, value: 1 }], [null], {}),
    annotations: field([{ key: 'web-export', value: 'x' }], 'text'),
    version: field('', '1', 'a.b.c', '99999999999.1.1'),
    publish: field(true, 'yes'),
    binding: field({}, { namespace: '_', name: '$' }, { namespace: 'guest' }),
    trigger: field('/_/fzt', 'x', '/a/b/c/d/e', { path: 'guest', name: '' }),
    action: field('/_/fz', '', '//', { path: '', name: 'fz' }),
    status: field('active', 'sleepy', ''),
    delAnnotations: field(['a'], [1]),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  entity.map((value) => JSON.stringify(value)),
  json.map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '',
    '{',
    '[',
    '"',
    '{"a":',
    'nul',
    '\ufeff{}',
    '{"a":1}{',
    '[1,]',
    '\0',
    '[['.repeat(3000),
    '{"a":'.repeat(3000),
  ),
  fc.constantFrom('a=1&b=%zz', '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--'),
  fc.string({ unit: 'binary' }),
);
const bytes = fc.oneof(
  body.map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array)),
);

const headers = fc.record(
  {
    authorization: fc.oneof(
      { weight: 3, arbitrary: fc.constant(basic(GUEST_KEY)) },
      fc.constantFrom(basic('a:b'), 'Basic', 'Basic !!!', 'Bearer x', 'x', basic(':'), 'Basic =='),
    ),
    'content-type': fc.constantFrom(
      'application/json',
      'application/json; charset=utf-8',
      'application/json;',
      'text/plain',
      'image/png',
      'x',
      '',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'application/hal+json',
      'a/b; c="',
      '*/*',
    ),
    accept: fc.constantFrom('*/*', 'text/html', 'x', 'application/json;q=0', ';;;', 'a/b;q=x', ''),
    'accept-charset': fc.constantFrom('utf-8', 'x;q=0', ';'),
    'x-require-whisk-auth': fc.constantFrom('x', ''),
    'x-request-id': fc.constantFrom('mine', 'x'.repeat(500), '{"a":1}', 'sid_x'),
    'x-openwhisk-color': fc.constantFrom('blue', '', '{x}', 'x'.repeat(400)),
    expect: fc.constantFrom('100-continue'),
    range: fc.constantFrom('bytes=0-1', 'x'),
    'access-control-request-headers': fc.constantFrom('x', ',,,'),
  },
  { requiredKeys: ['authorization'] },
);

const request = fc.record({
  method: fc.constantFrom(
    'GET',
    'PUT',
    'POST',
    'DELETE',
    'PATCH',
    'HEAD',
    'OPTIONS',
    'TRACE',
    'PROPFIND',
    'get',
    'FOO',
  ),
  path,
  query,
  headers,
  body: bytes,
  framing: fc.constantFrom('length', 'length', 'length', 'chunked', 'broken chunks', 'none', 'twice'),
});
type Request = typeof request extends fc.Arbitrary<infer T> ? T : never;

function write({ method, path, query, headers, body, framing }: Request): Buffer {
  const search = query.map(([key, value]) => `${key}=${value}`).join('&');
  const lines = [`${method} ${path}${search === '' ? '' : `?${search}`} HTTP/1.1`, 'Host: fuzz', 'Connection: close'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  const framed = frame(body, framing);
  return Buffer.concat([Buffer.from([...lines, ...framed.headers, '', ''].join('\r\n')), framed.content]);
}

function frame(body: Buffer, framing: string): { headers: string[]; content: Buffer } {
  const length = `Content-Length: ${body.length}`;
  const chunk = Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
  switch (framing) {
    case 'chunked': {
      const last = Buffer.from('0\r\n\r\n');
      return {
        headers: ['Transfer-Encoding: chunked'],
        content: body.length > 0 ? Buffer.concat([chunk, last]) : last,
      };
    }
    case 'broken chunks':
      return { headers: ['Transfer-Encoding: chunked'], content: Buffer.concat([Buffer.from('zz\r\n'), body]) };
    case 'none':
      return { headers: [], content: Buffer.alloc(0) };
    case 'twice':
      return { headers: [length, 'Content-Length: 7'], content: body };
    default:
      return { headers: [length], content: body };
  }
}

function checkAnswer(method: string, { status, headers, body }: RawAnswer): void {
  assert.ok(status < 500 || status === 502, `status ${status}: ${body.slice(0, 300)}`);
  // One answer, and all of it: what comes after it would be taken for the answer to the next request.
  if (method !== 'HEAD') assert.equal(Buffer.byteLength(body), Number(headers.get('content-length') ?? 0));
  if (status < 400 || method === 'HEAD' || headers.has('x-openwhisk-activation-id')) return;
  const parsed = JSON.parse(body) as Record<string, unknown>;
  assert.deepEqual(
    Object.keys(parsed).toSorted((a, b) => (a < b ? -1 : 1)),
    ['code', 'error'],
  );
  assert.ok(typeof parsed['error'] === 'string' && parsed['error'] !== '', body);
  assert.ok(typeof parsed['code'] === 'string' && parsed['code'] !== '', body);
  assert.equal(headers.get('content-type'), 'application/json');
}

describe('malformed requests', function () {
  this.timeout(600_000);
  let server: TestServer;

  before(async () => {
    server = await testServer(['--process', '--no-catalog']);
    const put = async (path: string, content: unknown): Promise<void> => {
      const answer = await fetch(`${server.base}/api/v1/namespaces/_/${path}`, {
        method: 'PUT',
        headers: { authorization: basic(GUEST_KEY), 'content-type': 'application/json' },
        body: JSON.stringify(content),
      });
      assert.equal(answer.status, 200, await answer.text());
    };
    const exec = { kind: 'nodejs:default', code: 'function main(args) { return { body: args } }' };
    await put('actions/fz', { exec });
    await put('actions/fzweb', { exec, annotations: [{ key: 'web-export', value: true }] });
    await put('packages/fzpkg', {});
    await put('triggers/fzt', {});
    await put('rules/fzr', { trigger: '/_/fzt', action: '/_/fz' });
  });
  after(() => server?.stop());

  it('are answered, and never as errors of the server', async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(request, async (given) => {
        const answer = await sendRaw(server.base, write(given));
        seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
        checkAnswer(given.method, answer);
      }),
      { numRuns: RUNS },
    );
    // The requests do get as far as the routes.
    for (const status of [200, 400, 401, 404]) assert.ok(seen.has(status), `no answer was ${status}`);
    assert.equal(await (await fetch(`${server.base}/ping`)).text(), 'pong');
  });

  it('are answered even if they are not HTTP', async () => {
    for (const text of [
      'nonsense\r\n\r\n',
      'GET\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'GET / HTTP/1.1\r\nbad header\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n',
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
      `GET /${'x'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      'POST /api/v1/namespaces/_/actions/fz HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n',
      'GET http://[ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      'OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n',
    ]) {
      await sendRaw(server.base, Buffer.from(text)).then(
        (answer) => checkAnswer('', answer),
        // Closing without a word is an answer, too, to what is no request.
        (error: Error) => assert.match(error.message, /no HTTP answer|ECONNRESET|socket hang up/, text.slice(0, 60)),
      );
    }
    assert.equal(await (await fetch(`${server.base}/ping`)).text(), 'pong');
  });
});
