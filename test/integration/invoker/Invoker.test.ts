import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { ContainerDriver } from '../../../invoker/containers/ContainerDriver.js';
import { DockerDriver } from '../../../invoker/containers/docker/DockerDriver.js';
import { ProcessDriver } from '../../../invoker/containers/process/ProcessDriver.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { RUNTIME_IMAGE } from '../../../shared/runtimes/image.js';
import { acknowledgedActivation } from '../../../shared/messages/acknowledgement.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { eventually } from '../../e2e/eventually.js';
import { ensureDocker } from '../docker.js';
import { StoreUnavailableError, type ArtifactStore, type NewDocument } from '../../../shared/store/ArtifactStore.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';
import { Installation, type InstallationOptions } from './Installation.js';

const owner = `test-invoker-${process.pid}`;
const ABNORMAL = { error: 'The action did not produce a valid response and exited unexpectedly.' };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const detected = await ensureDocker({ install: process.env['CI'] === 'true' });

describe('Invoker', function () {
  over('process', {
    driver: () => new ProcessDriver({ logger: silentLogger, owner }),
    kill: async (container) => {
      process.kill(-Number(container), 'SIGKILL');
      // On a busy machine it may live on for a while.
      await until(() => hasEnded(Number(container)));
    },
  });
  if (detected.usable) {
    const { docker, reach } = detected;
    over('docker', {
      driver: () => new DockerDriver({ logger: silentLogger, owner, docker, reach }),
      kill: async (container) => {
        const ended = docker.getContainer(container).wait();
        await docker.getContainer(container).kill();
        await ended;
      },
    });
    describe("with a user's own image", () => {
      let installation: Installation;
      beforeEach(async () => {
        const driver = new DockerDriver({ logger: silentLogger, owner, docker, reach });
        installation = await Installation.open({ driver });
      });
      afterEach(() => installation.close());

      it('runs it', async () => {
        const code = 'function main({ n }) { return { twice: 2 * n }; }';
        await installation.putAction('own', '', {
          exec: { kind: 'blackbox', image: RUNTIME_IMAGE, code, binary: false },
        });
        const record = await installation.invoke('own', { content: { n: 4 } });
        assert.deepEqual(record?.response.result, { twice: 8 });
        assert.equal(record?.annotations.find(({ key }) => key === 'kind')?.value, 'blackbox');
      });

      it('says that an image cannot be had', async () => {
        const image = 'no-registry.invalid/nobody/nothing:1.0';
        await installation.putAction('missing', '', { exec: { kind: 'blackbox', image, binary: false } });
        const record = await installation.invoke('missing');
        assert.deepEqual(record?.response, {
          statusCode: 2,
          result: { error: `Failed to pull container image '${image}'.` },
        });
        assert.deepEqual(
          installation.acks.map(({ kind }) => kind),
          ['combined'],
        );
      });
    });
  } else {
    it(`needs Docker: ${detected.reason}`, function () {
      if (process.env['CI'] === 'true') assert.fail(detected.reason);
      this.skip();
    });
  }
});

interface Engine {
  driver(): ContainerDriver;
  /** Ends a container from outside, and waits for its end. */
  kill(container: string): Promise<void>;
}

