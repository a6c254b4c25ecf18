import assert from 'node:assert/strict';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ControllerContext } from '../../../../controller/api/ControllerContext.js';
import { ApiError } from '../../../../controller/http/ApiError.js';
import { NotAuthenticatedError, ThrottledError } from '../../../../controller/refusals/refusals.js';
import { createApp } from '../../../../controller/api/app.js';
import type { InvocationOutcome, InvocationRequest } from '../../../../controller/invocation/Invocation.js';
import { webActionRoutes } from '../../../../controller/webactions/routes.js';
import { Bodies } from '../../../../controller/http/Bodies.js';
import { DEFAULT_LIMITS } from '../../../../shared/config/limits.js';
import { StatusCode } from '../../../../shared/entities/activation.js';
import type { Action, PackageDocument } from '../../../../shared/entities/documents.js';
import type { Identity } from '../../../../shared/entities/identity.js';
import type { Json, JsonObject, KeyValue } from '../../../../shared/entities/keyvalue.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';

const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'];
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH',
  'access-control-allow-headers': 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
};
const ID = '0123456789abcdef0123456789abcdef';

const entries = (values: Record<string, Json>): KeyValue[] =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

function identity(name: string, limits: Identity['limits'] = {}): Identity {
  return { subject: name, namespace: { name, uuid: `${name}-uuid` }, authkey: {}, rights: [], limits };
}

const OWNER = identity('owner', { maxPayloadSize: '1 KB' });
const CALLER = identity('caller');

function action(namespace: string, name: string, annotations: Record<string, Json>): Action {
  return {
    _id: `${namespace}/${name}`,
    namespace,
    name,
    version: '0.0.1',
    publish: false,
    updated: 0,
    entityType: 'action',
    annotations: entries(annotations),
    exec: { kind: 'nodejs:20', code: '' },
    parameters: entries({ y: 'Y', z: 'Z', open: null }),
    limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
  };
}

function pkg(namespace: string, name: string, parameters: Record<string, Json>, bound?: string): PackageDocument {
  return {
    _id: `${namespace}/${name}`,
    namespace,
    name,
    version: '0.0.1',
    publish: true,
    updated: 0,
    entityType: 'package',
    annotations: [],
    parameters: entries(parameters),
    binding: bound === undefined ? {} : { namespace: 'other', name: bound },
  };
}

const WEB = { 'web-export': true, final: true };
const ACTIONS = [
  action('owner', 'a', WEB),
  action('owner/p', 'a', WEB),
  action('owner/p', 'raw', { ...WEB, 'raw-http': true }),
  action('owner/p', 'custom', { ...WEB, 'web-custom-options': true }),
  action('owner/p', 'signed', { ...WEB, 'require-whisk-auth': true }),
  action('owner/p', 'token', { ...WEB, 'require-whisk-auth': 'sesame' }),
  action('owner/p', 'customsigned', { ...WEB, 'require-whisk-auth': true, 'web-custom-options': true }),
  action('owner/p', 'private', { final: true }),
  action('other/provider', 'a', WEB),
];
const PACKAGES = [
  pkg('owner', 'p', { x: 'X', z: 'z' }),
  pkg('other', 'provider', { a: 'A', b: 'b' }),
  pkg('owner', 'binding', { a: 'bound', c: 'c' }, 'provider'),
  pkg('owner', 'dangling', {}, 'gone'),
  // A binding says nothing of how its actions are exposed.
  { ...pkg('owner', 'hidden', {}, 'provider'), annotations: entries({ 'web-export': false }) },
];

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  bytes: Buffer;
}

