import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isPolicyFile } from '../../../../shared/colors/ColorPolicy.js';
import { controllerConfig } from '../../../../shared/config/controllerConfig.js';
import { loadPolicy, withPolicyFile } from '../../../../shared/config/loadPolicy.js';
import { ConfigurationError } from '../../../../shared/config/Setting.js';
import { silentLogger } from '../../../../shared/logging/Logger.js';

describe('a policy of a user', () => {
  let folder: string;
  before(() => {
    // Within the package, so that a policy can import from it by its name.
    folder = mkdtempSync(join(import.meta.dirname, 'policies-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  const written = (name: string, code: string): string => {
    const file = join(folder, name);
    writeFileSync(file, code);
    return file;
  };
  const example = /```js\n(\/\/ rendezvous\.js[\s\S]*?)```/.exec(readFileSync('docs/policies.md', 'utf8'))?.[1] ?? '';

  it('may be the one of docs/policies.md, in under 60 lines', async () => {
    assert.ok(example.split('\n').length < 60);
    const { name, make } = await loadPolicy(written('rendezvous.js', example));
    assert.equal(name, 'rendezvous');
    assert.equal(typeof make, 'function');
  });

  it('is refused if it breaks a rule, with the rule', async () => {
    const restless = example.replace('{ invoker, rank };', '{ invoker: (this.n = ((this.n ?? 0) + 1) % 5), rank };');
    await assert.rejects(loadPolicy(written('restless.js', restless)), (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, /restless\.js breaks a rule\. contract: /);
      return true;
    });
  });

  it('is refused if it is not there, makes nothing, or takes the name of another', async () => {
    await assert.rejects(loadPolicy(join(folder, 'missing.js')), /missing\.js cannot be loaded/);
    await assert.rejects(loadPolicy(written('empty.js', 'export default 7;')), /no default export that is a function/);
    const taken = example.replace("name = 'rendezvous'", "name = 'random'");
    await assert.rejects(loadPolicy(written('taken.js', taken)), /needs a new name/);
  });

  it('is refused if it posts messages to its parent', async () => {
    const posting = `import { parentPort } from 'node:worker_threads';\nparentPort?.postMessage('hello');\n${example}`;
    await assert.rejects(loadPolicy(written('posting.js', posting)), (error) => {
      assert.ok(error instanceof ConfigurationError);
      assert.match(error.message, /posting\.js posts messages to its parent during its check/);
      return true;
    });
  });

  it('is refused if its check does not end', async () => {
    const looping = example.replace('assign(color, room) {', 'assign(color, room) { for (;;);');
    const awaiting = `await new Promise(() => setInterval(() => undefined, 1000));\n${example}`;
    for (const [name, code] of [
      ['looping.js', looping],
      ['awaiting.js', awaiting],
    ] as const) {
      await assert.rejects(loadPolicy(written(name, code), { ms: 2000, memoryMB: 1024 }), (error) => {
        assert.ok(error instanceof ConfigurationError);
        assert.match(error.message, /was not loaded and checked within 2 seconds/);
        return true;
      });
    }
  });

  it('is refused if it ends the process, fails later, or takes all memory', async () => {
    const refused = (name: string, code: string) =>
      assert.rejects(loadPolicy(written(name, code), { ms: 60_000, memoryMB: 64 }), ConfigurationError);
    await refused('exiting.js', 'process.exit(0);');
    await refused('never.js', `await new Promise(() => undefined);\n${example}`);
    await refused('rejecting.js', `Promise.reject(new Error('later'));\nexport default () => {};`);
    await refused('greedy.js', 'const all = []; for (;;) all.push(new Array(1e6).fill(all.length));');
  });

  it('is taken from the settings of a controller, too', async () => {
    const file = written('rendezvous2.js', example);
    const environment = {
      CONTROLLER_ID: '0',
      KAFKA_HOSTS: 'kafka:9092',
      CONFIG_whisk_couchdb_host: 'couch',
      COLOR_POLICY: file,
    };
    const { colors } = controllerConfig(environment).loadBalancer;
    const { policy, custom } = await withPolicyFile(colors, silentLogger);
    assert.equal(policy, 'rendezvous');
    assert.deepEqual(Object.keys(custom ?? {}), ['rendezvous']);
    const named = { ...colors, policy: 'least-assigned' };
    assert.equal(await withPolicyFile(named, silentLogger), named);
    await assert.rejects(
      withPolicyFile({ ...colors, policy: './missing.js' }, silentLogger),
      /missing\.js cannot be loaded/,
    );
    assert.throws(() => controllerConfig({ ...environment, COLOR_POLICY: 'magic' }), /COLOR_POLICY must be one of/);
  });

  it('is known by its file', () => {
    assert.equal(isPolicyFile('./mine.js'), true);
    assert.equal(isPolicyFile('mine.mjs'), true);
    assert.equal(isPolicyFile('least-assigned'), false);
    assert.equal(isPolicyFile('magic'), false);
  });
});