function over(name: string, engine: Engine): void {
  describe(`over ${name}`, () => {
    let installation: Installation;

    async function install(options: Partial<InstallationOptions> = {}): Promise<void> {
      installation = await Installation.open({ driver: engine.driver(), ...options });
    }
    /** Starts the action's container. Its time limit counts for the start, too: a busy machine may need several attempts. */
    const warm = (name: string): Promise<void> =>
      eventually(async () => assert.equal((await installation.invoke(name))?.response.statusCode, 0));
    afterEach(() => installation.close());

    it('runs an action, acknowledges its result and its completion, and records it with logs', async () => {
      await install();
      const { _rev: revision = null } = await installation.putAction(
        'hello',
        'function main({ name }) { console.log("hi", name); return { greeting: `Hello ${name}` }; }',
      );
      const cold = await installation.invoke('hello', { content: { name: 'you' }, revision });
      const warm = await installation.invoke('hello', { content: { name: 'me' }, revision });
      assert.deepEqual(cold?.response, { statusCode: 0, result: { greeting: 'Hello you' }, size: 24 });
      assert.match(cold?.logs[0] ?? '', /^\S{30} stdout: hi you$/);
      assert.match(warm?.logs[0] ?? '', /^\S{30} stdout: hi me$/);
      assert.deepEqual(
        cold?.annotations.map(({ key }) => key),
        ['path', 'waitTime', 'kind', 'timeout', 'limits', 'initTime'],
      );
      assert.deepEqual(
        warm?.annotations.map(({ key }) => key),
        ['path', 'waitTime', 'kind', 'timeout', 'limits'],
      );
      // One after the other, or both at once where the logs came in time.
      assert.match(installation.acks.map(({ kind }) => kind).join(' '), /^((result completion|combined)( |$)){2}$/);
    });

    it('gives the action its context', async () => {
      await install();
      await installation.putAction(
        'context',
        `function main(args) {
          const { __OW_NAMESPACE, __OW_ACTION_NAME, __OW_ACTION_VERSION, __OW_API_KEY, __OW_API_HOST, SECRET } = process.env;
          return { args, __OW_NAMESPACE, __OW_ACTION_NAME, __OW_ACTION_VERSION, __OW_API_KEY, __OW_API_HOST, SECRET };
        }`,
      );
      const record = await installation.invoke('context', { content: { SECRET: 'env', a: 1 }, initArgs: ['SECRET'] });
      assert.deepEqual(record?.response.result, {
        args: { a: 1 },
        __OW_NAMESPACE: 'guest',
        __OW_ACTION_NAME: '/guest/context',
        __OW_ACTION_VERSION: '0.0.1',
        __OW_API_KEY: 'uuid:key',
        __OW_API_HOST: 'http://localhost:1',
        SECRET: 'env',
      });
    });

    it('runs several activations in one container at once if the action takes them', async () => {
      await install({ limits: { concurrency: { min: 1, max: 5, std: 1 } } });
      await installation.putAction(
        'many',
        `let running = 0, most = 0;
        let release, together = new Promise((resolve) => (release = resolve));
        async function main({ wanted = 1 }) {
          most = Math.max(most, ++running);
          if (wanted > 1) {
            if (running === wanted) release();
            await together;
          }
          running--;
          return { most, pid: process.pid };
        }`,
        { limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 5 } },
      );
      await installation.invoke('many');
      const wanted = { content: { wanted: 5 } };
      const records = await Promise.all(Array.from({ length: 5 }, () => installation.invoke('many', wanted)));
      const results = records.map((record) => record?.response.result as { most: number; pid: number });
      assert.equal(new Set(results.map(({ pid }) => pid)).size, 1);
      assert.equal(Math.max(...results.map(({ most }) => most)), 5);
    });

    it('runs elsewhere what a container refuses after another of its activations has thrown', async () => {
      await install({ limits: { concurrency: { min: 1, max: 10, std: 1 } }, userMemoryMB: 2048 });
      await installation.putAction(
        'mixed',
        `function main({ n, bad }) {
          if (bad) throw new Error('thrown');
          return new Promise((resolve) => setTimeout(resolve, 50, { n }));
        }`,
        { limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 10 } },
      );
      await installation.invoke('mixed', { content: { n: -1 } });
      const records = await Promise.all(
        Array.from({ length: 30 }, (_, n) => installation.invoke('mixed', { content: { n, bad: n % 10 === 4 } })),
      );
      for (const [n, record] of records.entries()) {
        const expected = n % 10 === 4 ? { error: 'An error has occurred: Error: thrown' } : { n };
        assert.deepEqual(record?.response.result, expected, `activation ${n}`);
      }
    });

    describe('when something goes wrong', () => {
      it('ends an action that outlasts its time limit', async () => {
        await install();
        await installation.putAction(
          'slow',
          'function main({ hang }) { console.log("on"); return hang ? new Promise(() => {}) : {}; }',
          { limits: { timeout: 2000, memory: 256, logs: 10, concurrency: 1 } },
        );
        await warm('slow');
        const record = await installation.invoke('slow', { content: { hang: true } });
        assert.deepEqual(record?.response, {
          statusCode: 2,
          result: { error: 'The action exceeded its time limits of 2000 milliseconds.' },
        });
        assert.equal(record?.annotations.find(({ key }) => key === 'timeout')?.value, true);
        assert.match(record?.logs[0] ?? '', /stdout: on$/);
      });

      it('ends an action that never gives the machine back', async () => {
        await install();
        await installation.putAction('loop', 'function main({ hang }) { while (hang); return {}; }', {
          limits: { timeout: 2000, memory: 256, logs: 10, concurrency: 1 },
        });
        await warm('loop');
        const record = await installation.invoke('loop', { content: { hang: true } });
        assert.deepEqual(record?.response.result, {
          error: 'The action exceeded its time limits of 2000 milliseconds.',
        });
        await until(() => installation.invoker.counts()?.usedMB === 0);
      });

      it('records an action that exits, long before its time limit', async () => {
        await install();
        await installation.putAction(
          'exits',
          'function main() { console.log("bye"); setTimeout(() => process.exit(1), 50); return new Promise(() => {}); }',
        );
        const record = await installation.invoke('exits');
        assert.deepEqual(record?.response, { statusCode: 2, result: ABNORMAL });
        assert.match(record?.logs[0] ?? '', /stdout: bye$/);
        assert.match(record?.logs.at(-1) ?? '', /stderr: The action did not initialize or run as expected/);
      });

      it('records an action that exits while it is initialized', async () => {
        await install();
        await installation.putAction('quits', 'process.exit(3);');
        const record = await installation.invoke('quits');
        assert.equal(record?.response.statusCode, 2);
        assert.deepEqual(record?.response.result, {
          error: 'The action did not initialize and exited unexpectedly.',
        });
      });

      it('says that an action took more memory than it may', async () => {
        await install();
        await installation.putAction(
          'glutton',
          'function main() { const all = []; for (;;) all.push(Buffer.alloc(8 << 20, 1)); }',
          { limits: { timeout: 30_000, memory: 128, logs: 10, concurrency: 1 } },
        );
        const record = await installation.invoke('glutton');
        assert.deepEqual(record?.response, {
          statusCode: 2,
          result: { error: 'The action exhausted its memory and was aborted.' },
        });
      });

      it('records what ran in a container that was killed, and goes on in another', async () => {
        await install();
        await installation.putAction(
          'victim',
          'async function main({ ms }) { await new Promise((resolve) => setTimeout(resolve, ms)); return { ms }; }',
        );
        const color = { value: 'blue', hit: true };
        const first = await installation.invoke('victim', { content: { ms: 0 }, color });
        const container = containerOf(first);
        const running = installation.invoke('victim', { content: { ms: 60_000 }, color });
        await until(() => (installation.invoker.counts()?.containers.busy ?? 0) > 0);
        await pause(200);
        await engine.kill(container);
        const killed = await running;
        assert.deepEqual(killed?.response, { statusCode: 2, result: ABNORMAL });
        const next = await installation.invoke('victim', { content: { ms: 0 }, color });
        assert.equal(next?.response.statusCode, 0);
        assert.notEqual(containerOf(next), container);
      });

      it('notices that an idle container was killed, and loses nothing by it', async () => {
        await install();
        await installation.putAction('idle', 'function main() { return {}; }');
        const color = { value: 'blue', hit: true };
        for (let i = 0; i < 3; i++) {
          const record = await installation.invoke('idle', { color });
          assert.equal(record?.response.statusCode, 0);
          await engine.kill(containerOf(record));
          await pause(50 + i * 300);
        }
        assert.equal((await installation.invoke('idle', { color }))?.response.statusCode, 0);
      });

      it('cuts off logs that are over the limit, and results', async () => {
        await install();
        await installation.putAction(
          'talks',
          'function main() { for (let i = 0; i < 3000; i++) console.log("x".repeat(1000)); return { text: "y".repeat(2 << 20) }; }',
          { limits: { timeout: 60_000, memory: 256, logs: 1, concurrency: 1 } },
        );
        const record = await installation.invoke('talks');
        assert.match(
          record?.logs.at(-1) ?? '',
          /Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes\.$/,
        );
        assert.equal(record?.response.statusCode, 1);
        const { error = '' } = (record?.response.result ?? {}) as { error?: string };
        assert.match(
          error,
          /^The action produced a response that exceeded the allowed length: \d+ > 1048576 bytes\. The truncated response was: \{"text":"yyy/,
        );
        assert.equal(record?.response.size, (2 << 20) + 11);
      });

      it('records an action that is not there, and one that is not to be run', async () => {
        await install();
        const missing = await installation.invoke('missing');
        assert.deepEqual(missing?.response, {
          statusCode: 1,
          result: { error: 'Action could not be found or may have been deleted.' },
        });
        assert.deepEqual(
          missing?.annotations.map(({ key, value }) => [key, value]),
          [
            ['path', 'guest/missing'],
            ['kind', 'unknown'],
          ],
        );
        await installation.putAction('strange', '', { exec: { kind: 'cobol:85', code: '', binary: false } });
        assert.deepEqual((await installation.invoke('strange'))?.response, {
          statusCode: 2,
          result: {
            error:
              'Action version is not compatible and cannot be invoked. ' +
              "This platform has no runtime for its kind 'cobol:85'.",
          },
        });
        await installation.putAction('large', '', { limits: { timeout: 1000, memory: 1024, logs: 1, concurrency: 1 } });
        assert.deepEqual((await installation.invoke('large'))?.response, {
          statusCode: 1,
          result: { error: 'memory size 1024 MB exceeds allowed threshold of 512 MB' },
        });
      });

      it('does not run activations of a blocked namespace', async () => {
        await install();
        await installation.putAction('hello', 'function main() { return {}; }');
        await installation.stores.subjects.put({ _id: 'guest/limits', invocationsPerMinute: 0 } as { _id: string });
        await installation.invoker.stop();
        await installation.invoker.start();
        assert.equal(await installation.invoke('hello'), undefined);
        const [ack] = installation.acks;
        assert.equal(ack?.kind, 'combined');
        assert.equal(installation.invoker.counts()?.usedMB, 0);
      });
    });

    it('pauses a container that has nothing to do, resumes it for work, and removes it in the end', async () => {
      await install({ config: { pauseGraceMs: 100 } });
      const code = 'let n = 0; function main() { return { n: ++n }; }';
      await installation.putAction('counts', code);
      await installation.invoke('counts');
      await until(() => installation.invoker.counts()?.containers.paused === 1);
      assert.deepEqual((await installation.invoke('counts'))?.response.result, { n: 2 });
      await until(() => installation.invoker.counts()?.containers.paused === 1);
      await installation.close();
      await install({ config: { pauseGraceMs: 100, idleContainerMs: 500 } });
      await installation.putAction('counts', code);
      await installation.invoke('counts');
      await until(() => installation.invoker.counts()?.usedMB === 0);
      assert.deepEqual((await installation.invoke('counts'))?.response.result, { n: 1 });
    });

    it('keeps a color to the container that has served it, and spreads others', async () => {
      await install();
      await installation.putAction(
        'cache',
        `const seen = [];
        async function main({ key, ms }) {
          const hit = seen.includes(key);
          seen.push(key);
          await new Promise((resolve) => setTimeout(resolve, ms));
          return { hit };
        }`,
      );
      const call = (key: string, ms: number) =>
        installation.invoke('cache', { content: { key, ms }, color: { value: key, hit: true } });
      // Three containers, a color in each.
      await Promise.all(['red', 'green', 'blue'].map((key) => call(key, 300)));
      for (const key of ['red', 'blue', 'green', 'green', 'red', 'blue']) {
        assert.deepEqual((await call(key, 0))?.response.result, { hit: true });
      }
      assert.equal(installation.invoker.counts()?.containers.warm, 3);
    });

    it('runs a message that is delivered twice only once', async () => {
      await install();
      await installation.putAction('counts', 'let n = 0; function main() { return { n: ++n }; }');
      const activationId = newActivationId();
      await Promise.all([
        installation.invoke('counts', { activationId }),
        installation.send('counts', { activationId }),
      ]);
      assert.deepEqual((await installation.invoke('counts'))?.response.result, { n: 2 });
    });

    it('takes no more activations than it can keep the records of while the store is away', async function () {
      const stores = await openTemporaryStores();
      let away = true;
      const writable: ArtifactStore = Object.assign(Object.create(stores.activations) as ArtifactStore, {
        get: (key: string) => stores.activations.get(key),
        putMany: (documents: readonly NewDocument[]) =>
          away ? Promise.reject(new StoreUnavailableError('away')) : stores.activations.putMany(documents),
      });
      const ROOM = 5;
      const SENT = 60;
      const records = { maxBacklogBytes: ROOM * 11_000, maxRetryDelayMs: 20 };
      await install({ stores: { ...stores, activations: writable }, records });
      await installation.putAction('large', "function main() { return { large: 'x'.repeat(10000) }; }");
      const ids = Array.from({ length: SENT }, () => newActivationId());
      for (const activationId of ids) await installation.send('large', { activationId });
      // An activation has one acknowledgement, or one for its result and one for its completion.
      const acknowledged = (): number => new Set(installation.acks.map(acknowledgedActivation)).size;
      // All containers start at once, which takes a busy machine long.
      await until(() => acknowledged() > 0);
      // The invoker fetches no more once enough wait: the rest stays in the topic. It has come to rest when nothing is added.
      for (let before = -1; before !== acknowledged(); await pause(1000)) before = acknowledged();
      // Each of the four containers may have run four more whose logs were not read, so that they had no record yet.
      const ran = acknowledged();
      assert.ok(ran <= ROOM + 1 + 4 * 4, `${ran} ran although there was no room for their records`);
      away = false;
      await until(() => acknowledged() === SENT);
      // An acknowledgement may come before the record, which waits for the logs.
      const isRecorded = async (id: string): Promise<boolean> => {
        await installation.activations.flush();
        return (await stores.activations.get(`guest/${id}`)) !== undefined;
      };
      for (const id of ids) {
        for (let i = 0; i < 1000 && !(await isRecorded(id)); i++) await pause(50);
        assert.ok(await isRecorded(id), id);
      }
    });

    it('lets running activations end when it is stopped, and removes its containers', async () => {
      await install();
      await installation.putAction(
        'slow',
        'async function main() { await new Promise((resolve) => setTimeout(resolve, 1000)); return { done: true }; }',
      );
      const running = installation.invoke('slow');
      await until(() => (installation.invoker.counts()?.containers.busy ?? 0) > 0);
      await installation.invoker.stop();
      assert.deepEqual((await running)?.response.result, { done: true });
      assert.equal(installation.pings.at(-1)?.isEnabled, false);
      assert.equal(await engine.driver().removeLeftovers(), 0);
    });

    it('ends late activations when it is stopped, with records that do not blame the action', async () => {
      await install();
      await installation.putAction('endless', 'function main() { return new Promise(() => {}); }');
      const running = installation.invoke('endless');
      await until(() => (installation.invoker.counts()?.containers.busy ?? 0) > 0);
      await installation.invoker.stop(100);
      assert.deepEqual((await running)?.response, { statusCode: 3, result: ABNORMAL });
    });

    it('prepares containers for activations to come, without running one', async () => {
      await install();
      await installation.putAction('soon', 'function main() { return { ran: true }; }');
      const activationId = newActivationId();
      await installation.send('soon', { activationId, blocking: false, prepare: 2 });
      await until(() => installation.invoker.counts()?.containers.warm === 2);
      await installation.send('nosuch', { activationId: newActivationId(), blocking: false, prepare: 2 });
      const record = await installation.invoke('soon');
      assert.deepEqual(record?.response.result, { ran: true });
      assert.equal(
        record.annotations.some(({ key }) => key === 'initTime'),
        false,
        'its container was ready',
      );
      assert.equal(await installation.activations.get('guest', activationId), undefined);
      // One activation may have a result and a completion.
      const acknowledged = new Set(installation.acks.map(acknowledgedActivation));
      assert.deepEqual([...acknowledged], [record.activationId], 'nothing is acknowledged that did not run');
      assert.equal(installation.pings[0]?.prepares, true);
    });

    it('says that it lives, and twice that it does not want work', async () => {
      await install();
      const said = (): unknown[] => installation.pings.map(({ isEnabled }) => isEnabled);
      await until(() => installation.pings.length > 0);
      assert.equal(await installation.invoker.disable(), 'invoker0/test is now disabled.');
      assert.equal(installation.invoker.isEnabled, false);
      await until(() => said().at(-1) === false && said().at(-2) === false);
      assert.equal(installation.pings.at(-1)?.drains, true, 'it goes on to run what it gets');
      const { length } = said();
      await pause(1200);
      assert.equal(said().length, length, 'after that it is silent');
      assert.equal(installation.invoker.enable(), 'invoker0/test is now enabled.');
      assert.equal(installation.invoker.enable(), 'invoker0/test is already enabled.');
      await until(() => said().at(-1) === true);
    });
  });
}

async function until(condition: () => boolean, limitMs = 60_000): Promise<void> {
  for (const end = Date.now() + limitMs; !condition() && Date.now() < end;) await pause(10);
  assert.ok(condition(), `it did not come to be in ${limitMs / 1000} s`);
}

/** A process that nobody has waited for yet is a zombie. */
function hasEnded(pid: number): boolean {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

/** Where a colored activation ran. */
function containerOf(record: ActivationRecord | undefined): string {
  const container = record?.annotations.find(({ key }) => key === 'container')?.value;
  assert.ok(typeof container === 'string');
  return container;
}
