/*
 * Requests whose answers Apache OpenWhisk gave were recorded in `golden.json` (its commit 1fae641a2, the standalone server
 * built from source, default limits). A suite starts by deleting what it creates, so that it can be run again on the same
 * server. `setup` steps are sent but not compared. Steps are described in `replay.ts`.
 */
const NS = '/api/v1/namespaces/_';
const A = (n, q = '') => `${NS}/actions/${n}${q}`;
const P = (n, q = '') => `${NS}/packages/${n}${q}`;
const T = (n, q = '') => `${NS}/triggers/${n}${q}`;
const R = (n, q = '') => `${NS}/rules/${n}${q}`;
const nodejs = (code, extra = {}) => ({ exec: { kind: 'nodejs:20', code }, ...extra });
const get = (path, o = {}) => ({ name: o.name ?? `GET ${path}`, method: 'GET', path, ...o });
const put = (path, body, o = {}) => ({ name: o.name ?? `PUT ${path}`, method: 'PUT', path, body, ...o });
const post = (path, body, o = {}) => ({ name: o.name ?? `POST ${path}`, method: 'POST', path, body, ...o });
const del = (path, o = {}) => ({ name: o.name ?? `DELETE ${path}`, method: 'DELETE', path, ...o });
const clean = (...paths) => paths.map((p) => del(p, { name: `clean ${p}`, setup: true }));
const okNow = { retryMs: 120_000, until: (a) => a.status === 200 };
const status = { compare: 'status' };
const own = (prefix) => (body) =>
  Array.isArray(body) ? body.map((e) => e.name).filter((n) => n.startsWith(prefix)) : body;
const keysOf = (body) =>
  Array.isArray(body)
    ? [...new Set(body.flatMap((e) => Object.keys(e)))].sort()
    : body && typeof body === 'object'
      ? Object.keys(body).sort()
      : body;

const echo = 'function main(args) { return args; }';
const hello =
  "function main(args) { console.log('hello stdout'); console.error('hello stderr'); return { greeting: 'Hello ' + (args.name || 'stranger') + '!' }; }";

export const seed = { missing: '0123456789abcdef0123456789abcdef' };

const service = {
  name: 'service',
  steps: [
    get('/ping', { auth: 'none' }),
    get('/', { auth: 'none', name: 'GET / describes the service', pick: keysOf }),
    get('/api/v1', { auth: 'none', name: 'GET /api/v1 describes the API', pick: keysOf }),
    get('/api/v1/api-docs', { auth: 'none', ...status }),
    get('/api/v1/nothing', { ...status }),
    get(`${NS}/limits`, { name: 'GET limits of own namespace', pick: keysOf }),
    post(`${NS}/limits`, {}, { ...status, name: 'POST limits is not allowed' }),
  ],
};

const auth = {
  name: 'auth',
  steps: [
    get('/api/v1/namespaces', { name: 'own namespaces' }),
    get('/api/v1/namespaces', { name: 'no credentials', auth: 'none' }),
    get('/api/v1/namespaces', {
      name: 'wrong password',
      auth: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:wrongwrongwrongwrongwrongwrongwrongwrongwrongwrongwrongwrongwron',
    }),
    get('/api/v1/namespaces', {
      name: 'unknown user',
      auth: '00000000-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
    }),
    get('/api/v1/namespaces', { name: 'key that is not a key', auth: 'nonsense' }),
    get('/api/v1/namespaces', {
      name: 'bearer token is refused',
      auth: 'none',
      headers: { authorization: 'Bearer abc' },
    }),
    get('/api/v1/namespaces/_/actions', { name: 'no credentials on a collection', auth: 'none' }),
    get('/api/v1/namespaces/whisk.system/actions', { name: 'another namespace: list actions' }),
    put('/api/v1/namespaces/whisk.system/actions/intruder', nodejs(echo), { name: 'another namespace: create action' }),
    del('/api/v1/namespaces/whisk.system/actions/intruder', { name: 'another namespace: delete action' }),
    get('/api/v1/namespaces/whisk.system/activations', { name: 'another namespace: list activations' }),
    get('/api/v1/namespaces/nosuchnamespace/actions', { name: 'a namespace that does not exist: list actions' }),
    get('/api/v1/namespaces/guest/actions', { name: 'own namespace by its name', ...status }),
    get('/api/v1/namespaces/whisk.system/packages', { name: 'another namespace: list public packages', ...status }),
    get('/api/v1/namespaces/_/limits', { name: 'limits without credentials', auth: 'none' }),
  ],
};

