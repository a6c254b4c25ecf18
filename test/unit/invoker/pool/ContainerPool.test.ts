import assert from 'node:assert/strict';
import { ContainerConnectionError, ContainerStartError } from '../../../../invoker/containers/ContainerDriver.js';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { ok } from './FakeDriver.js';
import { Gate, message, NODE_IMAGE, PoolFixture, settle } from './setup.js';

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

    it('waits for the logs of an activation before the next one, if the runtime does not sign them', async () => {
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

    it('refuses an action that can never fit, as a fault of the action', async () => {
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

    it('replaces a dead stem cell, and delays one that cannot start', async () => {
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

    it('gives up idle stem cells if their memory is needed', async () => {
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

  describe('holding activations back', () => {
    it('begins an activation when it may begin, and those behind it after it', async () => {
      let change = (): void => {};
      let held = true;
      const holdBack = ({ blocking }: { readonly blocking: boolean }): Promise<void> | undefined =>
        held && !blocking ? new Promise((resolve) => (change = resolve)) : undefined;
      const f = new PoolFixture({}, [], { holdBack });
      await f.run({}, { blocking: true, content: { n: 1 } });
      const later = [
        f.run({}, { blocking: false, content: { n: 2 } }),
        f.run({}, { blocking: true, content: { n: 3 } }),
      ];
      await settle();
      const values = (): unknown[] =>
        f.driver.containers.flatMap(({ posts }) =>
          posts.flatMap(({ path, body }) => (path === '/run' ? [body['value']] : [])),
        );
      assert.deepEqual(values(), [{ n: 1 }]);
      assert.equal(f.pool.counts().waiting, 2);
      held = false;
      change();
      await Promise.all(later);
      assert.deepEqual(values().slice(0, 2), [{ n: 1 }, { n: 2 }]);
      assert.equal(values().length, 3);
    });

    it('asks again for each activation', async () => {
      const asked: string[] = [];
      const holdBack = ({ activationId }: { readonly activationId: string }): Promise<void> | undefined => {
        asked.push(activationId);
        return asked.filter((id) => id === activationId).length === 1 ? Promise.resolve() : undefined;
      };
      const f = new PoolFixture({}, [], { holdBack });
      await Promise.all([
        f.run({}, { blocking: false, activationId: 'a' }),
        f.run({ name: 'other' }, { blocking: false, activationId: 'b' }),
      ]);
      assert.deepEqual(asked.toSorted(), ['a', 'a', 'b', 'b']);
    });

    it('does not ask for an activation that has no container', async () => {
      const asked: string[] = [];
      const holdBack = ({ activationId }: { readonly activationId: string }): undefined => {
        asked.push(activationId);
      };
      const f = new PoolFixture({ userMemoryMB: 256 }, [], { holdBack });
      const gate = new Gate();
      f.driver.answer = async ({ path }) => {
        if (path === '/run') await gate.pass();
        return ok({});
      };
      const runs = [f.run({}, { activationId: 'a' }), f.run({}, { activationId: 'b' })];
      await settle();
      assert.deepEqual(asked, ['a']);
      gate.open();
      await Promise.all(runs);
      assert.deepEqual(asked, ['a', 'b']);
    });
  });

  describe('closing', () => {
    it('finishes its activations, then removes every container', async () => {
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

    it('ends activations that outlast the limit with a record of failure', async () => {
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
});
