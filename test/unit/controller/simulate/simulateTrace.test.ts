import assert from 'node:assert/strict';
import {
  seeded,
  simulateTrace,
  TraceBuilder,
  zipf,
  type Trace,
  type TraceSimulation,
} from '../../../../controller/simulate/index.js';
import { POLICY_NAMES } from '../../../../shared/colors/ColorPolicy.js';

const OPTIONS: TraceSimulation = { workers: [4, 4, 4], cache: 100, missMs: 20, seed: 1 };

/** Reads one object in each invocation; its color is the object. */
function reads(count: number, perMs: number, colors = 300): Trace {
  const random = seeded(9);
  const draw = zipf(colors, 0.9, random);
  const builder = new TraceBuilder();
  let t = 0;
  for (let i = 0; i < count; i++) {
    t += -Math.log(1 - random()) / perMs;
    const one = draw();
    builder.add({ t, color: `c${one}`, action: 'read', reads: [`o${one}`], ms: 5 });
  }
  return builder.build();
}

const one = (...events: Parameters<TraceBuilder['add']>[0][]): Trace => {
  const builder = new TraceBuilder();
  for (const event of events) builder.add(event);
  return builder.build();
};

describe('the simulation of a trace', () => {
  const trace = reads(20_000, 0.2);

  for (const policy of POLICY_NAMES) {
    it(`ends each invocation once, and has the same result each time, with ${policy}`, () => {
      const result = simulateTrace(trace, { ...OPTIONS, policy });
      assert.equal(result.invocations, 20_000);
      assert.equal(result.balancer.assignments, 20_000);
      assert.deepEqual(simulateTrace(trace, { ...OPTIONS, policy }), result);
    });
  }

  it('finds more objects in memory with a home for each color than at random', () => {
    const [home, random] = ['consistent-hashing', 'random'].map((policy) =>
      simulateTrace(trace, { ...OPTIONS, policy }),
    );
    assert.ok((home?.hitRatio ?? 0) > (random?.hitRatio ?? 1) + 0.1);
    assert.ok((home?.atHome ?? 0) > 0.95);
  });

  it('takes the duration of the trace with all objects in memory, else one fetch more', () => {
    const read = {
      color: 'c',
      action: 'a',
      reads: [
        ['x', 300],
        ['y', 100],
      ] as const,
      ms: 7,
    };
    const result = simulateTrace(one({ t: 0, ...read }, { t: 100, ...read }), {
      ...OPTIONS,
      cache: 500,
      bandwidth: 40,
      windowMs: 50,
    });
    assert.deepEqual(
      result.windows.map(({ mean }) => Math.round(mean)),
      [7 + 20 + 10, NaN, 7],
    );
    assert.equal(result.fetchedBytes, 400);
    assert.equal(result.hitRatio, 0.5);
  });

  it('makes an invocation wait while all slots of its worker are busy, first come, first served', () => {
    const events = Array.from({ length: 5 }, (_, i) => ({ t: i, color: 'c', action: 'a', ms: 100 }));
    const result = simulateTrace(one(...events), { ...OPTIONS, workers: [1] });
    assert.equal(result.max, 500 - 4);
    assert.equal(result.endedAt, 500);
  });

  it('counts a copy as missing after a write elsewhere', () => {
    const at = (t: number, fields: object): Parameters<TraceBuilder['add']>[0] => ({
      t,
      action: 'a',
      ms: 1,
      ...fields,
    });
    const alternating = (writes: string[]): number =>
      simulateTrace(
        one(
          at(0, { color: 'reader', reads: ['x'] }),
          at(100, { color: 'writer', writes }),
          at(200, { color: 'reader', reads: ['x'] }),
        ),
        { ...OPTIONS, workers: [1, 1], policy: 'least-assigned' },
      ).hitRatio;
    assert.equal(alternating([]), 0.5);
    assert.equal(alternating(['x']), 0);
  });

  it('loses the cache of a worker that goes down, and uses it again when it is back', () => {
    const steady = reads(30_000, 0.5);
    const quiet = simulateTrace(steady, { ...OPTIONS, windowMs: 10_000 });
    const { windows, refused } = simulateTrace(steady, {
      ...OPTIONS,
      windowMs: 10_000,
      changes: [
        { t: 20_000, kind: 'down', worker: 0 },
        { t: 30_000, kind: 'up', worker: 0 },
      ],
    });
    assert.equal(refused, 0);
    assert.ok((windows[2]?.hitRatio ?? 1) < (quiet.windows[2]?.hitRatio ?? 0));
    assert.ok(Math.abs((windows[5]?.hitRatio ?? 0) - (quiet.windows[5]?.hitRatio ?? 1)) < 0.02);
  });

  it('refuses invocations while no worker is up', () => {
    const { refused, invocations } = simulateTrace(one({ t: 5, action: 'a', ms: 1 }, { t: 50, action: 'a', ms: 1 }), {
      ...OPTIONS,
      workers: [1],
      changes: [
        { t: 1, kind: 'down', worker: 0 },
        { t: 20, kind: 'up', worker: 0 },
      ],
    });
    assert.deepEqual({ refused, invocations }, { refused: 1, invocations: 1 });
  });

  it('needs a worker, and a policy that is known', () => {
    assert.throws(() => simulateTrace(trace, { ...OPTIONS, workers: [] }), RangeError);
    assert.throws(() => simulateTrace(trace, { ...OPTIONS, policy: 'nearest' }), /unknown color policy nearest/);
  });
});