const actions = {
  name: 'actions',
  steps: [
    ...clean(
      A('c_hello'),
      A('c_params'),
      A('c_final'),
      A('c_limits'),
      A('c_kind'),
      A('c_bb'),
      A('c_copy'),
      A('c main'),
      A('c_annot'),
    ),
    put(A('c_hello'), nodejs(hello), { name: 'create' }),
    put(A('c_hello'), nodejs(hello), { name: 'create again without overwrite' }),
    put(A('c_hello', '?overwrite=true'), nodejs(hello), { name: 'overwrite bumps the version' }),
    get(A('c_hello'), { name: 'get with code' }),
    get(A('c_hello', '?code=false'), { name: 'get without code' }),
    get(A('c_hello', '?code=true'), { name: 'get with code=true' }),
    get(A('c_missing'), { name: 'get one that does not exist' }),
    del(A('c_missing'), { name: 'delete one that does not exist' }),
    put(
      A('c_params'),
      nodejs(echo, {
        parameters: [
          { key: 'a', value: 1 },
          { key: 'b', value: { c: [true, null] } },
        ],
        annotations: [{ key: 'description', value: 'echoes' }],
      }),
      { name: 'create with parameters and annotations' },
    ),
    put(A('c_params', '?overwrite=true'), { parameters: [{ key: 'a', value: 2 }] }, { name: 'update parameters only' }),
    put(
      A('c_params', '?overwrite=true'),
      { annotations: [{ key: 'color', value: 'red' }] },
      { name: 'update annotations only' },
    ),
    put(A('c_params', '?overwrite=true'), { limits: { timeout: 30000 } }, { name: 'update one limit only' }),
    put(A('c_params', '?overwrite=true'), { version: '2.5.1' }, { name: 'update with an explicit version' }),
    put(A('c_params', '?overwrite=true'), { publish: true }, { name: 'update publish' }),
    put(A('c_params', '?overwrite=true'), { delAnnotations: ['color'] }, { name: 'remove one annotation' }),
    put(
      A('c_final'),
      nodejs(echo, { parameters: [{ key: 'a', value: 1 }], annotations: [{ key: 'final', value: true }] }),
      { name: 'create with final parameters' },
    ),
    put(A('c_limits'), nodejs(echo, { limits: { timeout: 10000, memory: 256, logs: 1, concurrency: 1 } }), {
      name: 'create with limits',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { timeout: 1 } }), {
      name: 'limits: timeout too short',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { timeout: 99999999 } }), {
      name: 'limits: timeout too long',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { memory: 1 } }), {
      name: 'limits: memory too small',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { memory: 999999 } }), {
      name: 'limits: memory too large',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { logs: 999 } }), { name: 'limits: logs too large' }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { concurrency: 0 } }), {
      name: 'limits: concurrency too small',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { concurrency: 9999 } }), {
      name: 'limits: concurrency too large',
    }),
    put(A('c_limits', '?overwrite=true'), nodejs(echo, { limits: { timeout: 'soon' } }), {
      name: 'limits: timeout of a wrong type',
    }),
    put(A('c_kind'), { exec: { kind: 'nosuchkind:1', code: echo } }, { name: 'kind that does not exist' }),
    put(A('c_kind'), { exec: { kind: 'nodejs:default', code: echo } }, { name: 'default kind is resolved' }),
    put(A('c_kind', '?overwrite=true'), { exec: { kind: 'nodejs:20' } }, { name: 'exec without code' }),
    put(A('c_kind', '?overwrite=true'), { exec: { kind: 'nodejs:20', code: '' } }, { name: 'exec with empty code' }),
    put(A('c_kind', '?overwrite=true'), { exec: {} }, { name: 'exec without kind' }),
    put(A('c_none'), {}, { name: 'create without exec' }),
    put(
      A('c_kind', '?overwrite=true'),
      { exec: { kind: 'nodejs:20', code: echo, main: 'other' } },
      { name: 'exec with main' },
    ),
    put(A('c_bb'), { exec: { kind: 'blackbox', image: 'someone/image:1.0' } }, { name: 'blackbox' }),
    put(
      A('c_bb', '?overwrite=true'),
      { exec: { kind: 'blackbox', image: 'bad image name' } },
      { name: 'blackbox with a bad image name' },
    ),
    put(A('c_bb', '?overwrite=true'), { exec: { kind: 'blackbox' } }, { name: 'blackbox without an image' }),
    get(A('c_bb'), { name: 'get a blackbox action' }),
    put(A('c_kind', '?overwrite=true'), '{"exec":', {
      name: 'body that is not JSON',
      headers: { 'content-type': 'application/json' },
    }),
    put(A('c_kind', '?overwrite=true'), '[]', {
      name: 'body that is an array',
      headers: { 'content-type': 'application/json' },
    }),
    put(A('c_kind', '?overwrite=true'), 'code', {
      name: 'body of another content type',
      headers: { 'content-type': 'text/plain' },
    }),
    put(A('bad!name$'), nodejs(echo), { name: 'name with characters that are not allowed' }),
    put(A('c%20main'), nodejs(echo), { name: 'name with a space inside' }),
    put(A('%20main'), nodejs(echo), { name: 'name with a space in front' }),
    put(A('x'.repeat(300)), nodejs(echo), { name: 'name that is too long' }),
    put(
      A('c_annot'),
      nodejs(echo, {
        annotations: [
          { key: 'web-export', value: true },
          { key: 'color', value: '{user}' },
        ],
      }),
      { name: 'web and color annotations' },
    ),
    put(A('c_annot', '?overwrite=true'), nodejs(echo, { annotations: [{ key: 'exec', value: 'forged' }] }), {
      name: "exec annotation is the system's",
    }),
    put(A('c_annot', '?overwrite=true'), nodejs(echo, { parameters: 'notalist' }), {
      name: 'parameters that are not a list',
    }),
    put(A('c_annot', '?overwrite=true'), nodejs(echo, { parameters: [{ value: 1 }] }), {
      name: 'a parameter without key',
    }),
    put(
      A('c_annot', '?overwrite=true'),
      nodejs(echo, {
        parameters: [
          { key: 'k', value: 1 },
          { key: 'k', value: 2 },
        ],
      }),
      { name: 'a parameter twice' },
    ),
    put(A('c_annot', '?overwrite=maybe'), nodejs(echo), { name: 'overwrite of a wrong type' }),
    get(NS + '/actions', { name: 'list', pick: own('c') }),
    get(NS + '/actions?limit=1', { name: 'list limit 1' }),
    get(NS + '/actions?limit=2&skip=1', { name: 'list limit and skip', pick: own('c') }),
    get(NS + '/actions?limit=0', { name: 'list limit 0', pick: (b) => (Array.isArray(b) ? b.length > 3 : b) }),
    get(NS + '/actions?limit=201', { name: 'list limit too large' }),
    get(NS + '/actions?limit=-1', { name: 'list limit negative' }),
    get(NS + '/actions?skip=-1', { name: 'list skip negative' }),
    get(NS + '/actions?limit=abc', { name: 'list limit of a wrong type' }),
    get(NS + '/actions?count=true', { name: 'list count', pick: keysOf }),
    del(A('c_hello'), { name: 'delete answers the action' }),
    get(A('c_hello'), { name: 'get after delete' }),
    post(A('c_hello'), {}, { name: 'invoke after delete' }),
    ...clean(
      A('c_params'),
      A('c_final'),
      A('c_limits'),
      A('c_kind'),
      A('c_bb'),
      A('c%20main'),
      A('c_annot'),
      A('c_none'),
    ),
  ],
};

