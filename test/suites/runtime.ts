import assert from 'node:assert/strict';
import {
  ContainerConnectionError,
  ContainerTimeoutError,
  type Container,
  type ContainerDriver,
} from '../../invoker/containers/ContainerDriver.js';
import type { Language, Source } from './languages.js';

const MB = 1024 * 1024;
const LOGS = { maxBytes: MB, expectSentinels: true, timeoutMs: 240_000 };

/** What the runtime of every kind must do, with every driver. */
export function runtimeSuite(
  language: Language,
  driverName: string,
  { driver, reference }: { readonly driver: () => ContainerDriver; readonly reference: string },
): void {
  describe(`runtime of ${language.name}, ${driverName}`, () => {
    let count = 0;
    let tested: ContainerDriver;
    before(() => {
      tested = driver();
    });
    after(() => tested.close());

    function create(memoryMB = 256): Promise<Container> {
      count += 1;
      return tested.create({
        name: `runtime-${process.pid}_${language.name}_${count}`,
        image: { kind: language.kind, reference, pull: false },
        memoryMB,
        environment: { __OW_API_HOST: 'http://api.example:80' },
        concurrency: 1,
      });
    }

    async function post(
      container: Container,
      path: '/init' | '/run',
      body: object,
      timeoutMs = 240_000,
    ): Promise<{ status: number; body: unknown }> {
      const limits = { timeoutMs, maxResponseBytes: 2 * MB, truncationBytes: MB };
      const response = await container.post(path, JSON.stringify(body), limits);
      return { status: response.status, body: JSON.parse(response.body) };
    }

    function init(container: Container, { code, main = 'main', binary = false }: Source): ReturnType<typeof post> {
      return post(container, '/init', { value: { name: 'action', main, code, binary, env: { A: 'variable' } } });
    }

    async function initialized(source: Source, memoryMB?: number): Promise<Container> {
      const container = await create(memoryMB);
      assert.deepEqual(await init(container, source), { status: 200, body: { OK: true } });
      return container;
    }

    const run = (container: Container, value: unknown): ReturnType<typeof post> => post(container, '/run', { value });

    async function logs(container: Container, expectSentinels = true): Promise<string> {
      const { lines, complete } = await container.collectLogs({ ...LOGS, expectSentinels, quietMs: LOGS.timeoutMs });
      if (expectSentinels) assert.ok(complete, lines.join('\n'));
      // Without the times.
      return lines.map((line) => line.slice(31)).join('\n');
    }

    it('has the environment of container, action and invocation', async () => {
      const container = await initialized(language.environment);
      const { status, body } = await post(container, '/run', { value: { x: '☃' }, activation_id: 'xyz' });
      assert.equal(status, 200);
      assert.deepEqual(body, { x: '☃', host: 'http://api.example:80', a: 'variable', id: 'xyz' });
      await container.destroy();
    });

    it('takes and returns objects and arrays, also large ones, several times', async () => {
      const container = await initialized(language.echo);
      for (const value of [{ a: { b: [1, 2.5, null, true] } }, ['a', { b: '❄' }], {}, { a: 'ä'.repeat(MB / 2) }]) {
        assert.deepEqual(await run(container, value), { status: 200, body: value });
      }
      await container.destroy();
    });

    it('ends the logs of each run on both streams, and signs them', async () => {
      const container = await initialized(language.logs);
      assert.ok(container.signsLogs);
      for (const n of [1, 2]) {
        assert.equal((await run(container, { n })).status, 200);
        const lines = (await logs(container)).split('\n');
        assert.deepEqual(lines.toSorted(), [`stderr: err ${n}`, `stdout: out ${n}`]);
      }
      await container.destroy();
    });

    it('logs the place of an error in the user’s code', async () => {
      const container = await initialized(language.fails);
      const { body } = await run(container, {});
      assert.ok(typeof body === 'object' && body !== null && 'error' in body, JSON.stringify(body));
      assert.match(await logs(container), language.failsWith);
      await container.destroy();
    });

    it('refuses a result that is not an object, and says why', async () => {
      const container = await initialized(language.text);
      assert.deepEqual(await run(container, {}), { status: 502, body: { error: language.textError } });
      assert.match(await logs(container), language.textLogs);
      await container.destroy();
    });

    const { broken, named } = language;
    if (broken) {
      it('says why code cannot be initialized', async () => {
        const container = await create();
        const { status, body } = await init(container, broken);
        assert.equal(status, 502);
        assert.match((body as { error: string }).error, broken.error);
        assert.match(await logs(container, false), broken.logs);
        await container.destroy();
      });
    }

    it('unpacks a zip, keeps its permissions, and runs the program in its folder', async () => {
      const container = await initialized(language.zip);
      assert.deepEqual(await run(container, {}), { status: 200, body: { said: 'tool: word' } });
      await container.destroy();
    });

    it('names what a zip lacks', async () => {
      const container = await create();
      const { status, body } = await init(container, language.empty);
      assert.equal(status, 502);
      assert.match((body as { error: string }).error, language.empty.error);
      assert.match(await logs(container, false), language.empty.logs);
      await container.destroy();
    });

    if (named) {
      it('runs the function that the action names', async () => {
        const container = await initialized(named);
        assert.deepEqual(await run(container, { a: 1 }), { status: 200, body: { a: 1 } });
        await container.destroy();
      });
    }

    it('initializes once', async () => {
      const container = await initialized(language.echo);
      const { status, body } = await init(container, language.echo);
      assert.deepEqual(
        { status, body },
        { status: 403, body: { error: 'Cannot initialize the action more than once.' } },
      );
      await container.destroy();
    });

    it('ends when it uses too much memory', async () => {
      const container = await initialized(language.fills, 128);
      await assert.rejects(run(container, {}), (error) => {
        assert.ok(error instanceof ContainerConnectionError, String(error));
        assert.equal(error.failure, 'outOfMemory');
        return true;
      });
      await container.destroy();
    });

    it('ends together with the programs that it started', async () => {
      const container = await initialized(language.sleeps);
      await assert.rejects(post(container, '/run', { value: {} }, 300), ContainerTimeoutError);
      await container.destroy();
      await container.exited;
      assert.equal(container.running, false);
    });
  });
}
