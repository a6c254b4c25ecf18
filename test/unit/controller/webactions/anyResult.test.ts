import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import * as fc from 'fast-check';
import type { ControllerContext } from '../../../../controller/api/ControllerContext.js';
import { createApp } from '../../../../controller/api/app.js';
import { HttpServer } from '../../../../controller/http/HttpServer.js';
import { EXTENSIONS } from '../../../../controller/webactions/request.js';
import { webActionRoutes } from '../../../../controller/webactions/routes.js';
import { Bodies } from '../../../../controller/http/Bodies.js';
import { DEFAULT_LIMITS } from '../../../../shared/config/limits.js';
import { StatusCode } from '../../../../shared/entities/activation.js';
import type { Json, JsonObject } from '../../../../shared/entities/keyvalue.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';
import { readAnswers, type Answer } from './wire.js';

const ID = '0123456789abcdef0123456789abcdef';
const ACTION = {
  namespace: 'guest',
  name: 'a',
  version: '0.0.1',
  annotations: [{ key: 'web-export', value: true }],
  parameters: [],
  exec: { kind: 'nodejs:20' },
};

/** Names that say something to a server, to Node or to a proxy. */
const NAMES = [
  'Trailer',
  'Upgrade',
  'Expect',
  'TE',
  'Connection',
  'Transfer-Encoding',
  'Content-Length',
  'Content-Type',
  'Date',
  'Server',
  'Keep-Alive',
  'Proxy-Connection',
  'Proxy-Authenticate',
  'HTTP2-Settings',
  'Set-Cookie',
  'Location',
  'Content-Disposition',
  'Content-Encoding',
  'Vary',
  'Allow',
  'Age',
  'ETag',
  'Refresh',
  'Host',
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Headers',
  'X-Request-ID',
  'x-openwhisk-activation-id',
  '__proto__',
  'constructor',
  'toString',
  '',
  ' ',
  'a b',
  'a:b',
  'é',
  'a\r\nb',
  'x-ok',
];
const LONG = ['x'.repeat(40_000), 'é'.repeat(40_000), 'x'.repeat(1_000_000), '€'.repeat(300_000)];
const VALUES = [
  'x',
  '',
  ' ',
  'close',
  'upgrade',
  'chunked',
  '100-continue',
  '0',
  '9',
  '-1',
  'trailers',
  'gzip',
  'a=b; Path=/',
  'a\r\nX-Evil: 1',
  'a\n',
  '\0',
  '\u007f',
  '\t',
  '\ud800',
  '\udc00x',
  'é',
  '€',
  '😀',
  'attachment; filename="é€"',
  'application/json',
  'image/png',
  'text/plain; charset=utf-8',
  'text/plain; charset="\u00e9"',
  'a/b;',
  'multipart/x',
];