const act = (a) => ({
  keys: keysOf(a),
  response: a?.response,
  name: a?.name,
  version: a?.version,
  namespace: a?.namespace,
  publish: a?.publish,
  annotations: a?.annotations,
  error: a?.error,
});
const invoke = {
  name: 'invoke',
  steps: [
    ...clean(
      A('i_hello'),
      A('i_echo'),
      A('i_err'),
      A('i_throw'),
      A('i_slow'),
      A('i_syntax'),
      A('i_null'),
      A('i_text'),
      A('i_array'),
      A('i_env'),
      A('i_final'),
      A('i_num'),
      A('i_big'),
      A('i_exit'),
      A('i_async'),
      A('i_log'),
      A('i_main'),
      A('i_nofn'),
    ),
    put(A('i_hello'), nodejs(hello), { name: 'create hello' }),
    post(A('i_hello', '?blocking=true&result=true'), { name: 'World' }, { name: 'blocking result' }),
    post(
      A('i_hello', '?blocking=true'),
      { name: 'World' },
      { name: 'blocking activation', pick: act, capture: { blocking: 'body.activationId' } },
    ),
    post(A('i_hello'), {}, { name: 'non-blocking is accepted', capture: { id: 'body.activationId' } }),
    get(`${NS}/activations/\${id}`, { name: 'its record', pick: act, ...okNow }),
    get(`${NS}/activations/\${id}/result`, { name: 'its result', ...okNow }),
    get(`${NS}/activations/\${id}/logs`, { name: 'its logs', ...status, ...okNow }),
    post(A('i_hello', '?blocking=true&result=true'), undefined, { name: 'no body' }),
    post(A('i_hello', '?blocking=true&result=true'), '"text"', {
      name: 'body that is a JSON string',
      headers: { 'content-type': 'application/json' },
    }),
    post(A('i_hello', '?blocking=true&result=true'), '[1,2]', {
      name: 'body that is a JSON array',
      headers: { 'content-type': 'application/json' },
    }),
    post(A('i_hello', '?blocking=true&result=true'), '{"a":', {
      name: 'body that is not JSON',
      headers: { 'content-type': 'application/json' },
    }),
    post(A('i_hello', '?blocking=perhaps'), {}, { name: 'blocking of a wrong type' }),
    post(A('i_none', '?blocking=true'), {}, { name: 'one that does not exist' }),
    put(
      A('i_echo'),
      nodejs(echo, {
        parameters: [
          { key: 'a', value: 'bound' },
          { key: 'b', value: 'bound' },
        ],
      }),
      { name: 'create echo', compare: 'status' },
    ),
    post(
      A('i_echo', '?blocking=true&result=true'),
      { b: 'given', c: 'given' },
      { name: 'given parameters override bound ones' },
    ),
    put(
      A('i_final'),
      nodejs(echo, { parameters: [{ key: 'a', value: 'bound' }], annotations: [{ key: 'final', value: true }] }),
      { name: 'create final', compare: 'status' },
    ),
    post(A('i_final', '?blocking=true&result=true'), { a: 'override' }, { name: 'final parameters on a plain invoke' }),
    put(A('i_err'), nodejs("function main() { return { error: { reason: 'mine', n: 1 } }; }"), {
      name: 'create err',
      compare: 'status',
    }),
    post(A('i_err', '?blocking=true&result=true'), {}, { name: 'application error: result' }),
    post(A('i_err', '?blocking=true'), {}, { name: 'application error: activation', pick: act }),
    put(A('i_throw'), nodejs("function main() { throw new Error('boom'); }"), {
      name: 'create throw',
      compare: 'status',
    }),
    post(
      A('i_throw', '?blocking=true'),
      {},
      {
        name: 'exception: activation',
        pick: (b) => ({
          status: b?.response?.status,
          success: b?.response?.success,
          keys: keysOf(b?.response?.result),
        }),
      },
    ),
    put(
      A('i_async'),
      nodejs(
        'function main(a) { return new Promise((res, rej) => setTimeout(() => a.fail ? rej({ code: 1 }) : res({ late: true }), 50)); }',
      ),
      { name: 'create async', compare: 'status' },
    ),
    post(A('i_async', '?blocking=true&result=true'), {}, { name: 'promise resolves' }),
    post(A('i_async', '?blocking=true&result=true'), { fail: true }, { name: 'promise rejects' }),
    put(A('i_syntax'), nodejs('function main( { return {}; }'), { name: 'create syntax error', compare: 'status' }),
    post(
      A('i_syntax', '?blocking=true'),
      {},
      {
        name: 'code that does not parse',
        pick: (b) => ({ status: b?.response?.status, success: b?.response?.success }),
      },
    ),
    put(A('i_nofn'), nodejs('const x = 1;'), { name: 'create without main', compare: 'status' }),
    post(
      A('i_nofn', '?blocking=true'),
      {},
      { name: 'code without main', pick: (b) => ({ status: b?.response?.status, success: b?.response?.success }) },
    ),
    put(
      A('i_main'),
      { exec: { kind: 'nodejs:20', code: 'function niam(a) { return { niam: true }; }', main: 'niam' } },
      { name: 'create with main', compare: 'status' },
    ),
    post(A('i_main', '?blocking=true&result=true'), {}, { name: 'function named by main' }),
    put(A('i_null'), nodejs('function main() { }'), { name: 'create null', compare: 'status' }),
    post(A('i_null', '?blocking=true'), {}, { name: 'nothing returned', pick: (b) => b?.response }),
    put(A('i_text'), nodejs("function main() { return 'text'; }"), { name: 'create text', compare: 'status' }),
    post(
      A('i_text', '?blocking=true'),
      {},
      { name: 'a string returned', pick: (b) => ({ status: b?.response?.status, success: b?.response?.success }) },
    ),
    put(A('i_array'), nodejs('function main() { return [1, { b: 2 }]; }'), { name: 'create array', compare: 'status' }),
    post(A('i_array', '?blocking=true&result=true'), {}, { name: 'an array returned' }),
    put(A('i_num'), nodejs('function main(a) { return { n: a.n, big: a.big, f: a.f }; }'), {
      name: 'create num',
      compare: 'status',
    }),
    post(A('i_num', '?blocking=true&result=true'), '{"n":1e3,"big":9007199254740991,"f":0.1}', {
      name: 'numbers',
      headers: { 'content-type': 'application/json' },
    }),
    put(
      A('i_env'),
      nodejs(
        "function main() { return { keys: Object.keys(process.env).filter((k) => k.startsWith('__OW_')).sort(), name: process.env.__OW_ACTION_NAME, ns: process.env.__OW_NAMESPACE, version: process.env.__OW_ACTION_VERSION, deadline: Number(process.env.__OW_DEADLINE) > Date.now(), id: /^[0-9a-f]{32}$/.test(process.env.__OW_ACTIVATION_ID) }; }",
      ),
      { name: 'create env', compare: 'status' },
    ),
    post(A('i_env', '?blocking=true&result=true'), {}, { name: 'environment of an action' }),
    put(
      A('i_env', '?overwrite=true'),
      { annotations: [{ key: 'provide-api-key', value: true }] },
      { name: 'ask for the API key', compare: 'status' },
    ),
    post(A('i_env', '?blocking=true&result=true'), {}, { name: 'environment with the API key' }),
    put(
      A('i_slow'),
      nodejs('function main(a) { return new Promise((r) => setTimeout(() => r({ done: true }), a.ms || 5000)); }', {
        limits: { timeout: 1000 },
      }),
      { name: 'create slow', compare: 'status' },
    ),
    post(
      A('i_slow', '?blocking=true'),
      {},
      {
        name: 'over its time limit',
        // The limit counts for the initialization, too: a busy machine may need several attempts.
        retryMs: 120_000,
        until: ({ body }) => !JSON.stringify(body).includes('initialization'),
        pick: (b) => ({ status: b?.response?.status, success: b?.response?.success, result: b?.response?.result }),
      },
    ),
    put(A('i_exit'), nodejs('function main() { process.exit(7); }'), { name: 'create exit', compare: 'status' }),
    post(
      A('i_exit', '?blocking=true'),
      {},
      {
        name: 'process exits while running',
        pick: (b) => ({ status: b?.response?.status, success: b?.response?.success }),
      },
    ),
    put(
      A('i_log'),
      nodejs(
        "function main() { for (let i = 0; i < 3; i++) console.log('line', i); console.log('ünïcödé ✓'); return {}; }",
      ),
      { name: 'create log', compare: 'status' },
    ),
    post(A('i_log'), {}, { name: 'invoke log', compare: 'status', capture: { logid: 'body.activationId' } }),
    get(`${NS}/activations/\${logid}/logs`, { name: 'log lines', ...okNow }),
    put(A('i_big'), nodejs("function main(a) { return { s: 'x'.repeat(a.n) }; }"), {
      name: 'create big',
      compare: 'status',
    }),
    post(
      A('i_big', '?blocking=true&result=true'),
      { n: 500000 },
      { name: 'half a megabyte of result', pick: (b) => b?.s?.length },
    ),
    post(
      A('i_big', '?blocking=true'),
      { n: 1500000 },
      {
        name: 'a result over the limit',
        pick: (b) => ({ status: b?.response?.status, success: b?.response?.success }),
      },
    ),
    post(A('i_big', '?blocking=true'), 'x'.repeat(1200000), {
      name: 'a body over the limit',
      headers: { 'content-type': 'application/json' },
      ...status,
    }),
    ...clean(
      A('i_hello'),
      A('i_echo'),
      A('i_err'),
      A('i_throw'),
      A('i_slow'),
      A('i_syntax'),
      A('i_null'),
      A('i_text'),
      A('i_array'),
      A('i_env'),
      A('i_final'),
      A('i_num'),
      A('i_big'),
      A('i_exit'),
      A('i_async'),
      A('i_log'),
      A('i_main'),
      A('i_nofn'),
    ),
  ],
};

