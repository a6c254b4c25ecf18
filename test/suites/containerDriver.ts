import assert from 'node:assert/strict';
import {
  ContainerConnectionError,
  ContainerTimeoutError,
  type CollectedLogs,
  type Container,
  type ContainerDriver,
  type ContainerResponse,
  type ContainerSpec,
} from '../../invoker/containers/ContainerDriver.js';

export interface DriverUnderTest {
  readonly driver: ContainerDriver;
  /** The image of kind `nodejs:20`. */
  readonly reference: string;
}

const MB = 1024 * 1024;
const LOGS = { maxBytes: MB, expectSentinels: true, timeoutMs: 240_000 };
const LINE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z (stdout|stderr): (.*)$/;

/** What every driver of containers has to do, whatever its containers are. */
export function containerDriverSuite(name: string, start: (owner: string) => Promise<DriverUnderTest>): void {
  describe(`container driver: ${name}`, () => {
    const owner = `test-${process.pid}-${name}`;
    let tested: DriverUnderTest;
    let count = 0;

    before(async () => {
      tested = await start(owner);
      await tested.driver.removeLeftovers();
    });
    after(() => tested.driver.close());

    function create(spec: Partial<ContainerSpec> = {}, driver = tested.driver): Promise<Container> {
      count += 1;
      return driver.create({
        name: `${owner}_${count}`,
        image: { kind: 'nodejs:20', reference: tested.reference, pull: false },
        memoryMB: 256,
        environment: { __OW_API_HOST: 'http://api.example:80' },
        concurrency: 1,
        ...spec,
      });
    }

    async function post(
      container: Container,
      path: '/init' | '/run',
      value: unknown,
      rest: object = {},
    ): Promise<{ status: number; body: unknown }> {
      const response = await container.post(path, JSON.stringify({ value, ...rest }), {
        timeoutMs: 240_000,
        maxResponseBytes: MB,
        truncationBytes: MB,
      });
      return { status: response.status, body: JSON.parse(response.body) };
    }

    async function initialized(code: string, spec: Partial<ContainerSpec> = {}): Promise<Container> {
      const container = await create(spec);
      const { status, body } = await post(container, '/init', { name: 'action', main: 'main', code, binary: false });
      assert.deepEqual({ status, body }, { status: 200, body: { OK: true } });
      return container;
    }

    function texts(lines: readonly string[]): string[] {
      return lines.map((line) => {
        const match = LINE.exec(line);
        assert.ok(match, line);
        return `${match[1]}: ${match[2]}`;
      });
    }

    it('initializes and runs an action, with the environment of container, action and invocation', async () => {
      const container = await initialized(
        'const main = (args) => ({ ...args, host: process.env.__OW_API_HOST, id: process.env.__OW_ACTIVATION_ID })',
      );
      assert.ok(container.running);
      assert.notEqual(container.id, '');
      assert.deepEqual(await post(container, '/run', { a: '☃' }, { activation_id: 'xyz' }), {
        status: 200,
        body: { a: '☃', host: 'http://api.example:80', id: 'xyz' },
      });
      await container.destroy();
    });

    it('runs text that is an ES module or TypeScript', async () => {
      const codes = [
        "import { sep } from 'node:path'; const one = await Promise.resolve(1);\nexport const main = ({ n }) => ({ n, sep, one })",
        "import openwhisk from 'openwhisk';\nimport { sep } from 'node:path';\nexport default ({ n }) => ({ n, sep, one: typeof openwhisk === 'function' ? 1 : 0 })",
        "import { sep } from 'node:path';\ninterface In { n: number }\nexport async function main({ n }: In): Promise<object> { return { n, sep, one: 1 as number } }",
      ];
      for (const code of codes) {
        const container = await initialized(code);
        assert.deepEqual((await post(container, '/run', { n: 5 })).body, { n: 5, sep: '/', one: 1 });
        await container.destroy();
      }
    });

    it('names the line of a syntax error in an ES module', async () => {
      const container = await create();
      const { status, body } = await post(container, '/init', {
        main: 'main',
        code: 'export const a = 1\nconst b = ;',
      });
      assert.equal(status, 502);
      assert.match((body as { error: string }).error, /SyntaxError: .*\n {4}at .*:2:11\n {2}2 \| const b = ;/);
      await container.destroy();
    });

    it('keeps the state of a warm container from run to run', async () => {
      const container = await initialized('let n = 0; function main() { return { n: ++n } }');
      for (const n of [1, 2, 3]) assert.deepEqual((await post(container, '/run', {})).body, { n });
      await container.destroy();
    });

    it('lets go of several containers at once, and they do not share state', async () => {
      const code = 'let n = 0; function main() { return { n: ++n } }';
      const containers = await Promise.all([initialized(code), initialized(code)]);
      const answers = await Promise.all(containers.map((container) => post(container, '/run', {})));
      assert.deepEqual(
        answers.map(({ body }) => body),
        [{ n: 1 }, { n: 1 }],
      );
      await Promise.all(containers.map((container) => container.destroy()));
    });

    it('reports code that cannot be initialized', async () => {
      const container = await create();
      const { status, body } = await post(container, '/init', { main: 'main', code: 'function main( {' });
      assert.equal(status, 502);
      assert.match((body as { error: string }).error, /^Initialization has failed due to: .*SyntaxError/s);
      const { lines, complete } = await container.collectLogs(LOGS);
      assert.ok(complete && texts(lines).some((line) => line.includes('SyntaxError')), lines.join('\n'));
      await container.destroy();
    });

    it('collects the logs of each run by itself, in order, with time and stream', async () => {
      const container = await initialized(
        'function main({ n }) { console.log("out", n); console.error("err", n); console.log(); console.log("fin\\nal") }',
      );
      for (const n of [1, 2]) {
        await post(container, '/run', { n });
        const { lines, complete } = await container.collectLogs(LOGS);
        assert.ok(complete);
        const seen = texts(lines);
        assert.deepEqual(
          seen.filter((line) => line.startsWith('stdout')),
          [`stdout: out ${n}`, 'stdout: ', 'stdout: fin', 'stdout: al'],
        );
        assert.deepEqual(
          seen.filter((line) => line.startsWith('stderr')),
          [`stderr: err ${n}`],
        );
        const times = lines.map((line) => line.slice(0, 30));
        assert.deepEqual(times.toSorted(), times);
      }
      await container.destroy();
    });

    it('reports a line while its run continues', async () => {
      const container = await initialized('const main = () => { console.log("here"); return new Promise(() => {}) }');
      let run: Promise<unknown> = Promise.resolve();
      const line = await new Promise<string>((resolve, reject) => {
        const limits = { timeoutMs: 240_000, maxResponseBytes: MB, truncationBytes: MB };
        // It rejects when the container is destroyed.
        run = container
          .post('/run', '{"value":{}}', { ...limits, onLine: (told) => resolve(told) })
          .then(reject, reject);
      });
      assert.deepEqual(texts([line]), ['stdout: here']);
      await container.destroy();
      await run;
    });

    it('tells the lines of each run to its own listener, without sentinels, as they are collected', async () => {
      const code =
        'function main({ n }) { console.log("out", n); console.error("err", n); process.stdout.write("end") }';
      const container = await initialized(code);
      for (const n of [1, 2]) {
        const told: string[] = [];
        const onLine = (line: string, sure: boolean): void => {
          assert.ok(sure);
          told.push(line);
        };
        const limits = { timeoutMs: 240_000, maxResponseBytes: MB, truncationBytes: MB };
        await container.post('/run', JSON.stringify({ value: { n } }), { ...limits, onLine });
        const { lines } = await container.collectLogs(LOGS);
        assert.deepEqual(told, lines);
        assert.deepEqual(texts(told).toSorted(), [`stderr: err ${n}`, 'stdout: end', `stdout: out ${n}`]);
      }
      await container.destroy();
    });

    it('keeps the logs of silent and printing runs apart, also over a pause', async () => {
      const container = await initialized('function main({ n }) { if (n) console.log("out", n); return { n } }');
      const limits = { timeoutMs: 240_000, maxResponseBytes: MB, truncationBytes: MB };
      for (let n = 1; n <= 40; n++) {
        const text = n % 10 === 0 ? n : 0;
        const { silent = false } = await container.post('/run', JSON.stringify({ value: { n: text } }), limits);
        if (n % 8 === 0 || n % 10 === 9) {
          await container.pause();
          await container.resume();
        }
        const told = silent ? [] : texts((await container.collectLogs(LOGS)).lines);
        assert.deepEqual(told, text === 0 ? [] : [`stdout: out ${n}`]);
      }
      await container.destroy();
    });

    it('has the logs of the initialization with those of the first run', async () => {
      const container = await initialized('console.log("loaded"); function main() { console.log("run") }');
      await post(container, '/run', {});
      assert.deepEqual(texts((await container.collectLogs(LOGS)).lines), ['stdout: loaded', 'stdout: run']);
      await post(container, '/run', {});
      assert.deepEqual(texts((await container.collectLogs(LOGS)).lines), ['stdout: run']);
      await container.destroy();
    });

    it('cuts logs off at the limit, says so, and starts the next run afresh', async () => {
      const container = await initialized(
        'function main({ n }) { for (let i = 0; i < n; i += 1) console.log("x".repeat(99)) }',
      );
      await post(container, '/run', { n: 40_000 });
      const { lines, complete } = await container.collectLogs({ ...LOGS, maxBytes: 100_000 });
      assert.equal(complete, false);
      const notice = lines.pop();
      assert.ok(
        notice?.endsWith(
          ' stderr: Logs were truncated because the total bytes size exceeds the limit of 100000 bytes.',
        ),
        notice,
      );
      const bytes = lines.reduce((sum, line) => sum + line.length + 1, 0);
      assert.ok(bytes <= 100_000 && bytes > 99_000, String(bytes));
      await post(container, '/run', { n: 1 });
      assert.deepEqual(await container.collectLogs(LOGS).then(({ lines }) => texts(lines)), [
        `stdout: ${'x'.repeat(99)}`,
      ]);
      await container.destroy();
    });

    it('keeps unicode, and lines without an end', async () => {
      const container = await initialized(
        'function main() { process.stdout.write("❄ ☃ ".repeat(30000) + "❄"); process.stderr.write("e") }',
      );
      await post(container, '/run', {});
      const lines = texts((await container.collectLogs(LOGS)).lines);
      assert.deepEqual(lines.toSorted(), ['stderr: e', `stdout: ${'❄ ☃ '.repeat(30000)}❄`]);
      await container.destroy();
    });

    it('passes a megabyte in and out', async () => {
      const container = await initialized('const main = (args) => args');
      const value = { a: 'a'.repeat(MB - 20) };
      assert.deepEqual((await post(container, '/run', value)).body, value);
      await container.destroy();
    });

    it('has the openwhisk client for its actions, at the API host that the container is told', async () => {
      const container = await initialized(
        `const openwhisk = require('openwhisk');
         const main = () => ({ url: openwhisk({ api_key: 'a:b' }).actions.client.options.api })`,
      );
      assert.deepEqual((await post(container, '/run', {})).body, { url: 'http://api.example:80/api/v1/' });
      await container.destroy();
    });

    it('truncates a response that is too long, and continues', async () => {
      const container = await initialized('const main = ({ n }) => ({ a: "ä".repeat(n) })');
      const run = (n: number): Promise<ContainerResponse> =>
        container.post('/run', JSON.stringify({ value: { n } }), {
          timeoutMs: 240_000,
          maxResponseBytes: 1000,
          truncationBytes: 100,
        });
      const cut = await run(5000);
      assert.equal(cut.status, 200);
      assert.deepEqual(cut.truncated, { length: 10_008, limit: 1000 });
      assert.equal(cut.body, `{"a":"${'ä'.repeat(47)}`);
      const whole = await run(490);
      assert.equal(whole.truncated, undefined);
      assert.deepEqual(JSON.parse(whole.body), { a: 'ä'.repeat(490) });
      await container.destroy();
    });

    it('stops waiting when the time is over', async () => {
      const container = await initialized('const main = () => new Promise(() => setInterval(() => {}, 1000))');
      await assert.rejects(
        container.post('/run', '{"value":{}}', { timeoutMs: 200, maxResponseBytes: MB, truncationBytes: MB }),
        ContainerTimeoutError,
      );
      const logs = await container.collectLogs({ ...LOGS, expectSentinels: false, timeoutMs: 200 });
      assert.deepEqual(logs.lines, []);
      await container.destroy();
    });

    it('says that logs may be missing when their end does not come', async () => {
      for (let timeoutMs = 300; ; timeoutMs *= 4) {
        const container = await initialized('const main = () => { console.log("here"); return new Promise(() => {}) }');
        await assert.rejects(
          container.post('/run', '{"value":{}}', { timeoutMs, maxResponseBytes: MB, truncationBytes: MB }),
        );
        const { lines, complete } = await container.collectLogs({ ...LOGS, timeoutMs: 100 });
        await container.destroy();
        assert.equal(complete, false);
        // On a busy machine the action may not have run by then. That try says nothing.
        if (lines.length === 1 && timeoutMs < 20_000) continue;
        assert.deepEqual(texts(lines), [
          'stdout: here',
          'stderr: There was an issue while collecting your logs. Data might be missing.',
        ]);
        break;
      }
    });

    it('sees a container that exits while it runs an action', async () => {
      const container = await initialized('const main = () => { console.log("bye"); process.exit(3) }');
      await assert.rejects(post(container, '/run', {}), (error) => {
        assert.ok(error instanceof ContainerConnectionError, String(error));
        assert.equal(error.failure, 'broken');
        return true;
      });
      await container.exited;
      assert.equal(container.running, false);
      const logs = await container.collectLogs({ ...LOGS, expectSentinels: false, quietMs: LOGS.timeoutMs });
      assert.deepEqual(texts(logs.lines), ['stdout: bye']);
      await assert.rejects(post(container, '/run', {}), { failure: 'refused' });
      await container.destroy();
    });

    it('tells a container that used too much memory from one that exits', async () => {
      const container = await initialized(
        'function main() { const all = []; for (;;) all.push(new Array(1e5).fill(0).map((_, i) => ({ i }))) }',
        { memoryMB: 128 },
      );
      await assert.rejects(post(container, '/run', {}), (error) => {
        assert.ok(error instanceof ContainerConnectionError, String(error));
        assert.equal(error.failure, 'outOfMemory');
        return true;
      });
      await container.destroy();
    });

    it('gives an activation no lines of another, whatever an action prints', async () => {
      const container = await initialized(`
        const sentinel = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
        const main = ({ run }) => {
          console.log(run);
          console.log(sentinel);
          require('fs').writeSync(2, sentinel + '\\n' + sentinel + '\\n' + run + '\\n');
          require('child_process').execSync('echo ' + sentinel, { stdio: 'inherit' });
          return {};
        }`);
      assert.ok(container.signsLogs);
      for (const run of ['one', 'two', 'three']) {
        await post(container, '/run', { run });
        const { lines, complete } = await container.collectLogs(LOGS);
        assert.ok(complete);
        const told = texts(lines).filter((line) => !line.includes('XXX_THE_END'));
        assert.deepEqual(told.toSorted(), [`stderr: ${run}`, `stdout: ${run}`]);
        assert.equal(lines.length, 6);
      }
      await container.destroy();
    });

    it('drops lines that an action writes after its activation', async () => {
      const container = await initialized(
        `const main = ({ late }) => {
           if (late) setTimeout(() => setTimeout(() => console.log('late'), 5), 5);
           return {};
         }`,
      );
      const run = async (late: boolean): Promise<CollectedLogs> => {
        await post(container, '/run', { late });
        return container.collectLogs(LOGS);
      };
      // On a busy machine the line may come after the next activation began. That try says nothing.
      for (let tries = 1; ; tries += 1) {
        await run(true);
        await new Promise((resolve) => setTimeout(resolve, 200));
        const { lines, leftover } = await run(false);
        if (leftover === 0 && tries < 10) continue;
        assert.deepEqual(texts(lines), []);
        assert.equal(leftover, 1);
        break;
      }
      await container.destroy();
    });

    it('pauses and resumes', async () => {
      const container = await initialized('let n = 0; setInterval(() => { n += 1 }, 5); const main = () => ({ n })');
      await container.pause();
      const paused = container.post('/run', '{"value":{}}', {
        timeoutMs: 300,
        maxResponseBytes: MB,
        truncationBytes: MB,
      });
      await assert.rejects(paused, ContainerTimeoutError);
      await container.resume();
      const { status, body } = await post(container, '/run', {});
      // The run that was sent while paused may have gone through after the resume.
      assert.ok(status === 200 && (body as { n: number }).n >= 0, JSON.stringify(body));
      await container.destroy();
    });

    it('destroys a paused container', async () => {
      const container = await initialized('const main = () => ({})');
      await container.pause();
      await container.destroy();
      await container.exited;
      assert.equal(container.running, false);
    });

    it('runs one at a time unless it may overlap', async () => {
      // Each activation waits until all that should run with it have begun.
      const code = `const begun = [];
        const main = ({ n, together }) => new Promise((resolve) => {
          begun.push(() => resolve({ n }));
          if (begun.length === together) for (const end of begun.splice(0)) end();
        })`;
      const single = await initialized(code);
      const several = await initialized(code, { concurrency: 3 });
      const answers = await Promise.all([1, 2, 3].map((n) => post(several, '/run', { n, together: 3 })));
      assert.deepEqual(
        answers.map(({ body }) => body),
        [{ n: 1 }, { n: 2 }, { n: 3 }],
      );
      for (let i = 0; i < 3; i += 1) assert.ok((await several.collectLogs(LOGS)).complete);
      assert.deepEqual((await post(single, '/run', { n: 1, together: 1 })).body, { n: 1 });
      await Promise.all([single.destroy(), several.destroy()]);
    });

    it('destroys a running container, also twice; running requests fail', async () => {
      const container = await initialized('const main = () => new Promise(() => setInterval(() => {}, 1000))');
      const run = assert.rejects(post(container, '/run', {}), ContainerConnectionError);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await Promise.all([container.destroy(), container.destroy()]);
      await run;
      await container.exited;
      await container.destroy();
    });

    it('removes the leftovers of an earlier run, and nothing of others', async () => {
      const earlier = await start(`${owner}-leftovers`);
      const left = await create({}, earlier.driver);
      const bystander = await initialized('const main = () => ({ alive: true })');
      const later = await start(`${owner}-leftovers`);
      assert.equal(await later.driver.removeLeftovers(), 1);
      await left.exited;
      assert.equal(left.running, false);
      assert.deepEqual((await post(bystander, '/run', {})).body, { alive: true });
      await Promise.all([earlier.driver.close(), later.driver.close(), bystander.destroy()]);
    });

    it('destroys all that it made when it closes', async () => {
      const { driver } = await start(`${owner}-closing`);
      const containers = await Promise.all([create({}, driver), create({}, driver)]);
      await driver.close();
      await Promise.all(containers.map((container) => container.exited));
      assert.deepEqual(
        containers.map((container) => container.running),
        [false, false],
      );
    });
  });
}
