import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ok } from './FakeDriver.js';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { Gate, message, PoolFixture, settle } from './setup.js';

const ORIGIN = message().user;
const user = (name: string) => ({ ...ORIGIN, namespace: { name, uuid: name } });

/** A pool whose runs end one by one, with the order in which they began. */
function fixture(userMemoryMB: number) {
  const f = new PoolFixture({ userMemoryMB });
  const gate = new Gate();
  const began: string[] = [];
  f.driver.answer = async ({ path, body }) => {
    if (path === '/run') {
      began.push(`${String(body['namespace'])}/${String((body['value'] as { n: number }).n)}`);
      await gate.pass();
    }
    return ok({});
  };
  const call = (namespace: string, name: string, n: number): Promise<Handled> =>
    f.run({ name }, { user: user(namespace), content: { n } });
  const step = async (): Promise<Handled> => {
    gate.one();
    await settle();
  };
  return { f, gate, began, call, step };
}

describe('a pool that is asked for more than it can run', () => {
  it('finishes activations that have begun, and leaves the others to the next run', async () => {
    const { f, gate, began, call } = fixture(256);
    const calls = [call('a', 'x', 0), call('a', 'x', 1), call('b', 'y', 0)];
    await settle();
    f.pool.leaveWaiting();
    assert.deepEqual(await Promise.all(calls.slice(1)), ['left', 'left']);
    assert.equal(await call('c', 'z', 0), 'left', 'it came later');
    gate.open();
    assert.equal(await calls[0], undefined);
    assert.deepEqual(began, ['a/0']);
    await f.pool.close(0);
    assert.equal(f.heard.records.length, 1);
  });

  it('serves another namespace next, however many activations of the first one wait', async () => {
    const { gate, began, call, step } = fixture(512);
    const all = Array.from({ length: 200 }, (_, n) => call('neighbour', 'x', n));
    await settle();
    all.push(call('victim', 'v', 0), call('victim', 'v', 1));
    await settle();
    await step();
    await step();
    assert.ok(began.slice(0, 4).includes('victim/0'), began.slice(0, 4).join());
    await step();
    await step();
    assert.ok(began.slice(0, 7).includes('victim/1'), began.slice(0, 7).join());
    gate.open();
    await Promise.all(all);
  });

  it('leaves a namespace within its share its warm container, while another one has more than enough to do', async () => {
    const { f, gate, call, step } = fixture(1024);
    const first = call('victim', 'v', 0);
    await settle();
    await step();
    await first;
    const all = Array.from({ length: 300 }, (_, n) => call('neighbour', 'x', n));
    await settle();
    const created = f.driver.containers.length;
    for (let n = 1; n <= 20; n++) {
      const run = call('victim', 'v', n);
      await settle();
      for (let i = 0; i < 12; i++) await step();
      await run;
      f.now += 500;
    }
    assert.equal(f.driver.containers.length, created, 'no call of the victim needed a new container');
    gate.open();
    await Promise.all(all);
  });

  it('is used whole by a namespace that is alone, also after another one has left', async () => {
    const { f, gate, call, step } = fixture(1024);
    const first = call('victim', 'v', 0);
    await settle();
    await step();
    await first;
    f.now += 11_000;
    const all = Array.from({ length: 100 }, (_, n) => call('neighbour', 'x', n));
    await settle();
    assert.equal(f.pool.counts().containers.busy + f.pool.counts().containers.initializing, 4);
    gate.open();
    await Promise.all(all);
  });

  it('lets the actions of one namespace take turns, without a new container for each', async () => {
    const { f, gate, began, call, step } = fixture(512);
    const all = Array.from({ length: 100 }, (_, n) => call('one', 'x', n));
    await settle();
    all.push(...[100, 101, 102].map((n) => call('one', 'y', n)));
    await settle();
    for (let i = 0; i < 40; i++) await step();
    assert.ok(began.includes('one/102'), 'the second action does not wait for all of the first');
    assert.ok(f.driver.containers.length <= 5, `${f.driver.containers.length} containers for two actions`);
    gate.open();
    await Promise.all(all);
  });

  it('keeps the order within each action, and runs each activation once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            namespace: fc.constantFrom('a', 'b', 'c'),
            name: fc.constantFrom('x', 'y'),
            steps: fc.nat(2),
          }),
          { minLength: 1, maxLength: 40, size: 'max' },
        ),
        fc.constantFrom(256, 512, 1024),
        async (calls, userMemoryMB) => {
          const { f, gate, began, call, step } = fixture(userMemoryMB);
          const all: Promise<Handled>[] = [];
          const sent = new Map<string, string[]>();
          for (const [n, { namespace, name, steps }] of calls.entries()) {
            all.push(call(namespace, name, n));
            const flow = `${namespace}|${name}`;
            sent.set(flow, [...(sent.get(flow) ?? []), `${namespace}/${n}`]);
            await settle();
            for (let i = 0; i < steps; i++) await step();
          }
          for (let i = 0; i < 2 * calls.length; i++) await step();
          gate.open();
          await Promise.all(all);
          assert.equal(began.length, calls.length);
          for (const order of sent.values()) {
            const ran = began.filter((one) => order.includes(one));
            assert.deepEqual(ran, order);
          }
          assert.equal(f.pool.counts().waiting, 0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives an uncolored action its turn, however many colored activations another namespace sends', async () => {
    const containers = 2;
    // Those that begin in its round, and those for which a container of theirs is free: see `Backlog.ts`.
    const mayPass = containers + 8;
    const event = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ kind: fc.constant('colored' as const), color: fc.constantFrom('r', 'g', 'b') }),
      },
      fc.record({ kind: fc.constant('uncolored' as const) }),
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
      fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 80 }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 80, size: 'max' }), async (events) => {
        const { f, gate, began, call, step } = fixture(containers * 256);
        const colored = (color: string, n: number): Promise<Handled> =>
          f.run(
            { name: 'x' },
            { user: user('colored'), content: { n }, color: { value: color, hit: true, patience: 100 } },
          );
        const all: Promise<Handled>[] = [];
        let waits = false;
        let since = 0;
        for (const [n, each] of events.entries()) {
          if (each.kind === 'colored') all.push(colored(each.color, n));
          else if (each.kind === 'pass') f.now += each.ms;
          else if (each.kind === 'end') await step();
          else if (!waits) {
            since = began.length;
            waits = true;
            all.push(call('plain', 'y', n));
          }
          await settle();
          if (began.slice(since).some((one) => one.startsWith('plain/'))) waits = false;
          if (waits) assert.ok(began.length - since <= mayPass, `passed by ${began.length - since}`);
        }
        gate.open();
        await Promise.all(all);
        assert.equal(f.pool.counts().waiting, 0);
      }),
      { numRuns: 100 },
    );
  });

  it('makes a single action wait exactly as first come, first served', async () => {
    const { gate, began, call, step } = fixture(512);
    const all = Array.from({ length: 50 }, (_, n) => call('one', 'x', n));
    await settle();
    for (let i = 0; i < 48; i++) await step();
    assert.deepEqual(
      began,
      Array.from({ length: 50 }, (_, n) => `one/${n}`),
    );
    gate.open();
    await Promise.all(all);
  });
});