const packages = {
  name: 'packages',
  steps: [
    ...clean(
      P('p_one/a'),
      A('p_one/hello'),
      A('p_one/second'),
      P('p_bind'),
      P('p_bind2'),
      P('p_one'),
      P('p_pub'),
      P('p_default'),
    ),
    put(
      P('p_one'),
      { parameters: [{ key: 'who', value: 'package' }], annotations: [{ key: 'description', value: 'one' }] },
      { name: 'create' },
    ),
    put(P('p_one'), {}, { name: 'create again without overwrite' }),
    get(P('p_one'), { name: 'get an empty one' }),
    put(A('p_one/hello'), nodejs(echo, { parameters: [{ key: 'own', value: 1 }] }), { name: 'create an action in it' }),
    put(A('p_nosuch/hello'), nodejs(echo), { name: 'create an action in a package that does not exist' }),
    get(P('p_one'), { name: 'get with its action' }),
    get(A('p_one/hello'), { name: 'get the action' }),
    get(A('p_one/'), { name: "list the package's actions" }),
    post(
      A('p_one/hello', '?blocking=true&result=true'),
      { given: true },
      { name: 'invoke merges package, action and given parameters' },
    ),
    post(A('p_one/hello', '?blocking=true'), {}, { name: 'activation of a packaged action', pick: act }),
    del(P('p_one'), { name: 'delete one that is not empty' }),
    put(
      P('p_bind'),
      { binding: { namespace: '_', name: 'p_one' }, parameters: [{ key: 'who', value: 'binding' }] },
      { name: 'bind' },
    ),
    put(P('p_bind2'), { binding: { namespace: '_', name: 'p_bind' } }, { name: 'bind a binding' }),
    put(
      P('p_bind3'),
      { binding: { namespace: '_', name: 'p_nosuch' } },
      { name: 'bind a package that does not exist' },
    ),
    get(P('p_bind'), { name: 'get the binding' }),
    get(A('p_bind/hello'), { name: 'get an action through the binding' }),
    post(A('p_bind/hello', '?blocking=true&result=true'), { given: true }, { name: 'invoke through the binding' }),
    post(A('p_bind/hello', '?blocking=true'), {}, { name: 'activation through the binding', pick: act }),
    put(A('p_bind/other'), nodejs(echo), { name: 'create an action in a binding' }),
    put(P('p_one', '?overwrite=true'), { publish: true }, { name: 'publish' }),
    put(
      P('p_one', '?overwrite=true'),
      { parameters: [{ key: 'who', value: 'changed' }] },
      { name: 'update parameters' },
    ),
    put(
      P('p_one', '?overwrite=true'),
      { binding: { namespace: '_', name: 'p_bind' } },
      { name: 'turn a package into a binding' },
    ),
    get(NS + '/packages', {
      name: 'list',
      pick: (b) =>
        Array.isArray(b) ? b.filter((e) => e.name.startsWith('p_')).map((e) => [e.name, e.publish, e.binding]) : b,
    }),
    get(NS + '/packages?limit=1', { name: 'list keys', pick: keysOf }),
    get(P('p_missing'), { name: 'get one that does not exist' }),
    put(P('default'), {}, { name: 'the reserved name' }),
    put(P('p_bad name!'), {}, { name: 'bad name' }),
    del(A('p_one/hello'), { name: 'delete the action' }),
    del(P('p_bind'), { name: 'delete the binding' }),
    del(P('p_one'), { name: 'delete' }),
    get('/api/v1/namespaces/whisk.system/packages/p_nosuch', {
      name: 'a package of another namespace that does not exist',
    }),
    post(P('p_one'), {}, { name: 'POST is not for packages', ...status }),
  ],
};

