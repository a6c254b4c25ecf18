import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { Handled } from '../../../../shared/messaging/Messaging.js';
import { InstanceWaits } from '../../../../invoker/pool/InstanceWaits.js';
import { ok } from './FakeDriver.js';
import { Gate, message, PoolFixture, settle } from './setup.js';

interface Sent {
  readonly namespace?: string;
  readonly instances?: number;
  readonly concurrency?: number;
  readonly color?: string;
}

/** A pool in which each run passes the gate of its namespace. */
function gated(userMemoryMB = 2048) {
  const f = new PoolFixture({ userMemoryMB, maxConcurrency: 4 });
  const gates = new Map<string, Gate>();
  const gate = (namespace: string): Gate => {
    const known = gates.get(namespace) ?? new Gate();
    gates.set(namespace, known);
    return known;
  };
  f.driver.answer = async ({ path, body }) => {
    if (path === '/run') await gate(String(body['namespace'])).pass();
    return ok({});
  };
  const submit = ({ namespace = 'limited', instances, concurrency = 1, color }: Sent = {}): Promise<Handled> =>
    f.run(
      { namespace, concurrency },
      {
        user: { ...message().user, namespace: { name: namespace, uuid: namespace } },
        ...(color === undefined ? {} : { color: { value: color, hit: true, patience: 100 } }),
        ...(instances === undefined ? {} : { instances }),
      },
    );
  return { f, gate, submit };
}

describe('the activations that wait for a container of their action', () => {
  it('go on one by one, in order of arrival, whatever the order in which they came', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 12 }), (arrivals) => {
        const gone: number[] = [];
        let queued = false;
        const waits = new InstanceWaits<{ flow: string; arrival: number }>({
          mayStart: () => true,
          isQueued: () => queued,
          release: ({ arrival }) => {
            gone.push(arrival);
            queued = true;
          },
        });
        for (const arrival of arrivals) waits.park({ flow: 'a', arrival });
        assert.equal(waits.size, arrivals.length);
        while (waits.size > 0) {
          waits.stir('a');
          assert.equal(waits.release(), true);
          waits.stir('a');
          assert.equal(waits.release(), false, 'the last one has not started yet');
          queued = false;
        }
        assert.deepEqual(
          gone,
          arrivals.toSorted((a, b) => a - b),
        );
        assert.equal(waits.has('a'), false);
      }),
    );
  });

  it('are looked at only when their action is stirred', () => {
    const gone: string[] = [];
    const waits = new InstanceWaits<{ flow: string; arrival: number }>({
      mayStart: ({ flow }) => flow !== 'c',
      isQueued: () => false,
      release: ({ flow }) => void gone.push(flow),
    });
    for (const [index, flow] of ['a', 'b', 'c'].entries()) waits.park({ flow, arrival: index + 1 });
    waits.stir('b');
    waits.stir('unknown');
    assert.equal(waits.release(), true);
    assert.deepEqual(gone, ['b']);
    waits.stir();
    waits.release();
    assert.deepEqual(gone, ['b', 'a']);
    assert.equal(waits.shift()?.flow, 'c');
    assert.equal(waits.shift(), undefined);
  });

  it('take the same time each while they come in order, however many wait', () => {
    let reads = 0;
    const waits = new InstanceWaits<{ flow: string; readonly arrival: number }>({
      mayStart: () => true,
      isQueued: () => false,
      release: () => undefined,
    });
    for (let arrival = 1; arrival <= 1000; arrival++) {
      waits.park({
        flow: 'a',
        get arrival() {
          reads++;
          return arrival;
        },
      });
    }
    assert.ok(reads <= 4000, `${reads} arrivals were read for 1000 jobs`);
  });

  it('may come back while others of their action wait, and are counted', () => {
    const gone: number[] = [];
    const waits = new InstanceWaits<{ flow: string; arrival: number }>({
      mayStart: () => true,
      isQueued: () => false,
      release: ({ arrival }) => void gone.push(arrival),
    });
    waits.stir('a');
    assert.deepEqual([waits.release(), waits.size, waits.has('a')], [false, 0, false]);
    for (const arrival of [3, 5, 1, 4, 2, 6]) waits.park({ flow: 'a', arrival });
    waits.park({ flow: 'b', arrival: 7 });
    assert.deepEqual([waits.size, waits.has('a'), waits.has('b')], [7, true, true]);
    assert.equal(waits.release(), false, 'nothing is stirred');
    waits.stir('a');
    assert.equal(waits.release(), true);
    assert.equal(waits.release(), false, 'each stirs once');
    assert.deepEqual([gone, waits.size], [[1], 6]);
    assert.deepEqual(
      Array.from({ length: 7 }, () => waits.shift()?.arrival),
      [2, 3, 4, 5, 6, 7, undefined],
    );
    assert.deepEqual([waits.size, waits.has('a'), waits.has('b')], [0, false, false]);
  });
});

