import assert from 'node:assert/strict';
import {
  ContainerConnectionError,
  ContainerStartError,
  ContainerTimeoutError,
} from '../../../../invoker/containers/ContainerDriver.js';
import { ok } from './FakeDriver.js';
import { LargeCode } from '../../../../shared/entities/LargeCode.js';
import { StoreError } from '../../../../shared/store/ArtifactStore.js';
import { CorruptedEntityError } from '../../../../shared/store/EntityStore.js';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { executable, Gate, message, NODE_IMAGE, PoolFixture, settle } from './setup.js';

const CELL = { kind: 'nodejs:20', memoryMB: 256, image: NODE_IMAGE, initialCount: 1 };

describe('ContainerPool', () => {
  describe('reuse', () => {
    it('initializes a container once and runs many activations in it', async () => {
      const f = new PoolFixture();
      await f.run();
      await f.run();
      await f.run();
      assert.equal(f.driver.containers.length, 1);
      assert.deepEqual(
        f.driver.containers[0]?.posts.map((post) => post.path),
        ['/init', '/run', '/run', '/run'],
      );
      assert.match(await f.registry.metrics(), /starts_total\{invoker="invoker0",start="warm"\} 2/);
    });

    it('keeps actions, revisions and namespaces apart', async () => {
      const f = new PoolFixture({ userMemoryMB: 4096 });
      const other = { ...message().user, namespace: { name: 'other', uuid: 'u2' } };
      await f.run();
      await f.run({ name: 'second' });
      await f.run({ _rev: '2-b' });
      await f.run({}, { user: other });
      assert.equal(f.driver.containers.length, 4);
    });

    it('makes a second container while the first is busy', async () => {
      const f = new PoolFixture();
      const gate = new Gate();
      f.driver.answer = async ({ path }) => {
        if (path === '/run') await gate.pass();
        return ok({});
      };
      const both = [f.run(), f.run()];
      await settle();
      assert.equal(f.driver.containers.length, 2);
      gate.open();
      await Promise.all(both);
      await f.run();
      assert.equal(f.driver.containers.length, 2);
    });

    it('runs the next activation while the logs of the last one are still read', async () => {
      const f = new PoolFixture({ userMemoryMB: 256 });
      const gate = new Gate();
      f.driver.logs = async () => {
        await gate.pass();
        return { lines: ['line'], complete: true, leftover: 0 };
      };
      const first = f.run();
      await settle();
      const second = f.run();
      await settle();
      assert.equal(f.driver.containers[0]?.posts.length, 3);
      assert.equal(f.driver.containers[0]?.collected.length, 1, 'the logs of the second come after those of the first');
      const more = [f.run(), f.run(), f.run()];
      await settle();
      assert.equal(f.driver.containers[0]?.posts.length, 5, 'logs do not pile up');
      gate.open();
      await Promise.all([first, second, ...more]);
      assert.deepEqual(
        f.heard.records.map((record) => record.logs),
        Array.from({ length: 5 }, () => ['line']),
      );
    });

    it('does not use a container again after a failure, but does after an application error', async () => {
      const f = new PoolFixture();
      f.driver.answer = ({ path }) => (path === '/init' ? ok({}) : ok({ error: 'mine' }));
      await f.run();
      await f.run();
      assert.equal(f.driver.containers.length, 1);
      f.driver.answer = ({ path }) => (path === '/init' ? ok({}) : { status: 502, body: '{"error":"thrown"}' });
      await f.run();
      await settle();
      assert.equal(f.driver.alive.length, 0);
      f.driver.answer = () => ok({});
      await f.run();
      assert.equal(f.driver.containers.length, 2);
      assert.deepEqual(
        f.heard.records.map((record) => record.response.statusCode),
        [1, 1, 2, 0],
      );
    });

    it('waits for the logs of an activation before the next one, where the runtime does not sign them', async () => {
      const f = new PoolFixture({ userMemoryMB: 256 });
      await f.run();
      const [container] = f.driver.containers;
      assert.ok(container);
      container.signsLogs = false;
      let collected = (): void => undefined;
      f.driver.logs = () =>
        new Promise((resolve) => (collected = () => resolve({ lines: [], complete: true, leftover: 3 })));
      const runs = (): number => container.posts.filter(({ path }) => path === '/run').length;
      const both = [f.run(), f.run()];
      await settle();
      assert.equal(runs(), 2);
      collected();
      await settle();
      assert.equal(runs(), 3);
      collected();
      await Promise.all(both);
    });

    it('removes a container whose logs were cut off', async () => {
      const f = new PoolFixture();
      f.driver.logs = () => ({ lines: ['cut'], complete: false, leftover: 0 });
      await f.run();
      await settle();
      assert.equal(f.driver.alive.length, 0);
      assert.deepEqual(f.heard.records[0]?.logs, ['cut']);
    });
  });

  describe('memory', () => {
    it('waits in order while it is full, the head first', async () => {
      const f = new PoolFixture({ userMemoryMB: 512 });
      const gate = new Gate();
      const ran: string[] = [];
      f.driver.answer = async ({ path, body }) => {
        if (path === '/run') {
          ran.push(String(body['action_name']));
          await gate.pass();
        }
        return ok({});
      };
      const run = (name: string, memory = 256) =>
        f.run({ name, memory }, { action: { path: 'guest', name, version: '0.0.1' } });
      const all = [run('a'), run('b'), run('big', 512), run('a')];
      await settle();
      assert.deepEqual(ran, ['/guest/a', '/guest/b']);
      gate.one();
      await settle();
      assert.deepEqual(ran, ['/guest/a', '/guest/b'], 'the second `a` finds a warm container, but does not pass');
      gate.one();
      await settle();
      assert.deepEqual(ran, ['/guest/a', '/guest/b', '/guest/big']);
      gate.open();
      await Promise.all(all);
      assert.deepEqual(ran, ['/guest/a', '/guest/b', '/guest/big', '/guest/a']);
    });

    it('evicts the least recently used container to make room', async () => {
      const f = new PoolFixture({ userMemoryMB: 512 });
      await f.run({ name: 'a' });
      f.now += 5000;
      await f.run({ name: 'b' });
      f.now += 1000;
      await f.run({ name: 'c' });
      assert.deepEqual(
        f.driver.alive.map((container) => container.spec.name.split('_').at(-1)),
        ['b', 'c'],
      );
    });

    it('refuses what can never fit, as a fault of the action', async () => {
      const f = new PoolFixture({ userMemoryMB: 256 });
      await f.run({ memory: 512 });
      assert.deepEqual(f.heard.records[0]?.response, {
        statusCode: 2,
        result: {
          error: 'Failed to provision resources to run the action. It needs 512 MB, and an invoker has 256 MB.',
        },
      });
    });
  });

  describe('idle containers', () => {
    it('pauses after the grace time, resumes for work, and removes after the idle time', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      f.now += 9000;
      f.pool.sweep();
      await settle();
      assert.equal(container?.paused, false);
      f.now += 1000;
      f.pool.sweep();
      await settle();
      assert.equal(container?.paused, true);
      assert.equal(f.pool.counts().containers.paused, 1);
      await f.run();
      assert.equal(f.driver.containers.length, 1);
      assert.equal(container?.paused, false);
      f.now += 610_000;
      f.pool.sweep();
      await settle();
      assert.equal(f.driver.alive.length, 0);
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('waits for a pause under way before it resumes', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      const gate = new Gate();
      if (container) container.pausing = () => gate.pass();
      f.now += 10_000;
      f.pool.sweep();
      const run = f.run();
      await settle();
      assert.equal(container?.posts.length, 2);
      gate.open();
      await run;
      assert.equal(container?.posts.length, 3);
      assert.equal(f.driver.containers.length, 1);
    });

    it('takes another container when resuming fails, and drops this one', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      if (container) container.resuming = () => Promise.reject(new Error('no'));
      f.now += 10_000;
      f.pool.sweep();
      await settle();
      await f.run();
      assert.equal(f.driver.containers.length, 2);
      assert.equal(container?.running, false);
      assert.equal(f.heard.records[1]?.response.statusCode, 0);
    });

    it('drops a container that cannot be paused', async () => {
      const f = new PoolFixture();
      await f.run();
      const [container] = f.driver.containers;
      if (container) container.pausing = () => Promise.reject(new Error('no'));
      f.now += 10_000;
      f.pool.sweep();
      await settle();
      assert.equal(container?.running, false);
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('drops a container that died while it was idle', async () => {
      const f = new PoolFixture();
      await f.run();
      f.driver.containers[0]?.die();
      await settle();
      assert.equal(f.pool.counts().usedMB, 0);
      await f.run();
      assert.equal(f.driver.containers.length, 2);
    });
  });

  describe('stem cells', () => {
    it('starts them, takes one for its kind and memory, and replaces it', async () => {
      const f = new PoolFixture({}, [CELL]);
      f.pool.sweep();
      await settle();
      assert.equal(f.pool.counts().containers.prewarmed, 1);
      await f.run();
      assert.equal(f.driver.containers.length, 1);
      assert.match(await f.registry.metrics(), /start="prewarmed"\} 1/);
      f.pool.sweep();
      await settle();
      assert.equal(f.driver.containers.length, 2);
      await f.run({ name: 'small', memory: 128 });
      assert.equal(f.driver.containers.length, 3, 'another memory is another container');
    });

    it('assigns one that is still being created', async () => {
      const f = new PoolFixture({}, [CELL]);
      const gate = new Gate();
      f.driver.creating = () => gate.pass();
      f.pool.sweep();
      const run = f.run();
      await settle();
      gate.open();
      await run;
      assert.equal(f.driver.containers.length, 1);
    });

    it('replaces one that died, and delays one that cannot start', async () => {
      const f = new PoolFixture({}, [CELL]);
      f.pool.sweep();
      await settle();
      f.driver.containers[0]?.die();
      await settle();
      let tries = 0;
      f.driver.creating = () => {
        tries++;
        throw new ContainerStartError('no');
      };
      for (let i = 0; i < 10; i++) {
        f.pool.sweep();
        await settle();
      }
      assert.equal(tries, 1);
      f.now += 1000;
      f.pool.sweep();
      await settle();
      assert.equal(tries, 2);
      f.driver.creating = () => {};
      f.now += 2000;
      f.pool.sweep();
      await settle();
      assert.equal(f.pool.counts().containers.prewarmed, 1);
    });

    it('leaves free memory to the activation that waits for it', async () => {
      const f = new PoolFixture({ userMemoryMB: 512 }, [CELL]);
      const gate = new Gate();
      f.driver.answer = async ({ path }) => {
        if (path === '/run') await gate.pass();
        return ok({});
      };
      const runs = [f.run({ name: 'a' })];
      await settle();
      runs.push(f.run({ name: 'big', memory: 512 }));
      f.pool.sweep();
      await settle();
      assert.equal(f.pool.counts().usedMB, 256, 'no stem cell while an activation waits');
      gate.open();
      await Promise.all(runs);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode),
        [0, 0],
      );
    });

    it('gives up idle stem cells where their memory is needed', async () => {
      const f = new PoolFixture({ userMemoryMB: 512 }, [{ ...CELL, initialCount: 2 }]);
      f.pool.sweep();
      await settle();
      assert.equal(f.pool.counts().usedMB, 512);
      await f.run({ memory: 512 });
      assert.equal(f.heard.records[0]?.response.statusCode, 0);
    });

    it('falls back to another container when a stem cell is dead at its first use', async () => {
      const f = new PoolFixture({}, [CELL]);
      f.pool.sweep();
      await settle();
      f.driver.answer = (_, container) => {
        if (container.id === 'c0') throw new ContainerConnectionError('refused', 'gone');
        return ok({});
      };
      await f.run();
      assert.equal(f.heard.records[0]?.response.statusCode, 0);
      assert.equal(f.heard.records.length, 1);
    });
  });

  describe('failures', () => {
    it('records a time limit and destroys the container', async () => {
      const f = new PoolFixture();
      f.driver.answer = ({ path, options }) => {
        if (path === '/init') return ok({});
        f.now += options.timeoutMs - 1;
        throw new ContainerTimeoutError('late');
      };
      await f.run({ limits: { timeout: 1000, memory: 256, logs: 10, concurrency: 1 } });
      await settle();
      const [record] = f.heard.records;
      assert.deepEqual(record?.response, {
        statusCode: 2,
        result: { error: 'The action exceeded its time limits of 1000 milliseconds.' },
      });
      assert.equal(record?.annotations.find(({ key }) => key === 'timeout')?.value, true);
      assert.match(record?.logs.at(-1) ?? '', /^\S+ +stderr: The action did not initialize or run as expected\./);
      assert.equal(f.driver.alive.length, 0);
      assert.equal(f.driver.containers[0]?.collected[0]?.expectSentinels, false);
    });

    it('records an initialization that failed, with its time as initTime', async () => {
      const f = new PoolFixture();
      f.driver.answer = () => {
        f.now += 7;
        return { status: 502, body: '{"error":"Initialization has failed"}' };
      };
      await f.run();
      await settle();
      const [record] = f.heard.records;
      assert.equal(record?.response.statusCode, 2);
      assert.equal(record?.duration, 7);
      assert.equal(record?.annotations.find(({ key }) => key === 'initTime')?.value, 7);
      assert.deepEqual(
        f.heard.acks.map((ack) => ack.kind),
        ['combined'],
      );
      assert.equal(f.driver.alive.length, 0);
    });

    it('records a container that died while it ran', async () => {
      const f = new PoolFixture();
      f.driver.answer = ({ path }, container) => {
        if (path === '/run') container.die();
        return path === '/init' ? ok({}) : new Promise(() => {});
      };
      await f.run();
      await settle();
      assert.deepEqual(f.heard.records[0]?.response, {
        statusCode: 2,
        result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
      });
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('says when the memory was exhausted', async () => {
      const f = new PoolFixture();
      f.driver.answer = ({ path }) => {
        if (path === '/init') return ok({});
        throw new ContainerConnectionError('outOfMemory', 'killed');
      };
      await f.run();
      assert.deepEqual(f.heard.records[0]?.response.result, {
        error: 'The action exhausted its memory and was aborted.',
      });
    });

    it('records a container that could not be made, as the fault of whose it is', async () => {
      const f = new PoolFixture();
      f.driver.creating = () => {
        throw new ContainerStartError("Failed to pull container image 'x'.", {
          imageFault: true,
          cause: new Error('manifest unknown'),
        });
      };
      await f.run();
      assert.match(
        f.heard.records[0]?.logs.join() ?? '',
        /stderr: Failed to pull container image 'x'\. manifest unknown/,
      );
      f.driver.creating = () => {
        throw new ContainerStartError('daemon is away');
      };
      await f.run({}, { blocking: false });
      assert.deepEqual(
        f.heard.records.map(({ response }) => response),
        [
          { statusCode: 2, result: { error: "Failed to pull container image 'x'." } },
          { statusCode: 3, result: { error: 'Failed to provision resources to run the action.' } },
        ],
      );
      assert.deepEqual(
        f.heard.acks.map((ack) => ack.kind),
        ['combined', 'combined'],
      );
      assert.equal(f.pool.counts().usedMB, 0);
    });

    it('explains an undecryptable parameter as the user’s error, without a container', async () => {
      const f = new PoolFixture({}, [], {
        decrypt: () => {
          throw new Error('unable to authenticate data');
        },
      });
      await f.run({}, { content: { mine: 'text' }, lockedArgs: { mine: 'aes-256' } });
      const [record] = f.heard.records;
      assert.equal(record?.response.statusCode, 2);
      assert.match(JSON.stringify(record.response.result), /'mine' cannot be decrypted with aes-256/);
      assert.match(record.logs.join(), /stderr: .*'mine' cannot be decrypted/);
      assert.equal(f.driver.containers.length, 0);
    });

    it('gives an activation to another container when the warm one does not listen any more', async () => {
      const f = new PoolFixture();
      await f.run();
      f.driver.answer = (_, container) => {
        if (container.id === 'c0') throw new ContainerConnectionError('refused', 'gone');
        return ok({});
      };
      await f.run();
      assert.equal(f.driver.containers.length, 2);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode),
        [0, 0],
      );
    });

    it('gives up an activation that no container takes', async () => {
      const f = new PoolFixture();
      f.driver.answer = ({ path }) => (path === '/init' ? ok({}) : { status: 503, body: '' });
      await f.run();
      assert.equal(f.driver.containers.length, 5);
      assert.equal(f.heard.records[0]?.response.statusCode, 2, 'the fault is that of the code in the containers');
    });

    it('counts against the platform that containers could not be resumed', async () => {
      const f = new PoolFixture();
      const gate = new Gate();
      f.driver.answer = async ({ path }) => {
        if (path === '/run') await gate.pass();
        return ok({});
      };
      const first = [1, 2, 3, 4].map(() => f.run());
      await settle();
      gate.open();
      await Promise.all(first);
      for (const container of f.driver.containers) container.resuming = () => Promise.reject(new Error('no'));
      f.now += 10_000;
      f.pool.sweep();
      await settle();
      f.driver.answer = () => ({ status: 503, body: '' });
      await f.run();
      assert.equal(f.heard.records.at(-1)?.response.statusCode, 3);
    });
  });

  describe('concurrency in one container', () => {
    it('holds those that come during the initialization, then runs up to the limit at once', async () => {
      const f = new PoolFixture({ maxConcurrency: 3 });
      const init = new Gate();
      const gate = new Gate();
      let running = 0;
      f.driver.answer = async ({ path }) => {
        if (path === '/init') await init.pass();
        else {
          running++;
          await gate.pass();
          running--;
        }
        return ok({});
      };
      const all = [1, 2, 3, 4].map(() => f.run({ concurrency: 3 }));
      await settle();
      assert.equal(f.driver.containers.length, 2, 'the fourth needs another container');
      init.open();
      await settle();
      assert.equal(f.driver.containers[0]?.posts.filter(({ path }) => path === '/init').length, 1);
      assert.equal(f.driver.containers[0]?.posts.filter(({ path }) => path === '/run').length, 3);
      assert.equal(running, 4);
      gate.open();
      await Promise.all(all);
    });

    it('shares the fate of a failed initialization', async () => {
      const f = new PoolFixture({ maxConcurrency: 3 });
      const init = new Gate();
      f.driver.answer = async () => {
        await init.pass();
        return { status: 502, body: '{"error":"bad code"}' };
      };
      const all = [1, 2, 3].map(() => f.run({ concurrency: 3 }));
      await settle();
      init.open();
      await Promise.all(all);
      await settle();
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.result),
        [{ error: 'bad code' }, { error: 'bad code' }, { error: 'bad code' }],
      );
      assert.equal(f.driver.alive.length, 0);
    });

    it('runs elsewhere what a runtime refused because another activation had stopped it', async () => {
      const f = new PoolFixture({ maxConcurrency: 4 });
      await f.run({ concurrency: 4 });
      const gate = new Gate();
      const stopped = new Set<string>();
      f.driver.answer = async ({ path, body }, container) => {
        if (path === '/init') return ok({});
        await gate.pass();
        if (stopped.has(container.id)) {
          return { status: 403, body: '{"error":"System not ready, status is stopped."}' };
        }
        if (JSON.stringify(body['value']) === '{"throw":true}') {
          stopped.add(container.id);
          return { status: 502, body: '{"error":"An error has occurred: Error: mine"}' };
        }
        return ok({});
      };
      const all = [true, false, false, false].map((fails) =>
        f.run({ concurrency: 4 }, { content: fails ? { throw: true } : {} }),
      );
      await settle();
      gate.open();
      await Promise.all(all);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode),
        [0, 2, 0, 0, 0],
      );
    });

    it('takes a 403 of an action that runs alone for its answer', async () => {
      const f = new PoolFixture();
      f.driver.answer = ({ path }) =>
        path === '/init' ? ok({}) : { status: 403, body: '{"error":"System not ready, status is stopped."}' };
      await f.run();
      assert.equal(f.driver.containers.length, 1);
      assert.equal(f.heard.records[0]?.response.statusCode, 2);
    });

    it('says of what a dead container took along that it shared the container', async () => {
      const f = new PoolFixture({ maxConcurrency: 3 });
      await f.run({ concurrency: 3 });
      f.driver.answer = () => new Promise(() => {});
      const all = [1, 2, 3].map(() => f.run({ concurrency: 3 }));
      await settle();
      f.driver.containers[0]?.die();
      await Promise.all(all);
      for (const { response } of f.heard.records.slice(1, 3)) {
        assert.equal(response.statusCode, 2);
        assert.match(
          JSON.stringify(response.result),
          /exited unexpectedly\. The container also ran (another activation|2 other activations), which may have ended it/,
        );
      }
    });

    it('puts the activations of a dead container back in the order in which they came', async () => {
      const f = new PoolFixture({ userMemoryMB: 256, maxConcurrency: 3 });
      await f.run({ concurrency: 3 });
      const ran: string[] = [];
      let refuse = true;
      f.driver.answer = ({ path, body }, container) => {
        if (path === '/init') return ok({});
        if (refuse && container.id === 'c0') throw new ContainerConnectionError('refused', 'gone');
        ran.push(String((body['value'] as { n: number }).n));
        return ok({});
      };
      const all = [0, 1, 2, 3, 4].map((n) => f.run({ concurrency: 3 }, { content: { n } }));
      await Promise.all(all);
      refuse = false;
      assert.deepEqual(ran, ['0', '1', '2', '3', '4']);
    });

    it('lets the others end when one fails, and then removes the container', async () => {
      const f = new PoolFixture({ maxConcurrency: 2 });
      await f.run({ concurrency: 2 });
      const gate = new Gate();
      let n = 0;
      f.driver.answer = async () => {
        if (n++ === 0) return { status: 502, body: '{}' };
        await gate.pass();
        return ok({});
      };
      const all = [f.run({ concurrency: 2 }), f.run({ concurrency: 2 })];
      await settle();
      assert.equal(f.driver.containers[0]?.running, true);
      assert.equal(f.pool.counts().containers.draining, 1);
      gate.open();
      await Promise.all(all);
      await settle();
      assert.equal(f.driver.containers[0]?.running, false);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode).toSorted((a, b) => a - b),
        [0, 0, 2],
      );
    });
  });

  describe('colors', () => {
    /** A pool with two containers, that of red and that of blue, in this order. */
    async function redAndBlue() {
      const f = new PoolFixture();
      const gate = new Gate();
      f.driver.answer = async ({ path }) => {
        if (path === '/run') await gate.pass();
        return ok({});
      };
      const colored = (value: string): Promise<Handled> => f.run({}, { color: { value, hit: true } });
      const first = [colored('red'), colored('blue')];
      await settle();
      gate.open();
      await Promise.all(first);
      return { f, colored };
    }

    it('sends a color to the container that last served it, a new one to the container with the fewest', async () => {
      const { f, colored } = await redAndBlue();
      const where = (n: number): unknown =>
        f.heard.records.at(n)?.annotations.find(({ key }) => key === 'container')?.value;
      const [red, blue] = [where(0), where(1)];
      assert.notEqual(red, blue);
      for (let i = 0; i < 3; i++) {
        await colored('red');
        assert.equal(where(-1), red);
        await colored('blue');
        assert.equal(where(-1), blue);
      }
      await colored('green');
      const green = where(-1);
      await colored('yellow');
      assert.notEqual(where(-1), green, 'the one with fewer colors takes the new one');
      const metrics = await f.registry.metrics();
      assert.match(metrics, /colored_activations_total\{invoker="invoker0",container="met"\} 6/);
      assert.match(metrics, /colored_activations_total\{invoker="invoker0",container="other"\} 4/);
      assert.equal(f.driver.containers.length, 2);
    });

    it('keeps the homes of an action awake while it is in use, and resumes a paused one in advance', async () => {
      const { f, colored } = await redAndBlue();
      const sweepAfter = async (ms: number): Promise<void> => {
        f.now += ms;
        f.pool.sweep();
        await settle();
      };
      const [red, blue] = f.driver.containers;
      await sweepAfter(9000);
      await colored('red');
      await sweepAfter(9000);
      assert.equal(blue?.paused, false, 'blue was not used for 18 s, but the action was');
      await sweepAfter(1000);
      assert.ok(red?.paused && blue?.paused, 'they sleep together');
      await colored('red');
      assert.equal(blue.paused, true);
      const posts = red.posts.length;
      await colored('blue');
      assert.equal(red.posts.length, posts + 1, 'it does not wait for its home while another is awake');
      await settle();
      assert.equal(f.pool.counts().containers.warm, 2, 'its home is awake for the next one');
      assert.equal(f.driver.containers.length, 2);
    });
  });

  describe('closing', () => {
    it('lets what it has end, then removes every container', async () => {
      const f = new PoolFixture({ userMemoryMB: 256 });
      const gate = new Gate();
      f.driver.answer = async ({ path }) => {
        if (path === '/run') await gate.pass();
        return ok({ done: true });
      };
      const runs = [f.run(), f.run()];
      await settle();
      const closed = f.pool.close(5000);
      await settle();
      assert.equal(f.driver.alive.length, 1);
      gate.open();
      await closed;
      await Promise.all(runs);
      assert.equal(f.driver.alive.length, 0);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode),
        [0, 0],
      );
    });

    it('ends with a record of failure what outlasts the limit', async () => {
      const f = new PoolFixture({ userMemoryMB: 256 });
      f.driver.answer = ({ path }) => (path === '/init' ? ok({}) : new Promise(() => {}));
      const runs = [f.run(), f.run()];
      await settle();
      await f.pool.close(10);
      await Promise.all(runs);
      assert.equal(f.driver.alive.length, 0);
      assert.deepEqual(
        f.heard.records.map(({ response }) => response.statusCode),
        [3, 3],
      );
    });
  });

  it('takes it for no fault of the invoker where large code is gone when a container needs it, and removes the container', async () => {
    for (const [read, statusCode, error] of [
      [
        async () => undefined,
        1,
        'Action version is not compatible and cannot be invoked. ' +
          'It was deleted, or changed to another kind, before it could run.',
      ],
      [
        async () => Promise.reject(new CorruptedEntityError('guest/hello', 'its code is missing')),
        2,
        'Action could not be fetched. Its document is damaged: its code is missing',
      ],
      [async () => Promise.reject(new StoreError('away')), 3, 'Action could not be fetched.'],
    ] as const) {
      const f = new PoolFixture();
      await f.pool.submit(message(), { ...executable(), code: new LargeCode(3, read) });
      assert.deepEqual(f.heard.records[0]?.response, { statusCode, result: { error } });
      await settle();
      assert.deepEqual(
        f.driver.containers.map(({ posts, collected, removed }) => [posts.length, collected.length, removed]),
        [[0, 0, true]],
      );
      assert.equal(f.pool.counts().usedMB, 0);
    }
  });

  it('throws the logs of an action with a log limit of 0 away, and acknowledges it at once', async () => {
    const f = new PoolFixture();
    await f.pool.submit(message(), executable({ logs: 0 }));
    await f.pool.submit(message({ blocking: false }), executable({ logs: 0 }));
    const discarding = { maxBytes: 0, expectSentinels: false, timeoutMs: 0 };
    assert.deepEqual(f.driver.containers[0]?.collected, [discarding, discarding]);
    assert.deepEqual(
      f.heard.records.map(({ logs }) => logs),
      [[], []],
    );
    assert.deepEqual(
      f.heard.acks.map((ack) => ack.kind),
      ['combined', 'completion'],
    );
  });
});