const trecord = (b) => ({
  keys: keysOf(b),
  name: b?.name,
  logs: Array.isArray(b?.logs)
    ? b.logs.map((l) => {
        try {
          const j = JSON.parse(l);
          return { ...j, activationId: j.activationId ? '<id>' : undefined };
        } catch {
          return String(l)
            .replace(/[0-9a-f]{32}/g, '<id>')
            .replace(/^\S+Z/, '<time>');
        }
      })
    : b?.logs,
  response: b?.response,
});
const rules = {
  name: 'triggers and rules',
  steps: [
    ...clean(
      R('r_rule'),
      R('r_rule2'),
      R('r_bad'),
      T('r_trigger'),
      T('r_other'),
      T('r_feed'),
      A('r_action'),
      A('r_action2'),
    ),
    put(T('r_trigger'), { parameters: [{ key: 'city', value: 'Paris' }] }, { name: 'create trigger' }),
    put(T('r_trigger'), {}, { name: 'create trigger again' }),
    get(T('r_trigger'), { name: 'get trigger' }),
    post(T('r_trigger'), {}, { name: 'fire a trigger without rules' }),
    put(A('r_action'), nodejs(echo), { name: 'create action', compare: 'status' }),
    put(R('r_rule'), { trigger: '/_/r_trigger', action: '/_/r_action' }, { name: 'create rule' }),
    put(R('r_rule'), { trigger: '/_/r_trigger', action: '/_/r_action' }, { name: 'create rule again' }),
    get(R('r_rule'), { name: 'get rule' }),
    get(T('r_trigger'), { name: 'trigger lists its rule' }),
    post(T('r_trigger'), { n: 1 }, { name: 'fire', capture: { tid: 'body.activationId' } }),
    get(`${NS}/activations/\${tid}`, { name: 'trigger record names rule and action', pick: trecord, ...okNow }),
    get(`${NS}/activations?name=r_action&limit=1&docs=true`, {
      name: 'action was invoked by the rule',
      retryMs: 120_000,
      until: (a) => a.body?.length > 0,
      pick: (b) => (b?.[0] ? { response: b[0].response, cause: typeof b[0].cause } : b),
    }),
    post(R('r_rule'), { status: 'inactive' }, { name: 'deactivate' }),
    get(R('r_rule'), { name: 'get inactive rule' }),
    post(R('r_rule'), { status: 'inactive' }, { name: 'deactivate twice' }),
    post(T('r_trigger'), {}, { name: 'fire with its rule inactive' }),
    post(R('r_rule'), { status: 'active' }, { name: 'activate' }),
    post(R('r_rule'), { status: 'sleepy' }, { name: 'a state that does not exist' }),
    post(R('r_rule'), {}, { name: 'no state' }),
    put(A('r_action2'), nodejs(echo), { name: 'create action 2', compare: 'status' }),
    put(
      R('r_rule', '?overwrite=true'),
      { trigger: '/_/r_trigger', action: '/_/r_action2' },
      { name: 'point the rule to another action' },
    ),
    put(
      R('r_bad'),
      { trigger: '/_/r_nosuch', action: '/_/r_action' },
      { name: 'rule on a trigger that does not exist' },
    ),
    put(
      R('r_bad'),
      { trigger: '/_/r_trigger', action: '/_/r_nosuch' },
      { name: 'rule on an action that does not exist' },
    ),
    put(R('r_bad'), { trigger: '/_/r_trigger' }, { name: 'rule without an action' }),
    put(R('r_bad'), {}, { name: 'rule without anything' }),
    put(
      R('r_bad'),
      { trigger: 'r_trigger', action: 'r_action' },
      { name: 'rule with names that are not qualified', ...status },
    ),
    del(A('r_action2'), { name: 'delete the action under a rule', compare: 'status' }),
    post(
      T('r_trigger'),
      {},
      { name: "fire with the rule's action gone", compare: 'status', capture: { gid: 'body.activationId' } },
    ),
    del(T('r_trigger'), { name: 'delete the trigger under a rule', compare: 'status' }),
    get(R('r_rule'), { name: 'rule whose trigger is gone' }),
    post(R('r_rule'), { status: 'active' }, { name: 'activate a rule whose trigger is gone' }),
    get(NS + '/rules', { name: 'list rules', pick: own('r_') }),
    get(NS + '/rules?limit=1', { name: 'rule list keys', pick: keysOf }),
    del(R('r_rule'), { name: 'delete rule' }),
    get(R('r_rule'), { name: 'get a deleted rule' }),
    put(
      T('r_feed'),
      { annotations: [{ key: 'feed', value: '/whisk.system/alarms/alarm' }] },
      { name: 'trigger with a feed annotation' },
    ),
    get(NS + '/triggers', { name: 'list triggers', pick: own('r_') }),
    get(NS + '/triggers?limit=1', { name: 'trigger list keys', pick: keysOf }),
    put(T('r_feed', '?overwrite=true'), { parameters: [{ key: 'x', value: 1 }] }, { name: 'update trigger' }),
    post(T('r_missing'), {}, { name: 'fire one that does not exist' }),
    del(T('r_feed'), { name: 'delete trigger' }),
    del(T('r_feed'), { name: 'delete trigger again' }),
    ...clean(A('r_action')),
  ],
};