describe('an action with a limit on its containers', () => {
  it('gets no more containers than that; further activations wait for one of them, in order', async () => {
    const { f, gate, submit } = gated();
    const all = Array.from({ length: 5 }, () => submit({ instances: 2 }));
    await settle();
    assert.equal(f.driver.containers.length, 2);
    assert.equal(f.pool.counts().waiting, 3);
    gate('limited').one();
    await settle();
    assert.equal(f.pool.counts().waiting, 2);
    gate('limited').open();
    await Promise.all(all);
    assert.equal(f.driver.containers.length, 2);
    assert.equal(f.pool.counts().waiting, 0);
  });

  it('does not hold up other actions while it waits', async () => {
    const { f, gate, submit } = gated();
    const limited = [submit({ instances: 1 }), submit({ instances: 1 })];
    await settle();
    const other = submit({ namespace: 'other' });
    gate('other').open();
    await other;
    assert.equal(f.driver.containers.length, 2);
    gate('limited').open();
    await Promise.all(limited);
  });

  it('uses each place in its containers', async () => {
    const { f, gate, submit } = gated();
    const all = Array.from({ length: 6 }, () => submit({ instances: 1, concurrency: 3 }));
    await settle();
    assert.equal(f.driver.containers.length, 1);
    assert.equal(f.pool.counts().waiting, 3);
    gate('limited').open();
    await Promise.all(all);
    assert.equal(f.driver.containers.length, 1);
  });

  it('gets another container when one of them has died', async () => {
    const { f, gate, submit } = gated();
    const first = submit({ instances: 1 });
    await settle();
    const second = submit({ instances: 1 });
    await settle();
    assert.equal(f.driver.containers.length, 1);
    f.driver.containers[0]?.die();
    gate('limited').open();
    await Promise.all([first, second]);
    assert.ok(f.driver.alive.length <= 1);
    assert.equal(f.heard.records.length, 2);
  });

  it('leaves its waiting activations to the next run of the invoker', async () => {
    const { f, gate, submit } = gated();
    const running = submit({ instances: 1 });
    const waiting = submit({ instances: 1 });
    await settle();
    f.pool.leaveWaiting();
    assert.equal(await waiting, 'left');
    gate('limited').open();
    await running;
  });

  it('gets no other container before a removed one is gone', async () => {
    const { f, gate, submit } = gated();
    const removal = new Gate();
    f.driver.removing = () => removal.pass();
    const first = submit({ instances: 1 });
    await settle();
    const second = submit({ instances: 1 });
    f.driver.containers[0]?.die();
    gate('limited').open();
    await first;
    await settle();
    assert.equal(f.driver.containers.length, 1, 'its process may still exist');
    assert.equal(f.pool.counts().waiting, 1);
    removal.open();
    await second;
    assert.equal(f.driver.containers.length, 2);
  });

  it('gets another container if the removal of one fails', async () => {
    const { f, gate, submit } = gated();
    f.driver.removing = () => {
      throw new Error('the engine is stuck');
    };
    const first = submit({ instances: 1 });
    await settle();
    const second = submit({ instances: 1 });
    f.driver.containers[0]?.die();
    gate('limited').open();
    await Promise.all([first, second]);
    assert.equal(f.driver.containers.length, 2);
  });

  it('gives up its containers to activations that wait for memory, at their turn', async () => {
    const { f, gate, submit } = gated(256);
    const limited = [1, 2, 3, 4].map(() => submit({ instances: 1 }));
    await settle();
    const other = submit({ namespace: 'other' });
    gate('limited').open();
    gate('other').open();
    await Promise.all([...limited, other]);
    const order = f.heard.records.map(({ namespace }) => namespace);
    assert.ok(order.indexOf('other') < 4, order.join(' '));
  });

  it('runs its activations in order of arrival, with colors or without', async () => {
    const { f, gate, submit } = gated();
    const ran: unknown[] = [];
    const answer = f.driver.answer;
    f.driver.answer = (posted, container) => {
      if (posted.path === '/run') ran.push(posted.body['activation_id']);
      return answer(posted, container);
    };
    const all = ['red', 'red', undefined, 'red', 'blue', undefined].map((color) =>
      submit({ instances: 1, ...(color === undefined ? {} : { color }) }),
    );
    await settle();
    gate('limited').open();
    await Promise.all(all);
    assert.equal(f.driver.containers.length, 1);
    assert.equal(ran.length, 6);
    assert.deepEqual(ran, ran.map(String).toSorted());
  });

  it('ends its waiting activations when the pool closes', async () => {
    const { f, gate, submit } = gated();
    const both = [submit({ instances: 1 }), submit({ instances: 1 })];
    await settle();
    await f.pool.close(0);
    gate('limited').open();
    await Promise.all(both);
    assert.equal(f.pool.counts().waiting, 0);
    assert.equal(f.heard.records.length, 2);
  });

  it('never exceeds its limit and ends all activations, whatever comes', async () => {
    const sent = fc.record({
      namespace: fc.constantFrom('a', 'b', 'c'),
      color: fc.option(fc.constantFrom('red', 'blue'), { nil: undefined }),
    });
    const limits = fc.record({ a: fc.integer({ min: 1, max: 3 }), b: fc.integer({ min: 1, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(sent, fc.constantFrom('a', 'b', 'c'), fc.nat()), { maxLength: 40 }),
        limits,
        fc.constantFrom(512, 1024, 4096),
        async (steps, limit, memory) => {
          const { f, gate, submit } = gated(memory);
          const all: Promise<Handled>[] = [];
          for (const step of steps) {
            if (typeof step === 'string') gate(step).one();
            else if (typeof step === 'number') {
              const { alive } = f.driver;
              alive[step % Math.max(1, alive.length)]?.die();
            } else {
              const instances = step.namespace === 'c' ? undefined : limit[step.namespace === 'a' ? 'a' : 'b'];
              all.push(
                submit({
                  namespace: step.namespace,
                  ...(instances === undefined ? {} : { instances }),
                  ...(step.color === undefined ? {} : { color: step.color }),
                }),
              );
            }
            await settle();
            for (const { spec } of f.driver.containers) assert.match(spec.name, /_[abc]_/);
            for (const namespace of ['a', 'b'] as const) {
              const alive = f.driver.alive.filter(({ spec }) => spec.name.includes(`_${namespace}_`)).length;
              assert.ok(alive <= limit[namespace], `${alive} containers, ${limit[namespace]} allowed`);
            }
          }
          for (const namespace of ['a', 'b', 'c']) gate(namespace).open();
          await Promise.all(all);
          assert.equal(f.heard.records.length, all.length);
        },
      ),
      { numRuns: 60 },
    );
  });
});
