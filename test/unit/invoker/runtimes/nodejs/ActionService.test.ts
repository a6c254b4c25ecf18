import assert from 'node:assert/strict';
import { loadAction } from '../../../../../invoker/runtimes/nodejs/action.js';
import { ActionEnvironment } from '../../../../../invoker/runtimes/nodejs/environment.js';
import { ActionService, type Reply as FullReply } from '../../../../../invoker/runtimes/nodejs/ActionService.js';
import { loadedText } from '../../../../../invoker/runtimes/nodejs/text.js';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

interface Started {
  readonly service: Record<'init' | 'run', (body: Record<string, unknown>) => Promise<Reply>>;
  readonly environment: Record<string, string | undefined>;
  readonly logged: unknown[][];
  readonly ended: () => number;
  readonly init: (code: string, more?: Record<string, unknown>) => Promise<Reply>;
}

function start(concurrent = false): Started {
  const environment = new ActionEnvironment({});
  const logged: unknown[][] = [];
  let ended = 0;
  const inner = new ActionService({
    concurrent,
    environment,
    load: loadAction,
    textOf: loadedText,
    log: (...values) => void logged.push(values),
    endLogs: () => void (ended += 1),
  });
  const plain = ({ status, body }: FullReply): Reply => ({ status, body });
  const service = {
    init: async (body: Record<string, unknown>) => plain(await inner.init(body)),
    run: async (body: Record<string, unknown>) => plain(await inner.run(body)),
  };
  return {
    service,
    environment: environment.seen,
    logged,
    ended: () => ended,
    init: (code, more) => service.init({ value: { name: 'a', main: 'main', code, binary: false, ...more } }),
  };
}

async function runOnce(code: string, args: unknown = {}, more?: Record<string, unknown>): Promise<Reply> {
  const { service, init } = start();
  assert.deepEqual(await init(code, more), { status: 200, body: { OK: true } });
  return service.run({ value: args });
}