const sequences = {
  name: 'sequences',
  steps: [
    ...clean(A('s_seq'), A('s_outer'), A('s_rec'), A('s_inc'), A('s_double'), A('s_fail')),
    put(A('s_inc'), nodejs('function main(a) { return { n: (a.n || 0) + 1 }; }'), {
      name: 'create inc',
      compare: 'status',
    }),
    put(A('s_double'), nodejs('function main(a) { return { n: a.n * 2 }; }'), {
      name: 'create double',
      compare: 'status',
    }),
    put(A('s_fail'), nodejs("function main(a) { return { error: 'stop' }; }"), {
      name: 'create fail',
      compare: 'status',
    }),
    put(A('s_seq'), { exec: { kind: 'sequence', components: ['/_/s_inc', '/_/s_double'] } }, { name: 'create' }),
    get(A('s_seq'), { name: 'get' }),
    post(A('s_seq', '?blocking=true&result=true'), { n: 3 }, { name: 'result' }),
    post(
      A('s_seq', '?blocking=true'),
      { n: 3 },
      {
        name: 'activation',
        pick: (b) => ({
          keys: keysOf(b),
          response: b?.response,
          annotations: b?.annotations,
          logs: Array.isArray(b?.logs) ? b.logs.length : b?.logs,
        }),
        capture: { sid: 'body.activationId', first: 'body.logs.0' },
      },
    ),
    get(`${NS}/activations/\${sid}`, {
      name: 'its record',
      pick: (b) => ({ keys: keysOf(b), logs: b?.logs?.length, annotations: b?.annotations }),
      ...okNow,
    }),
    get(`${NS}/activations/\${first}`, {
      name: 'the record of its first component',
      pick: (b) => ({ keys: keysOf(b), response: b?.response, annotations: b?.annotations }),
      ...okNow,
    }),
    post(A('s_seq'), { n: 1 }, { name: 'non-blocking' }),
    put(
      A('s_outer'),
      { exec: { kind: 'sequence', components: ['/_/s_seq', '/_/s_inc'] } },
      { name: 'a sequence in a sequence' },
    ),
    post(A('s_outer', '?blocking=true&result=true'), { n: 3 }, { name: 'its result' }),
    put(
      A('s_seq', '?overwrite=true'),
      { exec: { kind: 'sequence', components: ['/_/s_inc', '/_/s_fail', '/_/s_double'] } },
      { name: 'with a component that fails', compare: 'status' },
    ),
    post(
      A('s_seq', '?blocking=true'),
      { n: 3 },
      { name: 'stops at the failure', pick: (b) => ({ response: b?.response, logs: b?.logs?.length }) },
    ),
    put(A('s_rec'), { exec: { kind: 'sequence', components: ['/_/s_rec'] } }, { name: 'itself as its component' }),
    put(
      A('s_inc2'),
      { exec: { kind: 'sequence', components: ['/_/s_nosuch'] } },
      { name: 'a component that does not exist' },
    ),
    put(A('s_inc2'), { exec: { kind: 'sequence', components: [] } }, { name: 'no components' }),
    put(A('s_inc2'), { exec: { kind: 'sequence' } }, { name: 'components left out' }),
    put(
      A('s_inc2'),
      { exec: { kind: 'sequence', components: ['s_inc'] } },
      { name: 'a component name that is not qualified' },
    ),
    put(
      A('s_inc2'),
      { exec: { kind: 'sequence', components: Array(60).fill('/_/s_inc') } },
      { name: 'more components than allowed' },
    ),
    put(
      A('s_seq', '?overwrite=true'),
      { exec: { kind: 'sequence', components: ['/_/s_outer'] } },
      { name: 'a cycle by update' },
    ),
    put(A('s_seq', '?overwrite=true'), { limits: { timeout: 1000 } }, { name: 'limits on a sequence', ...status }),
    del(A('s_inc'), { name: 'delete a component', compare: 'status' }),
    post(
      A('s_outer', '?blocking=true'),
      { n: 3 },
      { name: 'invoke with a component gone', pick: (b) => ({ error: b?.error, response: b?.response }) },
    ),
    ...clean(A('s_seq'), A('s_outer'), A('s_double'), A('s_fail'), A('s_rec'), A('s_inc2')),
  ],
};