describe('webActionRoutes', () => {
  let server: Server;
  let base: string;
  let invoked: InvocationRequest[];
  let outcome: (request: InvocationRequest) => InvocationOutcome;
  let entitled: () => void;

  before(async () => {
    const ctx = {
      bodies: new Bodies(),
      entities: {
        getAction: async (id: string) => ACTIONS.find((a) => `${a.namespace}/${a.name}` === id),
        getPackage: async (id: string) => PACKAGES.find((p) => p._id === id),
      },
      authentication: {
        authenticate: async (header: string) => {
          if (header === 'Basic broken') throw new ApiError(500);
          if (header !== 'Basic caller') throw new NotAuthenticatedError('invalid');
          return CALLER;
        },
        identityOfNamespace: async (namespace: string) => (namespace === 'owner' ? OWNER : undefined),
      },
      entitlement: { check: async () => entitled(), checkConcurrency: () => {} },
      invocation: {
        invoke: async (request: InvocationRequest) => {
          invoked.push(request);
          return outcome(request);
        },
      },
      limits: DEFAULT_LIMITS,
      log: silentLogger,
      clock: () => 0,
    } as unknown as ControllerContext;
    const app = createApp(ctx, { root: [], open: [webActionRoutes], authenticated: [] });
    // oxlint-disable-next-line typescript/no-misused-promises
    server = createServer(app).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/web`;
  });
  after(() => {
    server.close();
  });
  beforeEach(() => {
    invoked = [];
    outcome = (request) => record(StatusCode.success, request.payload);
    entitled = () => {};
  });

  const record = (statusCode: StatusCode, result: Json | undefined): InvocationOutcome => ({
    kind: 'record',
    record: {
      activationId: ID,
      namespace: 'owner',
      name: 'a',
      version: '0.0.1',
      subject: 'owner',
      publish: false,
      start: 0,
      end: 0,
      logs: [],
      annotations: [],
      response: { statusCode, result },
    },
  });
  /** What the last invocation was given. */
  const payload = (): JsonObject => {
    const last = invoked.pop();
    assert.ok(last, 'nothing was invoked');
    return last.payload as JsonObject;
  };
  const answering = (result: Json, statusCode: StatusCode = StatusCode.success): void => {
    outcome = () => record(statusCode, result);
  };

  function call(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: string | Buffer,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const req = httpRequest(base + path, { method, headers }, (res) => {
        const chunks: Buffer[] = [];
        res.on('data', (chunk: Buffer) => chunks.push(chunk));
        res.on('end', () => {
          const bytes = Buffer.concat(chunks);
          resolve({ status: res.statusCode ?? 0, headers: res.headers, text: bytes.toString(), bytes });
        });
        res.on('error', reject);
      });
      req.on('error', reject);
      // Node frames the body of these methods only where it is told to.
      if (body !== undefined) req.setHeader('content-length', Buffer.byteLength(body));
      req.end(body);
    });
  }

  const error = (answer: Answer): string => {
    const parsed = JSON.parse(answer.text) as JsonObject;
    assert.deepEqual(Object.keys(parsed).toSorted(), ['code', 'error']);
    assert.equal(typeof parsed['code'], 'string');
    return parsed['error'] as string;
  };
  const cors = (answer: Answer): Record<string, unknown> =>
    Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith('access-control-')));

  it('knows no routes of another shape', async () => {
    for (const path of ['/a', '/a/b', '//a', '/owner/c', '/owner/p/$x']) {
      const [anonymous, known] = [await call('GET', path), await call('GET', path, { authorization: 'Basic caller' })];
      assert.deepEqual([anonymous.status, known.status], [401, 404], path);
    }
  });

  it('finds neither unknown namespaces, packages and actions, nor actions that are not exported', async () => {
    for (const path of ['/nobody/p/a', '/owner/nopkg/a', '/owner/p/none', '/owner/p/private', '/owner/dangling/a']) {
      for (const method of METHODS) {
        const answer = await call(method, `${path}.json`);
        assert.equal(answer.status, 404, `${method} ${path}`);
        assert.deepEqual(cors(answer), {});
        if (method !== 'HEAD') assert.equal(error(answer), 'The requested resource does not exist.');
      }
    }
    assert.deepEqual(invoked, []);
  });

  it('takes an unknown extension for a part of the name', async () => {
    for (const path of ['/owner/p/a.xyz', '/owner/p/a.xyz/', '/owner/p/a.xyzz/content']) {
      assert.equal((await call('GET', path)).status, 404);
    }
  });

  it('refuses methods that it does not have', async () => {
    const answer = await call('TRACE', '/owner/p/a');
    assert.equal(answer.status, 405);
    assert.match(error(answer), /^HTTP method not allowed, supported methods: OPTIONS, GET/);
  });

  it('invokes on behalf of the owner, in every method, with query, body and path', async () => {
    for (const method of METHODS.filter((m) => m !== 'OPTIONS')) {
      const body = JSON.stringify({ extra: 1, a: 'body' });
      const headers = { 'content-type': 'application/json', authorization: 'Basic caller' };
      const answer = await call(method, '/owner/p/a.json/x%20y/?a=query&q=1', headers, body);
      assert.equal(answer.status, 200, method);
      assert.equal(answer.headers['x-openwhisk-activation-id'], ID);
      assert.equal(answer.headers['content-type'], 'application/json');
      const request = invoked.pop() as InvocationRequest;
      const { __ow_headers: sent, ...given } = request.payload as JsonObject;
      assert.deepEqual(given, {
        __ow_method: method.toLowerCase(),
        __ow_path: '/x%20y/',
        __ow_user: 'caller',
        a: 'body',
        q: '1',
        extra: 1,
      });
      assert.equal((sent as JsonObject)['content-type'], 'application/json');
      assert.equal(request.user, OWNER);
      assert.equal(request.waitMs, DEFAULT_LIMITS.maxBlockingWaitMs);
      assert.deepEqual(request.target.parameters, entries({ x: 'X', z: 'Z', y: 'Y', open: null }));
      if (method !== 'HEAD') assert.deepEqual(JSON.parse(answer.text), request.payload);
    }
  });

  it('names no user if credentials are missing or invalid', async () => {
    for (const headers of [{}, { authorization: 'Basic nobody' }]) {
      assert.equal((await call('GET', '/owner/p/a.json', headers)).status, 200);
      assert.ok(!Object.hasOwn(payload(), '__ow_user'));
    }
    assert.equal((await call('GET', '/owner/p/a.json', { authorization: 'Basic broken' })).status, 500);
  });

  it('reaches the default package, and actions through bindings', async () => {
    assert.equal((await call('GET', '/owner/default/a.json')).status, 200);
    assert.equal(invoked.pop()?.target.action.namespace, 'owner');
    assert.equal((await call('GET', '/owner/binding/a.json')).status, 200);
    const { target } = invoked.pop() as InvocationRequest;
    assert.equal(target.action.namespace, 'other/provider');
    assert.equal(target.binding, 'owner/binding');
    const merged = Object.fromEntries(target.parameters.map(({ key, value }) => [key, value]));
    assert.deepEqual(merged, { a: 'bound', b: 'b', c: 'c', y: 'Y', z: 'Z', open: null });
    assert.equal((await call('GET', '/owner/hidden/a.json')).status, 200);
  });

  it('refuses to override final and reserved parameters, with CORS headers', async () => {
    const json = { 'content-type': 'application/json' };
    const attempts: [string, string?][] = [
      ['?x=1'],
      ['?y=1'],
      ['?__ow_user=me'],
      ['', '{"x":1}'],
      ['?y=1', '{"z":1}'],
      ['', '{"__ow_headers":{}}'],
    ];
    for (const [query, body] of attempts) {
      const answer = await call('POST', `/owner/p/a.json${query}`, json, body);
      assert.equal(answer.status, 400, query);
      assert.equal(error(answer), 'Request defines parameters that are not allowed (e.g., reserved properties).');
      assert.deepEqual(cors(answer), CORS);
    }
    assert.equal((await call('POST', '/owner/binding/a.json?c=1')).status, 400);
    assert.deepEqual(invoked, []);
    assert.equal((await call('POST', '/owner/p/a.json?open=1')).status, 200);
  });

  it('gives raw actions query and body unparsed', async () => {
    const json = { 'content-type': 'application/json' };
    await call('POST', '/owner/p/raw.json?x=1&k=v', json, '{"x":1}');
    const given = payload();
    assert.equal(given['__ow_query'], 'x=1&k=v');
    assert.equal(given['__ow_body'], Buffer.from('{"x":1}').toString('base64'));
    assert.ok(!Object.hasOwn(given, 'x'));
  });

  it('takes binary bodies in and gives them back intact', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    outcome = ({ payload }) =>
      record(StatusCode.success, {
        headers: { 'content-type': 'image/png' },
        body: (payload as JsonObject)['__ow_body'] as string,
      });
    const answer = await call('POST', '/owner/p/a', { 'content-type': 'image/png' }, bytes);
    assert.equal(answer.headers['content-type'], 'image/png');
    assert.deepEqual(answer.bytes, bytes);
  });

  it('takes a chunked body', async () => {
    const answer = await fetch(`${base}/owner/p/a.json`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from('{"k":'));
          controller.enqueue(Buffer.from('1}'));
          controller.close();
        },
      }),
      duplex: 'half',
    });
    assert.equal(answer.status, 200);
    assert.equal(payload()['k'], 1);
  });

  it('refuses malformed bodies as the API does, without CORS headers', async () => {
    const answer = await call('POST', '/owner/p/a.json', { 'content-type': 'application/json' }, '{"a":');
    assert.equal(answer.status, 400);
    assert.match(error(answer), /^The request content was malformed:\n/);
    assert.deepEqual(cors(answer), {});
  });

  it('refuses a body that is over the limit of the owner', async () => {
    const answer = await call('POST', '/owner/p/a.json', { 'content-type': 'text/plain' }, 'x'.repeat(1025));
    assert.equal(answer.status, 413);
    assert.equal(error(answer), 'Request larger than allowed: 1025 > 1024 bytes.');
    assert.deepEqual(cors(answer), {});
    assert.equal(
      (await call('POST', '/owner/p/a.json', { 'content-type': 'text/plain' }, 'x'.repeat(1024))).status,
      200,
    );
  });

  it('hands on the refusals of entitlement', async () => {
    entitled = () => {
      throw new ThrottledError('per minute', 2, 1);
    };
    const answer = await call('GET', '/owner/p/a.text/content/z');
    assert.equal(answer.status, 429);
    assert.equal(error(answer), 'Too many requests in the last minute (count: 2, allowed: 1).');
    entitled = () => {
      throw new ApiError(403);
    };
    assert.equal((await call('GET', '/owner/p/a')).status, 403);
    assert.deepEqual(invoked, []);
  });

  it('asks for a known user if the action does', async () => {
    for (const method of METHODS.filter((m) => m !== 'OPTIONS')) {
      const refused = await call(method, '/owner/p/signed.json');
      assert.equal(refused.status, 401);
      assert.equal(refused.headers['www-authenticate'], undefined);
      assert.deepEqual(cors(refused), CORS);
      assert.equal((await call(method, '/owner/p/signed.json', { authorization: 'Basic caller' })).status, 200);
      const { __ow_user: user, __ow_headers: headers } = payload();
      assert.equal(user, 'caller');
      assert.equal((headers as Record<string, unknown>)['authorization'], undefined);
    }
    const preflight = await call('OPTIONS', '/owner/p/signed.json');
    assert.equal(preflight.status, 200);
    assert.deepEqual(cors(preflight), CORS);
    assert.deepEqual(invoked, []);
  });

  it('asks for a token if the action does', async () => {
    for (const token of ['bad', '', undefined]) {
      const headers = token === undefined ? {} : { 'x-require-whisk-auth': token };
      assert.equal((await call('GET', '/owner/p/token', headers)).status, 401);
    }
    assert.equal((await call('GET', '/owner/p/token', { authorization: 'Basic caller' })).status, 401);
    assert.deepEqual(invoked, []);
    assert.equal((await call('GET', '/owner/p/token.json', { 'X-Require-Whisk-Auth': 'sesame' })).status, 200);
  });

  it('answers preflight requests itself, unless the action wants to', async () => {
    const headers = { 'access-control-request-headers': 'x-a,x-b' };
    const ours = await call('OPTIONS', '/owner/p/a.http', headers);
    assert.deepEqual(cors(ours), { ...CORS, 'access-control-allow-headers': 'x-a, x-b' });
    assert.equal(ours.text, '');
    assert.deepEqual(invoked, []);
    answering({ headers: { 'Access-Control-Allow-Methods': 'OPTIONS, GET, PATCH' } });
    for (const path of ['/owner/p/custom', '/owner/p/customsigned']) {
      assert.deepEqual(cors(await call('OPTIONS', path, headers)), {
        'access-control-allow-methods': 'OPTIONS, GET, PATCH',
      });
    }
    assert.equal(invoked.length, 2);
  });

  it('sends the response that the action names', async () => {
    answering({ statusCode: 302, headers: { location: 'http://x/', 'Set-Cookie': ['a=b', 'c=d; Path = /'] } });
    for (const method of METHODS.filter((m) => m !== 'OPTIONS')) {
      const answer = await call(method, '/owner/p/a');
      assert.equal(answer.status, 302);
      assert.equal(answer.headers['location'], 'http://x/');
      assert.deepEqual(answer.headers['set-cookie'], ['a=b', 'c=d; Path = /']);
      assert.equal(answer.headers['content-type'], undefined);
      assert.equal(answer.headers['x-openwhisk-activation-id'], ID);
    }
    answering({ statusCode: 444 });
    assert.equal((await call('GET', '/owner/p/a')).status, 444);
    answering({ body: 'Grüße' });
    const answer = await call('GET', '/owner/p/a');
    assert.equal(answer.text, 'Grüße');
    assert.equal(answer.headers['content-length'], '7');
    assert.equal(answer.headers['content-type'], 'text/html; charset=UTF-8');
  });

  it('writes text in UTF-8', async () => {
    answering({ text: 'words' });
    const answer = await call('GET', '/owner/p/a.text');
    assert.equal(answer.headers['content-type'], 'text/plain; charset=UTF-8');
    assert.equal(answer.text, 'words');
  });

  it('refuses to send a type that the caller does not accept, after one invocation', async () => {
    answering({ body: 'Plain text' });
    const answer = await call('GET', '/owner/p/a', { accept: 'application/json' });
    assert.equal(answer.status, 406);
    assert.equal(
      error(answer),
      'Resource representation is only available with these types:\ntext/html; charset=UTF-8',
    );
    assert.deepEqual(cors(answer), {});
    assert.equal(answer.headers['x-openwhisk-activation-id'], undefined);
    assert.equal(invoked.length, 1);
    answering({ statusCode: 404, body: 'gone' });
    assert.equal((await call('GET', '/owner/p/a', { accept: 'application/json' })).text, 'gone');
    answering({});
    assert.equal((await call('GET', '/owner/p/a', { accept: 'application/json' })).status, 204);
  });

  it('answers 202 if the action takes too long', async () => {
    outcome = () => ({ kind: 'accepted', activationId: ID });
    const answer = await call('GET', '/owner/p/a.json');
    assert.equal(answer.status, 202);
    assert.equal(error(answer), 'Response not yet ready.');
    assert.equal(answer.headers['x-openwhisk-activation-id'], ID);
  });

  it('sends the error of an application, and hides others', async () => {
    answering({ error: { statusCode: 418, body: 'no hello for you' } }, StatusCode.applicationError);
    const own = await call('GET', '/owner/p/a');
    assert.deepEqual([own.status, own.text], [418, 'no hello for you']);
    answering({ error: 'bad response type' }, StatusCode.applicationError);
    assert.equal(error(await call('GET', '/owner/p/a.json')), "Response is not valid 'application/json'.");
    for (const code of [StatusCode.developerError, StatusCode.whiskError]) {
      answering({ error: 'secret' }, code);
      const answer = await call('GET', '/owner/p/a.text');
      assert.equal(answer.status, 400);
      assert.equal(error(answer), 'There was an error processing your request.');
      assert.deepEqual(cors(answer), CORS);
      // It leads to the logs.
      assert.equal(answer.headers['x-openwhisk-activation-id'], ID);
    }
  });

  it('survives an invocation that fails', async () => {
    outcome = () => {
      throw new Error('secret');
    };
    const answer = await call('GET', '/owner/p/a');
    assert.equal(answer.status, 500);
    assert.equal(error(answer), 'There was an internal server error.');
  });

  it('hands on the color that the request asks for', async () => {
    await call('GET', '/owner/p/a.json', { 'X-OpenWhisk-Color': 'blue' });
    assert.equal(invoked.pop()?.color?.fromHeader, 'blue');
  });
});
