import assert from 'node:assert/strict';
import {
  ContainerConnectionError,
  ContainerStartError,
  ContainerTimeoutError,
} from '../../../../invoker/containers/ContainerDriver.js';
import { LargeCode } from '../../../../shared/entities/LargeCode.js';
import { StoreError } from '../../../../shared/store/ArtifactStore.js';
import { CorruptedEntityError } from '../../../../shared/store/EntityStore.js';
import { ok } from './FakeDriver.js';
import { executable, Gate, message, PoolFixture, settle } from './setup.js';

describe('Runs', () => {
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
      const [collected] = f.driver.containers[0]?.collected ?? [];
      assert.deepEqual([collected?.expectSentinels, collected?.quietMs], [false, 1000]);
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

  it('does not blame the invoker if large code is gone when a container needs it, and removes the container', async () => {
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

  it('counts the waits of an activation for the store together', async () => {
    const f = new PoolFixture();
    const waited: number[] = [];
    const read = async (waitedMs: number): Promise<Uint8Array> => {
      waited.push(waitedMs);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return Buffer.from('code');
    };
    f.driver.answer = ({ path }) => (path === '/init' && waited.length < 2 ? { status: 503, body: '' } : ok({}));
    await f.pool.submit(message(), { ...executable(), code: new LargeCode(3, read) }, 7000);
    const [first = 0, second = 0] = waited;
    assert.equal(waited.length, 2);
    assert.ok(first >= 7000 && first < 60_000, `${first} ms`);
    assert.ok(second >= 7004 && second < 60_000, `${second} ms`);
  });

  it('collects no logs of a run that wrote nothing, and acknowledges it at once, also before the logs of an earlier one', async () => {
    const f = new PoolFixture({ userMemoryMB: 256 });
    const gate = new Gate();
    f.driver.logs = async () => {
      await gate.pass();
      return { lines: ['line'], complete: true, leftover: 0 };
    };
    const printing = f.run();
    await settle();
    f.driver.answer = () => ({ ...ok({}), silent: true });
    await f.run();
    await f.pool.submit(message({ blocking: false }), executable({ logs: 0 }));
    assert.deepEqual(
      f.heard.acks.map((ack) => ack.kind),
      ['result', 'combined', 'completion'],
    );
    gate.open();
    await printing;
    assert.deepEqual(
      f.heard.records.map(({ logs }) => logs),
      [[], [], ['line']],
    );
    assert.deepEqual(
      f.driver.containers.map(({ collected }) => collected.length),
      [1],
    );
  });

  it('collects the logs of a run that wrote nothing but took too long', async () => {
    const f = new PoolFixture();
    f.driver.answer = ({ path, options }) => {
      if (path === '/run') f.now += options.timeoutMs;
      return path === '/init' ? ok({}) : { ...ok({}), silent: true };
    };
    await f.run();
    assert.match(f.heard.records[0]?.logs.at(-1) ?? '', /The action did not initialize or run as expected\./);
    await settle();
    assert.equal(f.driver.alive.length, 0);
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

    it('runs activations elsewhere that a runtime refused because another one had stopped it', async () => {
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

    it('tells activations of a dead container that they shared it', async () => {
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
});