const W = (n) => `/api/v1/web/guest/${n}`;
const pub = { auth: 'none' };
const web = {
  name: 'web actions',
  steps: [
    ...clean(
      A('w_echo'),
      A('w_http'),
      A('w_raw'),
      A('w_auth'),
      A('w_key'),
      A('w_plain'),
      A('w_err'),
      A('w_cors'),
      A('w_html'),
      A('w_text'),
      A('w_bin'),
      A('wp/echo'),
      P('wp'),
    ),
    put(
      A('w_echo'),
      nodejs(
        "function main(a) { const h = a.__ow_headers || {}; return { body: { method: a.__ow_method, path: a.__ow_path, q: a.q, b: a.b, custom: h['x-in'], user: a.__ow_user, query: a.__ow_query, raw: a.__ow_body, keys: Object.keys(a).sort() } }; }",
        { annotations: [{ key: 'web-export', value: true }] },
      ),
      { name: 'create echo' },
    ),
    get(W('default/w_echo?q=1'), { ...pub, name: 'GET' }),
    get(W('default/w_echo.http?q=1'), { ...pub, name: 'GET .http' }),
    get(W('default/w_echo.json?q=1'), { ...pub, name: 'GET .json' }),
    get(W('default/w_echo/some/path?q=1'), { ...pub, name: 'GET with a path behind' }),
    post(W('default/w_echo'), { b: { deep: 1 } }, { ...pub, name: 'POST JSON', headers: { 'x-in': 'yes' } }),
    post(W('default/w_echo'), 'q=form&b=2', {
      ...pub,
      name: 'POST a form',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
    post(W('default/w_echo'), 'plain text', { ...pub, name: 'POST text', headers: { 'content-type': 'text/plain' } }),
    put(W('default/w_echo'), { b: 1 }, { ...pub, name: 'PUT' }),
    { name: 'PATCH', method: 'PATCH', path: W('default/w_echo'), body: { b: 1 }, ...pub },
    del(W('default/w_echo'), { ...pub, name: 'DELETE' }),
    { name: 'HEAD', method: 'HEAD', path: W('default/w_echo'), ...pub },
    {
      name: 'OPTIONS',
      method: 'OPTIONS',
      path: W('default/w_echo'),
      ...pub,
      headers: { origin: 'http://x.example', 'access-control-request-headers': 'x-a' },
    },
    get(W('default/w_missing'), { ...pub, name: 'one that does not exist' }),
    get('/api/v1/web/nosuchns/default/w_echo', { ...pub, name: 'a namespace that does not exist' }),
    put(A('w_plain'), nodejs(echo), { name: 'create one that is not exported', compare: 'status' }),
    get(W('default/w_plain'), { ...pub, name: 'one that is not exported' }),
    put(
      A('w_http'),
      nodejs(
        "function main(a) { if (a.mode === 'redirect') return { statusCode: 302, headers: { location: 'http://example.org/' } }; if (a.mode === 'cookies') return { headers: { 'Set-Cookie': ['a=1', 'b=2'] }, body: 'x' }; if (a.mode === 'status') return { statusCode: 418, body: { teapot: true } }; if (a.mode === 'empty') return {}; if (a.mode === 'base64') return { headers: { 'content-type': 'image/png' }, body: 'iVBORw0KGgo=' }; if (a.mode === 'error') return { error: { statusCode: 400, headers: { 'x-custom': 'e' }, body: 'bad thing' } }; if (a.mode === 'plainerror') return { error: 'oops' }; if (a.mode === 'badstatus') return { statusCode: 'teapot', body: 'x' }; if (a.mode === 'xml') return { headers: { 'content-type': 'text/xml' }, body: '<a/>' }; if (a.mode === 'custom') return { headers: { 'X-Custom': 'v' }, body: 'plain' }; return { body: '<b>html</b>' }; }",
        { annotations: [{ key: 'web-export', value: true }] },
      ),
      { name: 'create http', compare: 'status' },
    ),
    ...[
      'none',
      'redirect',
      'cookies',
      'status',
      'empty',
      'base64',
      'error',
      'plainerror',
      'badstatus',
      'xml',
      'custom',
    ].map((m) => get(W(`default/w_http?mode=${m}`), { ...pub, name: `http response: ${m}` })),
    put(
      A('w_text'),
      nodejs(
        "function main(a) { return { text: 'words', html: '<i>x</i>', json: { a: 1 }, nested: { deep: 'value' }, svg: '<svg/>' }; }",
        { annotations: [{ key: 'web-export', value: true }] },
      ),
      { name: 'create text', compare: 'status' },
    ),
    ...[
      'w_text.text/text',
      'w_text.html/html',
      'w_text.json/json',
      'w_text.json/nested/deep',
      'w_text.json',
      'w_text.text/nosuch',
      'w_text.svg/svg',
      'w_text.exe',
      'w_text.text',
    ].map((p) => get(W(`default/${p}`), { ...pub, name: `projection ${p}` })),
    put(
      A('w_raw'),
      nodejs(
        'function main(a) { return { body: { body: a.__ow_body, query: a.__ow_query, keys: Object.keys(a).sort() } }; }',
        {
          annotations: [
            { key: 'web-export', value: true },
            { key: 'raw-http', value: true },
            { key: 'final', value: true },
          ],
        },
      ),
      { name: 'create raw', compare: 'status' },
    ),
    post(W('default/w_raw?q=1&q=2'), { b: 1 }, { ...pub, name: 'raw JSON' }),
    post(W('default/w_raw'), 'plain', { ...pub, name: 'raw text', headers: { 'content-type': 'text/plain' } }),
    get(W('default/w_raw'), { ...pub, name: 'raw GET' }),
    put(
      A('w_auth'),
      nodejs(echo, {
        annotations: [
          { key: 'web-export', value: true },
          { key: 'require-whisk-auth', value: true },
        ],
      }),
      { name: 'create one that requires credentials', compare: 'status' },
    ),
    get(W('default/w_auth.json'), { ...pub, name: 'credentials required, none given' }),
    get(W('default/w_auth.json'), {
      name: 'credentials required, given',
      pick: (b) => (b && typeof b === 'object' ? { user: b.__ow_user, keys: Object.keys(b).sort() } : b),
    }),
    put(
      A('w_key'),
      nodejs("function main() { return { body: 'in' }; }", {
        annotations: [
          { key: 'web-export', value: true },
          { key: 'require-whisk-auth', value: 'sesame' },
        ],
      }),
      { name: 'create one that requires a token', compare: 'status' },
    ),
    get(W('default/w_key'), { ...pub, name: 'token required, none given' }),
    get(W('default/w_key'), { ...pub, name: 'token required, wrong', headers: { 'x-require-whisk-auth': 'no' } }),
    get(W('default/w_key'), { ...pub, name: 'token required, right', headers: { 'x-require-whisk-auth': 'sesame' } }),
    put(
      A('w_cors'),
      nodejs("function main(a) { return { headers: { 'x-custom': a.__ow_method }, body: 'own' }; }", {
        annotations: [
          { key: 'web-export', value: true },
          { key: 'web-custom-options', value: true },
        ],
      }),
      { name: 'create custom options', compare: 'status' },
    ),
    { name: 'custom OPTIONS', method: 'OPTIONS', path: W('default/w_cors'), ...pub },
    put(
      A('w_echo', '?overwrite=true'),
      { parameters: [{ key: 'q', value: 'bound' }] },
      { name: 'bind a parameter', compare: 'status' },
    ),
    get(W('default/w_echo?q=override'), { ...pub, name: 'web parameters are final' }),
    get(W('default/w_echo?__ow_method=forged'), { ...pub, name: 'reserved parameters are refused' }),
    put(P('wp'), { parameters: [{ key: 'pkg', value: 1 }] }, { name: 'create package', compare: 'status' }),
    put(
      A('wp/echo'),
      nodejs('function main(a) { return { body: { pkg: a.pkg } }; }', {
        annotations: [{ key: 'web-export', value: true }],
      }),
      { name: 'create packaged', compare: 'status' },
    ),
    get(W('wp/echo'), { ...pub, name: 'in a package' }),
    put(
      A('w_err'),
      nodejs("function main() { throw new Error('x'); }", { annotations: [{ key: 'web-export', value: true }] }),
      { name: 'create err', compare: 'status' },
    ),
    get(W('default/w_err'), { ...pub, name: 'exception' }),
    get(W('default/w_err.json'), { ...pub, name: 'exception .json' }),
    ...clean(
      A('w_echo'),
      A('w_http'),
      A('w_raw'),
      A('w_auth'),
      A('w_key'),
      A('w_plain'),
      A('w_err'),
      A('w_cors'),
      A('w_text'),
      A('wp/echo'),
      P('wp'),
    ),
  ],
};

const activations = {
  name: 'activations',
  steps: [
    ...clean(A('v_one'), A('v_two'), A('vp/one'), P('vp')),
    put(A('v_one'), nodejs('function main(a) { return { i: a.i }; }'), { name: 'create', compare: 'status' }),
    put(P('vp'), {}, { name: 'create package', compare: 'status' }),
    put(A('vp/one'), nodejs('function main(a) { return { p: a.i }; }'), { name: 'create packaged', compare: 'status' }),
    ...[1, 2, 3].map((i) =>
      post(
        A('v_one', '?blocking=true'),
        { i },
        { name: `invoke ${i}`, compare: 'status', capture: { [`v${i}`]: 'body.activationId' } },
      ),
    ),
    post(
      A('vp/one', '?blocking=true'),
      { i: 9 },
      { name: 'invoke packaged', compare: 'status', capture: { vp: 'body.activationId' } },
    ),
    get(`${NS}/activations/\${v3}`, { name: 'record', ...okNow }),
    get(`${NS}/activations/\${vp}`, { name: 'packaged record', ...okNow }),
    get(`${NS}/activations?name=v_one&limit=3`, {
      name: 'list by name',
      retryMs: 120_000,
      until: (a) => a.body?.length === 3,
    }),
    get(`${NS}/activations?name=v_one&limit=3&docs=true`, {
      name: 'list by name with docs',
      pick: (b) => (Array.isArray(b) ? b.map((e) => ({ keys: keysOf(e), result: e.response?.result })) : b),
    }),
    get(`${NS}/activations?name=v_one&limit=2&skip=1&docs=true`, {
      name: 'list with skip',
      pick: (b) => (Array.isArray(b) ? b.map((e) => e.response?.result) : b),
    }),
    get(`${NS}/activations?name=vp/one&limit=1`, {
      name: 'list by packaged name',
      retryMs: 120_000,
      until: (a) => a.body?.length === 1,
      pick: (b) => (Array.isArray(b) ? b.map((e) => [e.name, keysOf(e)]) : b),
    }),
    get(`${NS}/activations?limit=1`, { name: 'list', pick: (b) => (Array.isArray(b) ? keysOf(b) : b) }),
    get(`${NS}/activations?name=v_one&count=true&since=0`, { name: 'count', pick: keysOf }),
    get(`${NS}/activations?name=v_one&since=99999999999999`, { name: 'since the far future' }),
    get(`${NS}/activations?name=v_one&upto=1`, { name: 'up to the far past' }),
    get(`${NS}/activations?since=abc`, { name: 'since of a wrong type' }),
    get(`${NS}/activations?limit=201`, { name: 'limit too large' }),
    get(`${NS}/activations?limit=-1`, { name: 'limit negative' }),
    get(`${NS}/activations?name=a/b/c`, { name: 'name with too many parts', ...status }),
    get(`${NS}/activations/\${missing}`, { name: 'one that does not exist' }),
    get(`${NS}/activations/\${missing}/logs`, { name: 'logs of one that does not exist' }),
    get(`${NS}/activations/\${missing}/result`, { name: 'result of one that does not exist' }),
    get(`${NS}/activations/tooshort`, { name: 'an id that is too short' }),
    get(`${NS}/activations/${'z'.repeat(32)}`, { name: 'an id with characters that are not allowed' }),
    get(`${NS}/activations/${'a'.repeat(40)}`, { name: 'an id that is too long' }),
    get(`${NS}/activations/\${v3}/nothing`, { name: 'a part that does not exist', ...status }),
    put(`${NS}/activations/\${v3}`, {}, { name: 'PUT is not allowed', ...status }),
    del(`${NS}/activations/\${v3}`, { name: 'DELETE is not allowed', ...status }),
    ...clean(A('v_one'), A('vp/one'), P('vp')),
  ],
};

export const suites = [service, auth, actions, invoke, packages, rules, sequences, web, activations];