describe('a web action, whatever it answers', () => {
  let server: HttpServer;
  let port: number;
  let result: Json;

  before(async () => {
    const ctx = {
      bodies: new Bodies(),
      entities: { getAction: async () => ACTION, getPackage: async () => undefined },
      authentication: { identityOfNamespace: async () => ({ namespace: { name: 'guest', uuid: 'u' }, limits: {} }) },
      entitlement: { check: async () => {}, checkConcurrency: () => {} },
      invocation: {
        invoke: async () => ({
          kind: 'record',
          record: { activationId: ID, annotations: [], response: { statusCode: StatusCode.success, result } },
        }),
      },
      limits: DEFAULT_LIMITS,
      log: silentLogger,
      clock: () => 0,
    } as unknown as ControllerContext;
    server = new HttpServer(createApp(ctx, { root: [], open: [webActionRoutes], authenticated: [] }));
    ({ port } = await server.listen(0, '127.0.0.1'));
  });
  after(() => server.stop(0));

  /** The answers to a request for the result and to one after it, on one connection. */
  async function answersFor(given: Json, extension = 'http', method = 'GET'): Promise<Answer[]> {
    result = given;
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.end(
      `${method} /api/v1/web/guest/default/a.${extension} HTTP/1.1\r\nHost: x\r\n\r\n` +
        'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n',
    );
    await once(socket, 'close');
    return readAnswers(Buffer.concat(chunks), [method, 'GET']);
  }

  const value = fc.oneof(
    fc.constantFrom<Json[]>(...VALUES, ...LONG),
    fc.string({ unit: 'binary' }),
    fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
    fc.array(fc.constantFrom(...VALUES), { maxLength: 3 }),
  );
  const results: fc.Arbitrary<Json> = fc.record(
    {
      statusCode: fc.oneof(
        fc.integer({ min: 90, max: 610 }),
        fc.constantFrom<Json[]>(101, 103, 199, 204, 205, 304, 426, '101', '304', 1e300, null, [200], {}),
      ),
      headers: fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), value, { maxKeys: 4 }),
      body: value,
    },
    { requiredKeys: [] },
  );

  it('is answered with valid HTTP, and so is the next request', async () => {
    await fc.assert(
      fc.asyncProperty(
        results,
        fc.constantFrom(...EXTENSIONS),
        fc.constantFrom('GET', 'HEAD', 'POST', 'PATCH'),
        async (given, extension, method) => {
          const [answer, next, ...more] = await answersFor(given, extension, method);
          assert.ok(answer && next && more.length === 0);
          assert.equal(next.status, 404);
          assert.ok(answer.status >= 200 && answer.status <= 599);
          for (const name of ['x-evil', 'trailer', 'upgrade', 'expect', 'te'])
            assert.ok(!answer.headers.has(name), name);
          assert.equal(answer.headers.get('x-request-id')?.length, 1);
          const types = answer.headers.get('content-type') ?? [];
          assert.ok(types.length <= 1);
          if (method !== 'HEAD' && !answer.headers.has('x-openwhisk-activation-id')) refusal(answer);
        },
      ),
      { numRuns: 500 },
    );
  });

  const refusal = (answer: Answer): void => {
    const error = JSON.parse(answer.body.toString()) as JsonObject;
    assert.deepEqual(Object.keys(error), ['error', 'code']);
  };

  for (const name of NAMES) {
    it(`survives a header ${JSON.stringify(name)} with any value`, async () => {
      for (const header of VALUES) {
        for (const given of [{ headers: { [name]: header } }, { headers: { [name]: [header, header] }, body: 'é' }]) {
          const [answer, next] = await answersFor(given);
          assert.ok(answer && next?.status === 404);
          if (answer.status >= 400) refusal(answer);
        }
      }
    });
  }

  it('survives long headers, which are sent or refused as a whole', async () => {
    for (const name of ['x-ok', 'Set-Cookie', 'Content-Disposition', 'Content-Type', 'Location', 'Trailer']) {
      for (const header of LONG) {
        const [answer, next] = await answersFor({ headers: { [name]: header }, body: 'x' });
        assert.ok(answer && next?.status === 404);
        if (answer.status >= 400) refusal(answer);
      }
    }
  });

  it('gets its headers sent as the same bytes whatever its body is', async () => {
    const text = 'attachment; filename="é€😀"';
    for (const name of ['x-name', 'Content-Disposition', 'Location']) {
      const bodies: JsonObject[] = [{}, { body: '' }, { body: 'x' }, { body: 'é€' }, { body: { a: 'é' } }];
      bodies.push({ body: Buffer.from('é').toString('base64'), headers: { 'Content-Type': 'image/png' } });
      for (const body of bodies) {
        const own = (body['headers'] ?? {}) as JsonObject;
        const [answer] = await answersFor({ ...body, headers: { ...own, [name]: text } });
        assert.deepEqual(answer?.headers.get(name.toLowerCase()), [text]);
      }
    }
  });

  it('replaces the CORS headers that it sets, and leaves the others', async () => {
    const [answer] = await answersFor({
      headers: { 'access-control-allow-origin': 'https://a.example', 'Access-Control-Allow-Credentials': true },
      body: 'x',
    });
    assert.deepEqual(answer?.headers.get('access-control-allow-origin'), ['https://a.example']);
    assert.deepEqual(answer?.headers.get('access-control-allow-credentials'), ['true']);
    assert.equal(answer?.headers.get('access-control-allow-methods')?.length, 1);
  });

  it('cannot set the ids of its transaction and activation', async () => {
    const [answer] = await answersFor({ headers: { 'x-request-id': 'mine', 'X-OpenWhisk-Activation-Id': 'mine' } });
    assert.deepEqual(answer?.headers.get('x-openwhisk-activation-id'), [ID]);
    assert.notEqual(answer?.headers.get('x-request-id')?.[0], 'mine');
  });
});
