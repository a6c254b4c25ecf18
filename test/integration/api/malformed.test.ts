import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import fc from 'fast-check';
import { WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { TestController } from './testController.js';

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

const NASTY_SEGMENTS = [
  '_',
  'guest',
  'whisk.system',
  'p',
  'a',
  '',
  '.',
  '..',
  '%',
  '%ff',
  '%00',
  '%2F',
  '%E2%9C%93',
  'a%20b',
  '%20a',
  '$',
  'x'.repeat(300),
  'constructor',
  '__proto__',
  '0123456789abcdef0123456789abcdef',
  'result',
  'logs',
  'a.json',
  'a.http',
];
const segment = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NASTY_SEGMENTS) },
  { weight: 1, arbitrary: fc.string({ maxLength: 12 }).map(encodeURIComponent) },
);
const collection = fc.constantFrom('actions', 'packages', 'triggers', 'rules', 'activations', 'limits', 'nothing', '');

const path = fc.oneof(
  fc
    .tuple(segment, collection, fc.array(segment, { maxLength: 3 }), fc.boolean())
    .map(([ns, name, rest, slash]) => `/api/v1/namespaces/${[ns, name, ...rest].join('/')}${slash ? '/' : ''}`),
  fc.array(segment, { maxLength: 5 }).map((parts) => `/api/v1/web/${parts.join('/')}`),
  fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
);
const QUERY_NAMES = [
  'limit',
  'skip',
  'count',
  'docs',
  'name',
  'since',
  'upto',
  'overwrite',
  'blocking',
  'result',
  'code',
];
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(...QUERY_NAMES, 'timeout', '__ow_method', '%', ''),
      fc.constantFrom('', 'true', 'maybe', '-1', '1', '99999999999', '1e3', '%', '%ff', 'a/b/c', 'NaN', '\u2713'),
    ),
    { maxLength: 3 },
  )
  .map((pairs) => (pairs.length === 0 ? '' : `?${pairs.map((pair) => pair.map(encodeURI).join('=')).join('&')}`));

const FIELDS = [
  'exec',
  'parameters',
  'annotations',
  'limits',
  'version',
  'publish',
  'binding',
  'trigger',
  'action',
  'status',
];
const nastyValue = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    {},
    [],
    null,
    { kind: 'nodejs:20', code: 'x' },
    { kind: 'sequence', components: ['/_/a', 1] },
  ),
  fc.constantFrom<unknown>(
    { kind: 'blackbox', image: '' },
    [{ key: 'a' }],
    { namespace: '_', name: 'p' },
    '/_/a',
    'active',
  ),
);
const jsonBody = fc
  .dictionary(fc.constantFrom(...FIELDS, 'delAnnotations', '__proto__'), nastyValue)
  .map((o) => JSON.stringify(o));
const body = fc.oneof(
  jsonBody,
  jsonBody.map((text) => text.slice(0, -1)),
  fc.string({ maxLength: 30 }),
  fc.constantFrom(
    '',
    '[',
    '"',
    'null',
    '1',
    '\u0000',
    '['.repeat(3000),
    '{"a":'.repeat(3000),
    '\ud800',
    '{"a":1}{"b":2}',
  ),
);
const headers = fc.record({
  authorization: fc.constantFrom(
    ...Object.values(WELL_KNOWN_USERS).map((key) => `Basic ${Buffer.from(key).toString('base64')}`),
    `Basic ${Buffer.from(WELL_KNOWN_USERS.guest).toString('base64')}`,
    'Basic',
    'Basic ====',
    'Bearer x',
    '',
  ),
  'content-type': fc.constantFrom(
    'application/json',
    'application/json; charset=latin1',
    'text/plain',
    'x',
    '',
    'a/b; c',
  ),
  accept: fc.constantFrom('*/*', 'application/json', 'text/html', ';;', ''),
  'x-request-id': fc.constantFrom('', 'mine', 'sid_forged', 'x'.repeat(500)),
});
const sent: fc.Arbitrary<Sent> = fc
  .record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND'),
    path,
    query,
    headers,
    body,
  })
  .map(({ query, ...rest }) => ({ ...rest, path: encodeURI(rest.path + query).replaceAll('%25', '%') }));

function send(base: string, { method, path, headers, body }: Sent): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = request(base, { method, path, headers: { ...headers, ...length }, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

describe('malformed requests', function () {
  this.timeout(60_000);
  let controller: TestController;
  before(async () => {
    controller = await TestController.start();
  });
  after(() => controller.close());

  it('are never a 500, and always told what is wrong in the same shape', async () => {
    await fc.assert(
      fc.asyncProperty(sent, async (one) => {
        const { status, text } = await send(controller.base, one);
        assert.ok(status < 500, `${status}: ${text}`);
        if (status < 400) return;
        const answer = JSON.parse(text) as { error: unknown; code: unknown };
        assert.equal(typeof answer.error, 'string');
        assert.notEqual(answer.error, '');
        assert.equal(typeof answer.code, 'string');
        assert.deepEqual(Object.keys(answer).toSorted(), ['code', 'error']);
      }),
      { numRuns: 1500 },
    );
    assert.equal((await controller.request('GET', '_/limits')).status, 200);
  });

  it('that are no HTTP are answered in that shape, too', async () => {
    const { hostname, port } = new URL(controller.base);
    const text = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.end('NONSENSE\r\n\r\n'));
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.once('end', () => resolve(Buffer.concat(chunks).toString()));
      socket.once('error', reject);
    });
    assert.match(text, /^HTTP\/1\.1 400 /);
    const answer = JSON.parse(text.slice(text.indexOf('\r\n\r\n'))) as Record<string, unknown>;
    assert.deepEqual(Object.keys(answer).toSorted(), ['code', 'error']);
  });
});
