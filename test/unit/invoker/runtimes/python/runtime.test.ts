import assert from 'node:assert/strict';
import type { Container } from '../../../../../invoker/containers/ContainerDriver.js';
import { ProcessDriver } from '../../../../../invoker/containers/process/ProcessDriver.js';
import { silentLogger } from '../../../../../shared/logging/Logger.js';
import { zipped } from '../../../../suites/languages.js';

const LIMITS = { timeoutMs: 240_000, maxResponseBytes: 100_000, truncationBytes: 100_000 };

// What is particular to Python. What all runtimes must do: test/suites/runtime.ts.
describe('the Python runtime', function () {
  const driver = new ProcessDriver({ owner: `python-${process.pid}`, logger: silentLogger });
  const containers: Container[] = [];
  afterEach(() => Promise.all(containers.splice(0).map((container) => container.destroy())));
  after(() => driver.close());

  async function post(container: Container, path: '/init' | '/run', body: string): Promise<[number, unknown]> {
    const response = await container.post(path, body, LIMITS);
    return [response.status, JSON.parse(response.body)];
  }

  async function init(code: string, binary = false): Promise<{ container: Container; answer: [number, unknown] }> {
    const image = { kind: 'python:3', reference: '', pull: false };
    const spec = { name: 'x', image, memoryMB: 256, environment: {}, concurrency: 1 };
    const container = await driver.create(spec);
    containers.push(container);
    const answer = await post(container, '/init', JSON.stringify({ value: { main: 'main', code, binary } }));
    return { container, answer };
  }

  async function run(code: string, binary = false): Promise<{ answer: [number, unknown]; logs: string }> {
    const { container, answer } = await init(code, binary);
    assert.deepEqual(answer, [200, { OK: true }]);
    const ran = await post(container, '/run', '{"value":{}}');
    return { answer: ran, logs: await logs(container, ran[0] === 200) };
  }

  async function logs(container: Container, expectSentinels: boolean): Promise<string> {
    const options = { maxBytes: 100_000, expectSentinels, timeoutMs: 240_000, quietMs: 240_000 };
    const { lines } = await container.collectLogs(options);
    return lines.map((line) => line.slice(31)).join('\n');
  }

  it('takes JSON objects at /init and /run, and nothing else', async () => {
    const { container } = await init('def main(args): return args');
    const bad = [500, { error: 'Bad request.' }];
    assert.deepEqual(await post(container, '/run', '{"value":'), bad);
    assert.deepEqual(await post(container, '/run', '5'), bad);
    assert.deepEqual(await post(container, '/run', '{"value":{}}'), [200, {}]);
    assert.deepEqual(await post(container, '/run', '{"value":5}'), [
      403,
      { error: "Internal system error: the argument must be a dictionary but has type 'int'." },
    ]);
  });

  it('refuses more than 48 MB, and continues', async () => {
    const { container } = await init('def main(args): return {"n": len(args)}');
    const body = JSON.stringify({ value: { a: 'a'.repeat(48 * 1024 * 1024) } });
    assert.deepEqual(await post(container, '/run', body), [500, { error: 'Bad request.' }]);
    assert.deepEqual(await post(container, '/run', '{"value":{"a":1}}'), [200, { n: 1 }]);
  });

  it('shows the user’s frames only, and no other error than that of the user', async () => {
    const code = 'def divide(x):\n    return 1 / x\n\ndef main(args):\n    return {"y": divide(0)}';
    const { answer, logs } = await run(code);
    assert.deepEqual(answer, [200, { error: 'division by zero' }]);
    const places = logs.split('\n').flatMap((line) => /line (\d+), in (\w+)/.exec(line)?.slice(1, 3) ?? []);
    assert.deepEqual(places, ['5', 'main', '2', 'divide']);
    assert.doesNotMatch(logs, /runtime\.py/);
  });

  it('awaits an async function', async () => {
    const code = 'import asyncio\nasync def main(args):\n    await asyncio.sleep(0)\n    return {"awaited": True}';
    assert.deepEqual((await run(code)).answer, [200, { awaited: true }]);
  });

  it('says why a result cannot be written', async () => {
    const why = async (result: string): Promise<string> => {
      const { answer, logs } = await run(`def main(args):\n    a = {}\n    a["a"] = a\n    return ${result}`);
      assert.deepEqual(answer, [502, { error: 'The action did not return a dictionary or array.' }]);
      return logs;
    };
    assert.match(await why('{"a": {1}}'), /cannot be written as JSON: Object of type set is not JSON serializable/);
    assert.match(await why('{"a": float("nan")}'), /cannot be written as JSON/);
    assert.match(await why('a'), /cannot be written as JSON: Circular reference/);
    assert.match(await why('None'), /is a NoneType\. Does the function lack a return statement\?/);
  });

  it('ends after an exit, with OpenWhisk’s text', async () => {
    assert.deepEqual((await run('def main(args):\n    exit(1)')).answer, [400, { error: 'command exited' }]);
    const { container, answer } = await init('import sys\nsys.exit(1)');
    assert.deepEqual(answer, [502, { error: 'Cannot start action. Check logs for details.' }]);
    assert.match(await logs(container, false), /Command exited abruptly during initialization\./);
  });

  it('says which function or module is missing', async () => {
    const missing = await init('def other(args): return args');
    assert.deepEqual(missing.answer, [502, { error: 'Cannot start action. Check logs for details.' }]);
    assert.match(await logs(missing.container, false), /does not define a function `main`/);
    const module = await init(zipped({ '__main__.py': 'import nowhere', 'requirements.txt': 'nowhere' }), true);
    assert.deepEqual(module.answer, [502, { error: 'Cannot start action. Check logs for details.' }]);
    const said = await logs(module.container, false);
    assert.match(said, /__main__\.py", line 1[^]*No module named 'nowhere'/);
    assert.match(said, /requirements\.txt is not installed here/);
  });

  it('uses the packages of a virtualenv in a zip, made by virtualenv or by venv', async () => {
    const code = 'import mine\ndef main(args): return {"from": mine.FROM}';
    const script = `import os, site
site.addsitedir(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "packages"))`;
    const byVirtualenv = zipped({
      '__main__.py': code,
      'virtualenv/bin/activate_this.py': script,
      'virtualenv/packages/mine.py': 'FROM = "virtualenv"',
    });
    assert.deepEqual((await run(byVirtualenv, true)).answer, [200, { from: 'virtualenv' }]);
    const byVenv = zipped({
      '__main__.py': code,
      'virtualenv/lib/python3.0/site-packages/mine.py': 'FROM = "venv"',
    });
    const { answer, logs: said } = await run(byVenv, true);
    assert.deepEqual(answer, [200, { from: 'venv' }]);
    assert.match(said, /The virtualenv belongs to another version of Python: this is python3\.\d+/);
    const invalid = await init(zipped({ '__main__.py': code, 'virtualenv/readme.md': '' }), true);
    assert.equal(invalid.answer[0], 502);
    assert.match(await logs(invalid.container, false), /Invalid virtualenv\. Zip file does not include/);
  });

  it('sees the standard library, and no package of this machine', async () => {
    const code = `import sys, sqlite3, ssl, zoneinfo
def main(args): return {"others": [p for p in sys.path if "-packages" in p], "name": __name__, "argv": len(sys.argv)}`;
    assert.deepEqual((await run(code)).answer, [200, { others: [], name: 'main__', argv: 1 }]);
  });

  it('unpacks no file outside of its folder', async () => {
    const { container, answer } = await init(zipped({ '__main__.py': '', '../evil.py': '' }), true);
    assert.equal(answer[0], 502);
    assert.match(await logs(container, false), /'\.\.\/evil\.py' is outside of the archive/);
  });
});
