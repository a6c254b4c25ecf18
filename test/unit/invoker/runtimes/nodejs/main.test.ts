import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { Client } from 'undici';
import { eventually } from '../../../../e2e/eventually.js';
import { nodeRuntime } from '../../../../../invoker/containers/process/runtimeCommand.js';

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n';

describe('the Node.js runtime’s server', function () {
  let folder: string;
  let child: ChildProcess;
  let client: Client;
  let output: { stdout: string; stderr: string };

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'pw-runtime-'));
    const socketPath = join(folder, 's');
    const { program, args } = nodeRuntime().command;
    child = spawn(program, args, { env: { PATH: process.env['PATH'], PORT: socketPath }, cwd: folder, stdio: 'pipe' });
    output = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk) => (output.stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (output.stderr += String(chunk)));
    client = new Client('http://localhost', { socketPath });
    for (;;) {
      try {
        await post('/none', '{}');
        break;
      } catch {
        assert.equal(child.exitCode, null, output.stderr);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });
  afterEach(async () => {
    await client.destroy();
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    rmSync(folder, { recursive: true });
  });

  async function post(path: string, body: string, method: 'POST' | 'GET' = 'POST'): Promise<[number, unknown]> {
    const headers = { 'content-type': 'application/json' };
    const response = await client.request({ path, method, headers, body: method === 'GET' ? null : body });
    return [response.statusCode, await response.body.json()];
  }

  function init(code: string): Promise<[number, unknown]> {
    return post('/init', JSON.stringify({ value: { main: 'main', code } }));
  }

  it('reads texts of all characters, short and long', async () => {
    await init('function main({ text }) { return { text }; }');
    for (const text of ['', 'x', 'é', '😀', 'x'.repeat(2_000_000), `${'x'.repeat(2_000_000)}é`, '😀'.repeat(500_000)]) {
      assert.deepEqual(await post('/run', JSON.stringify({ value: { text } })), [200, { text }]);
    }
  });

  it('takes JSON objects at /init and /run, and nothing else', async () => {
    const bad = [500, { error: 'Bad request.' }];
    assert.deepEqual(await post('/run', '{"value":'), bad);
    assert.deepEqual(await post('/run', '5'), bad);
    assert.deepEqual(await post('/other', '{}'), bad);
    assert.deepEqual(await post('/run', '', 'GET'), bad);
    assert.deepEqual(await post('/init', '{"value":{}}'), [403, { error: 'Missing main/no code to execute.' }]);
    assert.deepEqual(await init('const main = (a) => a'), [200, { OK: true }]);
    assert.deepEqual(await post('/run', '{"value":{"☃":"❄"}}'), [200, { '☃': '❄' }]);
  });

  it('rehearses its first call while nobody calls it, which leaves no trace', async () => {
    // A runtime of its own: that of the other tests has been called already.
    const socketPath = join(folder, 'idle');
    const { program, args } = nodeRuntime().command;
    const idle = spawn(program, args, {
      env: { PATH: process.env['PATH'], PORT: socketPath, NODE_DEBUG: 'net' },
      cwd: folder,
      stdio: 'pipe',
    });
    const caller = new Client('http://localhost', { socketPath });
    try {
      const said = { stdout: '', stderr: '' };
      idle.stdout.on('data', (chunk) => (said.stdout += String(chunk)));
      await new Promise<void>((resolve) => {
        idle.stderr.on('data', (chunk) => {
          said.stderr += String(chunk);
          // Node.js tells of each connection of a server that has ended.
          if (/has server/.test(said.stderr)) resolve();
        });
      });
      const call = async (path: string, body: object): Promise<[number, unknown]> => {
        const answer = await caller.request({ path, method: 'POST', body: JSON.stringify(body) });
        return [answer.statusCode, await answer.body.json()];
      };
      const code =
        'const main = () => ({ name: process.env.NAME ?? null, deadline: process.env.__OW_DEADLINE ?? null })';
      assert.deepEqual(await call('/init', { value: { main: 'main', code } }), [200, { OK: true }]);
      assert.equal(said.stdout, '');
      assert.doesNotMatch(said.stderr, /XXX_THE_END|status is/);
      assert.deepEqual(await call('/run', {}), [200, { name: null, deadline: null }]);
    } finally {
      await caller.destroy();
      idle.kill('SIGKILL');
    }
  });

  it('gives each run its variables: in the function, in variables of the module, in workers and in children', async () => {
    const code = `
      const { env } = process;
      const { Worker } = require('node:worker_threads');
      const { execFileSync } = require('node:child_process');
      const look = 'require("node:worker_threads").parentPort.postMessage(process.env.__OW_ACTIVATION_ID)';
      const show = 'process.stdout.write(process.env.__OW_ACTIVATION_ID)';
      const main = async ({ where }) => {
        if (where === 'module') return { id: env.__OW_ACTIVATION_ID };
        if (where === 'child') return { id: String(execFileSync(process.execPath, ['-e', show])) };
        if (where === 'function') return { id: process.env.__OW_ACTIVATION_ID };
        return { id: await new Promise((resolve) => new Worker(look, { eval: true }).once('message', resolve)) };
      }`;
    await init(code);
    for (const where of ['worker', 'child', 'module', 'function', 'worker']) {
      assert.deepEqual(await post('/run', JSON.stringify({ value: { where }, activation_id: `for ${where}` })), [
        200,
        { id: `for ${where}` },
      ]);
    }
  });

  it('signs its sentinels with the invoker’s token, and runs nothing for a caller without it', async () => {
    const request = async (path: string, body: object, token?: string): Promise<[number, unknown, unknown]> => {
      const headers = {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { 'x-invoker-token': token }),
      };
      const response = await client.request({ path, method: 'POST', headers, body: JSON.stringify(body) });
      return [response.statusCode, await response.body.json(), response.headers['x-invoker-token']];
    };
    const code = `const main = () => {
      console.log(${JSON.stringify(SENTINEL.trim())});
      return { seen: JSON.stringify([process.env, process.argv, process.execArgv]) };
    }`;
    const initialized = await request('/init', { value: { main: 'main', code } }, 'secret-of-invoker');
    assert.deepEqual(initialized, [200, { OK: true }, 'accepted']);
    const refused = [403, { error: 'Only the invoker may call this container.' }, undefined];
    assert.deepEqual(await request('/run', {}), refused);
    assert.deepEqual(await request('/run', {}, 'secret-of-invokeR'), refused);
    assert.deepEqual(await request('/init', { value: { main: 'main', code } }, 'other'), refused);
    assert.deepEqual(output, { stdout: '', stderr: '' });
    const [status, result] = await request('/run', {}, 'secret-of-invoker');
    assert.equal(status, 200);
    assert.doesNotMatch((result as { seen: string }).seen, /secret-of-invoker/);
    const end = `${SENTINEL.trim()} secret-of-invoker\n`;
    const whole = (): boolean => output.stdout.endsWith(end) && output.stderr.endsWith(end);
    while (!whole()) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(output, { stdout: `${SENTINEL}${end}`, stderr: end });
  });

  it('ends both log streams before it answers a run, and only then', async () => {
    await init('console.log("load"); const main = () => { console.log("out"); console.error("err"); }');
    await post('/run', '{}');
    await eventually(() => assert.deepEqual(output, { stdout: `load\nout\n${SENTINEL}`, stderr: `err\n${SENTINEL}` }));
  });

  it('answers a result that cannot be written as JSON', async () => {
    await init('const main = ({ n }) => { const a = {}; if (n) a.n = 1n; else a.a = a; return a }');
    const prefix = 'The result cannot be written as JSON: ';
    assert.deepEqual(await post('/run', '{"value":{"n":true}}'), [
      502,
      { error: `${prefix}result.n is a BigInt. Return String(…) or Number(…) of it.` },
    ]);
    assert.deepEqual(await post('/run', '{}'), [
      502,
      { error: `${prefix}result.a refers to result, which contains it. Return a copy without it.` },
    ]);
    const log = /result\.n is a BigInt.*\n.*THE_END.*\n.*result\.a refers to result/;
    await eventually(() => assert.match(output.stderr, log));
  });

  const texts: ReadonlyArray<readonly [what: string, code: string]> = [
    ['an exported function', 'export function main({ n }) { return { n } }'],
    ['an exported variable', 'export const main = async ({ n }) => ({ n });'],
    ['a default export', 'export default ({ n }) => ({ n })'],
    ['a default export with a member', 'export default { main: ({ n }) => ({ n }) } // the end'],
    [
      'an import',
      "import { basename, dirname, extname, join } from 'node:path'; export const main = ({ n }) => ({ n: join(n) })",
    ],
    [
      'await at the top level, without an export',
      'const x = await Promise.resolve(1); function main({ n }) { return x && { n } }',
    ],
    ['await in a call at the top level', 'console.log(await 1)\nexport function main({ n }) { return { n } }'],
    ['import.meta', 'const here = import.meta.url; export const main = ({ n }) => here && { n }'],
    ['a list of exports', 'const f = ({ n }) => ({ n }); export { f as main }'],
    ['types', 'interface A { n: string }\nfunction main({ n }: A): A { return { n } satisfies A }'],
    [
      'types in an ES module',
      "import type { X } from './none';\nexport async function main({ n }: { n: string }): Promise<object> { return { n } }",
    ],
  ];
  for (const [what, code] of texts) {
    it(`runs text with ${what}`, async () => {
      assert.deepEqual(await init(code), [200, { OK: true }]);
      assert.deepEqual(await post('/run', '{"value":{"n":"x"}}'), [200, { n: 'x' }]);
    });
  }

  const faults: ReadonlyArray<readonly [what: string, code: string, said: RegExp]> = [
    [
      'a script',
      'const a = 1\nconst b = ;',
      /SyntaxError: Unexpected token ';'\n {4}at \S+action\.js:2:11\n {2}2 \| const b = ;\n {4}\| {11}\^$/,
    ],
    [
      'an ES module',
      'export const a = 1\nconst b = ;',
      /SyntaxError: Unexpected token ';'\n {4}at \S+action\.js:2:11\n {2}2 \| const b = ;\n {4}\| {11}\^$/,
    ],
    [
      'TypeScript',
      'const a: number = 1\nconst b = ;',
      /SyntaxError: .*\n {4}at \S+action\.ts:2:11\n {2}2 \| const b = ;\n {4}\| {11}\^$/,
    ],
    [
      'a feature of TypeScript that is not a type',
      'const a: number = 1\nenum B { C }',
      /SyntaxError: TypeScript enum is not supported in strip-only mode\. .*compile it before.*\n {4}at \S+action\.ts:2:1\n/,
    ],
    [
      'await outside of an async function',
      'function main() {\n  await x\n}',
      /await is only valid in async functions.*\n {4}at \S+action\.js:2:3\n/,
    ],
    [
      'an ES module that throws',
      'export const a = 1\nthrow new Error("early")',
      /Error: early\n {4}at .*action\.mjs:2:7\n {2}2 \| throw new Error\("early"\)\n {4}\| {7}\^$/,
    ],
    ['JSON that an ES module reads', 'export const a = 1\nJSON.parse("{")', /SyntaxError: .*JSON/],
    ['a missing package', "import x from 'none'; export const main = () => x", /Cannot find package 'none'/],
    [
      'no function of that name',
      'export const handler = () => ({})',
      /Action entrypoint 'main' is not a function\. Define or export a function 'main', or name another one with --main\./,
    ],
  ];
  for (const [what, code, said] of faults) {
    it(`names the place of a fault: ${what}`, async () => {
      const [status, body] = await init(code);
      assert.equal(status, 502);
      assert.match((body as { error: string }).error, said);
      assert.doesNotMatch((body as { error: string }).error, /runtimes\/nodejs/);
    });
  }

  it('shows the line that throws in the logs, without frames of the runtime', async () => {
    await init('function main() {\n  throw new Error("oops")\n}');
    assert.deepEqual(await post('/run', '{}'), [502, { error: 'An error has occurred: Error: oops' }]);
    const log =
      /^Error: oops\n {4}at main \(\S+action\.js:2:9\)\n {2}2 \|   throw new Error\("oops"\)\n {4}\| {9}\^\n.*THE_END/;
    await eventually(() => assert.match(output.stderr, log));
  });

  it('takes nothing over 48 MB', async () => {
    const [status, body] = await post('/run', JSON.stringify({ value: { a: 'a'.repeat(48 * 1024 * 1024) } }));
    assert.deepEqual([status, body], [500, { error: 'Bad request.' }]);
  });

  it('lets actions collect garbage, as OpenWhisk’s image does', async () => {
    await init('const main = () => { gc(); return { gc: typeof global.gc } }');
    assert.deepEqual(await post('/run', '{}'), [200, { gc: 'function' }]);
  });

  it('ends at SIGTERM, with code 0', async () => {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });

  const run = (id: string): Promise<[number, unknown]> =>
    post('/run', JSON.stringify({ value: {}, activation_id: id }));

  it('gives the variables of each run to an action that has replaced process.env', async () => {
    await init(`process.env = { ...process.env };
      const own = process.env;
      function main() { return { own: own.__OW_ACTIVATION_ID, env: process.env.__OW_ACTIVATION_ID }; }`);
    for (const id of ['first', 'second']) assert.deepEqual(await run(id), [200, { own: id, env: id }]);
  });

  it('gives the variables of each run to a worker with SHARE_ENV that outlives runs', async () => {
    await init(`const { Worker, SHARE_ENV } = require('node:worker_threads');
      const { once } = require('node:events');
      let worker;
      async function main() {
        worker ??= new Worker(
          "const { parentPort } = require('node:worker_threads');" +
          "parentPort.on('message', () => parentPort.postMessage(process.env.__OW_ACTIVATION_ID));",
          { eval: true, env: SHARE_ENV },
        );
        worker.postMessage('');
        return { id: (await once(worker, 'message'))[0] };
      }`);
    for (const id of ['first', 'second', 'third']) assert.deepEqual(await run(id), [200, { id }]);
  });

  it('sets the variables of each run early, once an action has loaded native code', async () => {
    // A report has the variables of the C library.
    await init(`const reported = () => process.report.getReport().environmentVariables.__OW_ACTIVATION_ID;
      function main() {
        const id = reported();
        try { process.dlopen({ exports: {} }, '/missing.node'); } catch {}
        return { id };
      }`);
    assert.deepEqual(await run('first'), [200, {}]);
    for (const id of ['second', 'third']) assert.deepEqual(await run(id), [200, { id }]);
  });

  it('goes on if the module of node:http is missing, and ends the connection that needs it', async () => {
    const options = [...nodeRuntime().command.args];
    const main = options.pop() ?? '';
    const copy = join(folder, 'copy');
    cpSync(dirname(dirname(main)), copy, { recursive: true });
    writeFileSync(join(copy, 'package.json'), '{"type":"module"}');
    rmSync(join(copy, `nodejs/otherRequests${extname(main)}`));
    const socketPath = join(folder, 'other');
    const args = [...options, join(copy, `nodejs/${basename(main)}`)];
    const other = spawn(process.execPath, args, {
      env: { PATH: process.env['PATH'], PORT: socketPath },
      cwd: folder,
      stdio: 'pipe',
    });
    let said = '';
    other.stderr.on('data', (chunk) => (said += String(chunk)));
    const caller = new Client('http://localhost', { socketPath });
    try {
      await eventually(async () => {
        assert.equal(other.exitCode, null, said);
        const { statusCode, body } = await caller.request({ path: '/run', method: 'POST', body: '{}' });
        await body.dump();
        assert.equal(statusCode, 403);
      });
      for (let i = 0; i < 2; i++) await assert.rejects(caller.request({ path: '/run', method: 'GET' }), /closed/);
      const { statusCode, body } = await caller.request({ path: '/run', method: 'POST', body: '{}' });
      await body.dump();
      assert.equal(statusCode, 403);
    } finally {
      await caller.destroy();
      other.kill('SIGTERM');
      if (other.exitCode === null && other.signalCode === null) await once(other, 'exit');
    }
    assert.equal(other.exitCode, 0, said);
  });
});