describe('the Node.js runtime', () => {
  it('answers with the result of the action', async () => {
    assert.deepEqual(await runOnce('function main(a) { return { got: a } }', { x: 1 }), {
      status: 200,
      body: { got: { x: 1 } },
    });
  });

  const results: ReadonlyArray<readonly [string, string, Reply]> = [
    ['nothing', 'function main() {}', { status: 200, body: {} }],
    ['null', 'const main = () => null', { status: 200, body: null }],
    ['an array', 'const main = () => [1, { a: 2 }]', { status: 200, body: [1, { a: 2 }] }],
    ['a promise', 'const main = async () => ({ a: 1 })', { status: 200, body: { a: 1 } }],
    ['a promise of nothing', 'const main = async () => {}', { status: 200, body: {} }],
    [
      '{ error }',
      'const main = () => ({ error: { statusCode: 404 } })',
      { status: 200, body: { error: { statusCode: 404 } } },
    ],
    ['a rejection with nothing', 'const main = () => Promise.reject()', { status: 200, body: { error: {} } }],
    ['a rejection with text', 'const main = () => Promise.reject("no")', { status: 200, body: { error: 'no' } }],
    [
      'a rejection with data',
      'const main = () => Promise.reject({ a: { b: 1 }, f() {} })',
      { status: 200, body: { error: { a: { b: 1 } } } },
    ],
    ['text', 'const main = () => "x"', { status: 502, body: { error: 'The action did not return a dictionary.' } }],
    ['a number', 'const main = () => 1', { status: 502, body: { error: 'The action did not return a dictionary.' } }],
    [
      'a function',
      'const main = () => main',
      { status: 502, body: { error: 'The action did not return a dictionary.' } },
    ],
  ];
  for (const [what, code, reply] of results) {
    it(`answers an action that gives ${what}`, async () => assert.deepEqual(await runOnce(code), reply));
  }

  it('tells of an error that a promise was rejected with', async () => {
    const { body } = await runOnce(
      'const main = async () => { throw Object.assign(new TypeError("no"), { code: "E1", statusCode: 400 }) }',
    );
    const { error } = body as { error: Record<string, unknown> };
    const { stack, ...rest } = error;
    assert.deepEqual(rest, { name: 'TypeError', message: 'no', code: 'E1', statusCode: 400 });
    assert.match(String(stack), /^TypeError: no\n\s+at main \(.*action\.js:1:/);
  });

  it('continues after an invalid result', async () => {
    const { service, init, logged } = start();
    await init('const main = ({ x }) => x');
    assert.equal((await service.run({ value: { x: 'text' } })).status, 502);
    assert.deepEqual(logged, [['Result must be of type object but has type "string":', 'text']]);
    assert.deepEqual(await service.run({ value: { x: { ok: true } } }), { status: 200, body: { ok: true } });
  });

  it('stops for good after an action that throws', async () => {
    const { service, init, ended } = start();
    await init('function main() { throw new Error("oops") }');
    assert.deepEqual(await service.run({ value: {} }), {
      status: 502,
      body: { error: 'An error has occurred: Error: oops' },
    });
    assert.equal(ended(), 1);
    assert.deepEqual(await service.run({ value: {} }), {
      status: 403,
      body: { error: 'System not ready, status is stopped.' },
    });
  });

  it('finds the function by name, nested, and exported', async () => {
    const cases: ReadonlyArray<readonly [code: string, main: string]> = [
      ['function niam() { return { ok: 1 } }', 'niam'],
      ['const a = { b: { c: () => ({ ok: 1 }) } }', 'a.b.c'],
      ['exports.main = () => ({ ok: 1 })', 'main'],
      ['module.exports = { main: () => ({ ok: 1 }) }', 'main'],
      ['exports.a = { b: () => ({ ok: 1 }) }', 'a.b'],
      ['function main() { return { ok: 1 } } // last line is a comment', 'main'],
      ['"use strict"; function main() { return { ok: this === undefined ? 1 : 2 } }', 'main'],
      ['const { join } = require("path"); const main = () => ({ ok: join("a", "b") === "a/b" ? 1 : 0 })', 'main'],
      ['const main = async () => ({ ok: (await import("node:path")).sep === "/" ? 1 : 0 })', 'main'],
      ['return function () { return { ok: 1 } }', 'main'],
      ['undeclared = 1; function main() { return { ok: undeclared } }', 'main'],
    ];
    for (const [code, main] of cases) assert.deepEqual((await runOnce(code, {}, { main })).body, { ok: 1 }, code);
  });

  const failing: ReadonlyArray<readonly [string, string, RegExp]> = [
    [
      'does not parse',
      'function main( {',
      /^Initialization has failed due to: SyntaxError: Unexpected end of input\n\s+at .*action\.js:1:17\n  1 \| function main\( \{\n    \|                 \^$/,
    ],
    ['throws', 'throw new Error("early")', /^Initialization has failed due to: Error: early\n\s+at .*action\.js:1/],
    ['throws text', 'throw "early"', /^Initialization has failed due to: early$/],
    [
      'has no such function',
      'const x = 1',
      /^Initialization has failed due to: Action entrypoint 'main' is not a function\. Define or export a function 'main'/,
    ],
    ['refers to what is not there', 'missing(); function main() {}', /ReferenceError: missing is not defined/],
  ];
  for (const [what, code, message] of failing) {
    it(`tells of code that ${what}, and ends its logs`, async () => {
      const { service, init, ended, logged } = start();
      const { status, body } = await init(code);
      assert.equal(status, 502);
      assert.match((body as { error: string }).error, message);
      assert.equal(ended(), 1);
      assert.equal(logged[0]?.[0], 'Error during initialization:');
      assert.equal((await init('function main() {}')).status, 403);
      assert.deepEqual((await service.run({})).body, { error: 'System not initialized.' });
    });
  }

  it('is initialized once', async () => {
    const { init, ended } = start();
    await init('function main() {}');
    assert.deepEqual(await init('function main() {}'), {
      status: 403,
      body: { error: 'Cannot initialize the action more than once.' },
    });
    assert.equal(ended(), 0);
  });

  it('wants code and main, and may be asked again', async () => {
    const { service, init } = start();
    const refusal = { status: 403, body: { error: 'Missing main/no code to execute.' } };
    assert.deepEqual(await service.init({}), refusal);
    assert.deepEqual(await init(''), refusal);
    assert.deepEqual(await init('x', { main: '' }), refusal);
    assert.deepEqual(await init('x', { main: 5 }), refusal);
    assert.equal((await init('function main() {}')).status, 200);
  });

  it('sets the variables of the initialization before the code is loaded', async () => {
    const { environment, init } = start();
    await init('function main() {}', { env: { A: 'a', N: 5, T: true, F: false, Z: 0, O: { b: [1] }, U: null } });
    assert.deepEqual(environment, { A: 'a', N: '5', T: 'true', F: '', Z: '', O: '{"b":[1]}', U: '' });
  });

  it('sets the variables of each run, from text only', async () => {
    const { service, environment, init } = start();
    await init('function main() {}');
    await service.run({ value: {}, activation_id: 'x', namespace: 'guest', deadline: '123', n: 5, nothing: null });
    assert.deepEqual(environment, { __OW_ACTIVATION_ID: 'x', __OW_NAMESPACE: 'guest', __OW_DEADLINE: '123' });
  });

  it('takes arrays and no arguments, and nothing else', async () => {
    const { service, init } = start();
    await init('const main = (a) => ({ a })');
    assert.deepEqual((await service.run({ value: [1] })).body, { a: [1] });
    assert.deepEqual((await service.run({})).body, { a: {} });
    assert.deepEqual(await service.run({ value: 5 }), {
      status: 403,
      body: { error: "Internal system error: the argument must be a dictionary but has type 'number'." },
    });
    assert.deepEqual((await service.run({ value: null })).body, { a: {} });
  });

  it('refuses a run while one is under way, unless runs may overlap', async () => {
    const code = 'const main = ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, { ms }))';
    const single = start();
    await single.init(code);
    const first = single.service.run({ value: { ms: 20 } });
    assert.deepEqual(await single.service.run({ value: { ms: 1 } }), {
      status: 403,
      body: { error: 'System not ready, status is running.' },
    });
    assert.deepEqual((await first).body, { ms: 20 });

    const several = start(true);
    await several.init(code);
    const both = await Promise.all([20, 1].map((ms) => several.service.run({ value: { ms } })));
    assert.deepEqual(
      both.map(({ body }) => body),
      [{ ms: 20 }, { ms: 1 }],
    );
    assert.equal(several.ended(), 2);
  });
});
