import assert from 'node:assert/strict';
import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { DocumentConflictError, StoreError, StoreFullError } from '../../../../shared/store/ArtifactStore.js';
import { Calls, PortClosedError } from '../../../../shared/threads/Calls.js';
import { connectedSides, type Sides } from './ports.js';

type Sums = {
  readonly add: (a: number, b: number) => number;
  readonly slow: (value: string) => Promise<string>;
  readonly fail: (kind: 'full' | 'plain' | 'thrown') => Promise<void>;
  readonly take: (value: unknown) => void;
  readonly give: () => unknown;
};

describe('calls between threads', () => {
  let sides: Sides;
  const faults: string[] = [];
  const taken: unknown[] = [];

  beforeEach(() => {
    faults.length = 0;
    taken.length = 0;
    sides = connectedSides({
      errors: [DocumentConflictError, StoreError, StoreFullError],
      onFault: (name, error) => faults.push(`${name}: ${String(error)}`),
    });
    sides.far.serve({
      add: (a, b) => a + b,
      slow: async (value) => value,
      fail: async (kind) => {
        if (kind === 'full') throw new StoreFullError('no space');
        if (kind === 'plain') throw new RangeError('out of range');
        throw 'a text'; // oxlint-disable-line typescript/only-throw-error -- any value can be thrown
      },
      take: (value) => void taken.push(value),
      give: () => () => 'a function cannot be cloned',
    } satisfies Sums);
  });
  afterEach(() => sides.close());

  it('answers calls of both kinds of functions', async () => {
    const sums = sides.near.to<Sums>();
    assert.deepEqual(await Promise.all([sums.call('add', 1, 2), sums.call('slow', 'x'), sums.call('add', 3, 4)]), [
      3,
      'x',
      7,
    ]);
  });

  it('keeps the class of known errors', async () => {
    const sums = sides.near.to<Sums>();
    const full = await sums.call('fail', 'full').catch((error: unknown) => error);
    assert.ok(full instanceof StoreFullError && full instanceof StoreError);
    assert.equal(full.name, 'StoreFullError');
    assert.equal(full.message, 'no space');
    await assert.rejects(sums.call('fail', 'plain'), { name: 'RangeError', message: 'out of range' });
    await assert.rejects(sums.call('fail', 'thrown'), { message: 'a text' });
  });

  it('sends the frames of one turn in one message, in order', async () => {
    const { port1, port2 } = new MessageChannel();
    const near = new Calls(port1);
    const numbers = near.to<Sums>();
    const arrived = once(port2, 'message');
    for (const n of [1, 2, 3]) numbers.tell('take', n);
    const [frames] = (await arrived) as [{ readonly args: readonly unknown[] }[]];
    assert.deepEqual(
      frames.map(({ args }) => args[0]),
      [1, 2, 3],
    );
    near.close();
    port1.close();
  });

  describe('calls without hurry', () => {
    /** Sides whose far one never sends such an answer by itself, and the numbers of frames in the messages of the far one. */
    function calmSides(patienceMs: number) {
      const { port1, port2 } = new MessageChannel();
      const sent: number[] = [];
      const near = new Calls(port1);
      const far = new Calls(
        {
          postMessage: (frames) => {
            sent.push((frames as unknown[]).length);
            port2.postMessage(frames);
          },
          on: (event, listener) => port2.on(event, listener),
        },
        { patienceMs },
      );
      far.serve({ add: (a: number, b: number) => a + b, fail: () => Promise.reject(new Error('no')) });
      const close = (): void => {
        near.close();
        far.close();
        port1.close();
      };
      return { sums: near.to<Sums>(), sent, close };
    }

    it('answers together with the next answer', async () => {
      const { sums, sent, close } = calmSides(3_600_000);
      const calm = sums.callCalmly('add', 1, 2);
      // A turn of the far side passes in between.
      assert.equal(await sums.call('add', 3, 4), 7);
      const later = sums.callCalmly('add', 5, 6);
      assert.equal(await sums.call('add', 7, 8), 15);
      assert.deepEqual([await calm, await later], [3, 11]);
      assert.deepEqual(sent, [2, 2]);
      close();
    });

    it('answers alone when no other message goes', async () => {
      const { sums, sent, close } = calmSides(1);
      assert.equal(await sums.callCalmly('add', 1, 2), 3);
      assert.deepEqual(sent, [1]);
      close();
    });

    it('reports an error at once', async () => {
      const { sums, close } = calmSides(3_600_000);
      await assert.rejects(sums.callCalmly('fail', 'plain'), { message: 'no' });
      close();
    });

    it('sends answers that wait at its close', async () => {
      const { port1, port2 } = new MessageChannel();
      const [near, far] = [new Calls(port1), new Calls(port2, { patienceMs: 3_600_000 })];
      far.serve({
        add: (a: number, b: number) => {
          setImmediate(() => far.close());
          return a + b;
        },
      });
      assert.equal(await near.to<Sums>().callCalmly('add', 1, 2), 3);
      near.close();
      port1.close();
    });
  });

  it('fails the call whose argument cannot be cloned, and no other', async () => {
    const sums = sides.near.to<Sums>();
    const bad = sums.call('take', () => 'a function');
    const good = sums.call('add', 1, 1);
    await assert.rejects(bad, { name: 'DataCloneError' });
    assert.equal(await good, 2);
  });

  it('fails the call whose result cannot be cloned', async () => {
    await assert.rejects(sides.near.to<Sums>().call('give'), /could not be cloned/);
  });

  it('reports the faults of functions whose caller does not wait', async () => {
    const sums = sides.near.to<Sums>();
    sums.tell('fail', 'full');
    await sums.call('slow', 'after');
    assert.deepEqual(faults, ['fail: StoreFullError: no space']);
  });

  it('names an unknown function', async () => {
    const others = sides.near.to<{ readonly missing: () => void }>();
    await assert.rejects(others.call('missing'), { message: 'no function missing is served' });
  });

  it('fails open and later calls at the close', async () => {
    sides.far.serve({ never: () => new Promise(() => {}) });
    const others = sides.near.to<{ readonly never: () => Promise<void> }>();
    const open = others.call('never');
    sides.near.close('the thread ended');
    await assert.rejects(open, (error) => error instanceof PortClosedError && error.message === 'the thread ended');
    await assert.rejects(others.call('never'), PortClosedError);
  });

  it('sends waiting messages at its close', async () => {
    const sums = sides.near.to<Sums>();
    sums.tell('take', 'last words');
    sides.near.close();
    const probe = sides.far.to<{ readonly ping: () => void }>();
    // The far side answers nothing any more; the turn of its port is over when it has the frames.
    probe.tell('ping');
    while (taken.length === 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(taken, ['last words']);
  });
});
