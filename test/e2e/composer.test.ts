import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import openwhisk from 'openwhisk';
import { clientsInstalled, commandLine, commandSession, type CommandLine, type CommandSession } from './clients.js';
import { eventually } from './eventually.js';
import { clientSuite } from './servers.js';

/*
 * Compositions of openwhisk-composer: compiled and deployed with its own commands, then invoked. Each becomes one
 * conductor action.
 */

const ACTIONS: Record<string, string> = {
  increment: 'function main({ n, ...rest }) { return { ...rest, n: n + 1 } }',
  double: 'function main({ n, ...rest }) { return { ...rest, n: n * 2 } }',
  isEven: 'function main({ n }) { return { value: n % 2 === 0 } }',
  below: 'function main({ n, limit }) { return { value: n < limit } }',
  fail: 'function main() { return { error: "no luck" } }',
  crash: 'function main() { throw new Error("boom") }',
};

/** The composition, what it is invoked with, and what comes out. */
const COMPOSITIONS: Record<string, [composition: string, input: object, output: object]> = {
  sequence: ['composer.sequence("increment", "double", "increment")', { n: 1 }, { n: 5 }],
  'if, taken': ['composer.if("isEven", "double", "increment")', { n: 4 }, { n: 8 }],
  'if, not taken': ['composer.if("isEven", "double", "increment")', { n: 5 }, { n: 6 }],
  while: ['composer.while("below", "double")', { n: 1, limit: 20 }, { n: 32, limit: 20 }],
  dowhile: ['composer.dowhile("increment", "below")', { n: 9, limit: 3 }, { n: 10, limit: 3 }],
  'try, without an error': ['composer.try("increment", "fail")', { n: 1 }, { n: 2 }],
  'try, with an error': [
    'composer.try(composer.sequence("increment", "fail", "double"), ({ error }) => ({ caught: error }))',
    { n: 1 },
    { caught: 'no luck' },
  ],
  'try, with a crash': [
    'composer.try("crash", ({ error }) => ({ caught: /boom|error/i.test(JSON.stringify(error)) }))',
    {},
    { caught: true },
  ],
  finally: ['composer.finally("increment", "double")', { n: 1 }, { n: 4 }],
  repeat: ['composer.repeat(3, "increment")', { n: 0 }, { n: 3 }],
  retain: ['composer.retain("increment")', { n: 1 }, { params: { n: 1 }, result: { n: 2 } }],
  let: [
    'composer.let({ x: 40 }, params => ({ n: params.n + x }), "increment", composer.mask("increment"))',
    { n: 0 },
    { n: 42 },
  ],
  'inline functions': ['composer.sequence(p => ({ n: p.n + 10 }), "double")', { n: 1 }, { n: 22 }],
  literal: ['composer.literal({ fixed: true })', { n: 1 }, { fixed: true }],
  nested: [
    'composer.while("below", composer.if("isEven", "increment", composer.sequence("double", "increment")))',
    { n: 0, limit: 10 },
    { n: 15, limit: 10 },
  ],
};

clientSuite('openwhisk-composer', function (server) {
  let client: openwhisk.Client;
  let composer: CommandLine;
  /** `deploy` in one process for all compositions. */
  let session: CommandSession | undefined;
  let folder: string;

  before(async function () {
    if (!clientsInstalled()) this.skip();
    folder = mkdtempSync(join(tmpdir(), 'palette-whisk-composer-'));
    client = openwhisk({ apihost: server.base, api_key: server.user.key });
    const environment = {
      WSK_CONFIG_FILE: join(folder, 'none'),
      __OW_API_HOST: server.base,
      __OW_API_KEY: server.user.key,
    };
    composer = commandLine('node_modules/openwhisk-composer/bin', environment);
    session = commandSession('deploy.cjs', environment, folder);
    for (const [name, action] of Object.entries(ACTIONS)) await client.actions.create({ name, action });
  });
  after(() => {
    session?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** @param alone as users run it: in a process of its own. */
  async function deploy(name: string, composition: string, alone = false): Promise<void> {
    const source = join(folder, 'composition.js');
    const compiled = join(folder, 'composition.json');
    writeFileSync(source, `const composer = require('openwhisk-composer')\nmodule.exports = ${composition}\n`);
    writeFileSync(compiled, await composer('compose.js', source));
    const run = alone ? composer.bind(undefined, 'deploy.js') : (session ?? assert.fail()).run;
    assert.match(await run(name, compiled, '-w'), /^ok: created action/);
  }

  for (const [title, [composition, input, output]] of Object.entries(COMPOSITIONS)) {
    it(title, async () => {
      await deploy('composed', composition);
      const result = await client.actions.invoke({ name: 'composed', blocking: true, result: true, params: input });
      assert.deepEqual(result, output);
    });
  }

  it('records the steps of a composition as one activation that caused the others', async () => {
    await deploy('composed', 'composer.sequence("increment", "double")', true);
    const { activationId } = await client.actions.invoke({ name: 'composed', params: { n: 1 } });
    const record = await eventually(() => client.activations.get(activationId));
    assert.deepEqual(record.response?.result, { n: 4 });
    assert.equal(record.annotations?.find(({ key }) => key === 'conductor')?.value, true);
    for (const id of record.logs) {
      const step = (await eventually(() => client.activations.get(id))) as openwhisk.Activation<object> & {
        cause?: string;
      };
      assert.equal(step.cause, activationId);
    }
    const steps = record.logs.length;
    assert.ok(steps >= 5, `increment, double, and the conductor before, between and after: ${steps}`);
  });

  it('fails if nothing catches the error', async () => {
    await deploy('composed', 'composer.sequence("fail", "increment")');
    await assert.rejects(
      client.actions.invoke({ name: 'composed', blocking: true, params: { n: 1 } }),
      (error: { statusCode?: number; error?: openwhisk.Activation<{ error: string }> }) => {
        assert.equal(error.statusCode, 502);
        assert.deepEqual(error.error?.response?.result, { error: 'no luck' });
        return true;
      },
    );
  });
});
