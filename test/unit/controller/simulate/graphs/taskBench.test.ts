import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  dependencies,
  pointsAt,
  TASK_BENCH_PATTERNS,
  taskBench,
  type TaskBenchOptions,
  type TaskBenchPattern,
} from '../../../../../controller/simulate/graphs/taskBench.js';

/**
 * The first 16 digits of the SHA-256 of all dependencies, recorded from Task Bench's own core (bf4ad198): for each point of
 * each step a line `STEP POINT:` and the points that it reads. Widths and steps: 9 and 12, 16 and 20.
 */
const RECORDED: Partial<Record<TaskBenchPattern, [string, string]>> = {
  trivial: ['6217935f3e51b28a', 'eced34d69b62c9b1'],
  no_comm: ['7d3d01def0137873', '3fee4d36e04fdc79'],
  stencil_1d: ['d7d1f2621c59c05f', '56dac4cb9cc8855c'],
  stencil_1d_periodic: ['d24a7d5ce4ec04d9', '62774fc83db47339'],
  dom: ['69b30683016fcc5b', '1d129a207e825fd7'],
  tree: ['933e8e0ff57a1115', '7694ab23c922ccce'],
  fft: ['163b1608d0399d75', 'a4ef4876831a472a'],
  all_to_all: ['d81b7f34f42bfdca', 'acb2b40904d69728'],
  nearest: ['d7d1f2621c59c05f', '56dac4cb9cc8855c'],
  spread: ['89c678ba67137c28', '743013a1ed48d059'],
  random_nearest: ['d7bcec2f423c28f8', 'c82f55810bb9ede0'],
};

function* points(pattern: TaskBenchPattern, options: TaskBenchOptions): Generator<[step: number, point: number]> {
  for (let step = 0; step < options.steps; step++) {
    const { first, last } = pointsAt(pattern, step, options);
    for (let point = first; point <= last; point++) yield [step, point];
  }
}

describe('the patterns of Task Bench', () => {
  const sizes = [
    { width: 9, steps: 12 },
    { width: 16, steps: 20 },
  ];

  for (const [pattern, digests] of Object.entries(RECORDED) as [TaskBenchPattern, [string, string]][]) {
    it(`${pattern} has the dependencies that Task Bench itself computes`, () => {
      sizes.forEach((options, i) => {
        const hash = createHash('sha256');
        for (const [step, point] of points(pattern, options)) {
          const reads = dependencies(pattern, step, point, options);
          hash.update(`${step} ${point}:${reads.map((one) => ` ${one}`).join('')}\n`);
        }
        assert.equal(hash.digest('hex').slice(0, 16), digests[i]);
      });
    });
  }

  /** The points that a point names by the formula, before those that do not exist are left out. */
  const formulas: Partial<Record<TaskBenchPattern, (p: number, t: number, w: number) => number[]>> = {
    trivial: () => [],
    no_comm: (p) => [p],
    stencil_1d: (p) => [p - 1, p, p + 1],
    stencil_1d_periodic: (p, _t, w) => [(p + w - 1) % w, p, (p + 1) % w],
    dom: (p) => [p - 1, p],
    tree: (p) => [p >> 1],
    fft: (p, t, w) => {
      const sets = Math.ceil(Math.log2(w));
      const d = 1 << ((t - 1 + sets) % sets);
      return [p - d, p, p + d];
    },
    all_to_all: (_p, _t, w) => Array.from({ length: w }, (_, i) => i),
    nearest: (p) => [p - 1, p, p + 1],
    spread: (p, t, w) => [0, 1, 2].map((i) => (p + Math.floor((i * w) / 3) + (i > 0 ? t % 3 : 0)) % w),
  };
  for (const [pattern, formula] of Object.entries(formulas) as [TaskBenchPattern, (typeof formulas)['fft'] & {}][]) {
    it(`${pattern} follows its formula at each node`, () => {
      for (const options of [...sizes, { width: 64, steps: 30 }]) {
        for (const [step, point] of points(pattern, options)) {
          const before = pointsAt(pattern, step - 1, options);
          const expected = [...new Set(formula(point, step, options.width))]
            .filter((one) => one >= before.first && one <= before.last)
            .toSorted((a, b) => a - b);
          assert.deepEqual(dependencies(pattern, step, point, options), expected, `${step}.${point}`);
        }
      }
    });
  }

  it('random_nearest and random_spread have subsets of the dependencies of nearest and spread, with the point itself', () => {
    const options = { width: 16, steps: 10 };
    for (const [random, whole] of [
      ['random_nearest', 'nearest'],
      ['random_spread', 'spread'],
    ] as const) {
      let fewer = 0;
      for (const [step, point] of points(random, options)) {
        if (step === 0) continue;
        const reads = dependencies(random, step, point, options);
        const all = dependencies(whole, step, point, options);
        assert.ok(reads.includes(point));
        assert.ok(reads.every((one) => all.includes(one)));
        fewer += all.length - reads.length;
      }
      assert.ok(fewer > 0);
    }
  });

  it('dom is a diamond, and tree doubles up to the width', () => {
    const widths = (pattern: TaskBenchPattern, options: TaskBenchOptions): number[] =>
      Array.from({ length: options.steps }, (_, step) => {
        const { first, last } = pointsAt(pattern, step, options);
        return last - first + 1;
      });
    assert.deepEqual(widths('dom', { width: 3, steps: 6 }), [1, 2, 3, 3, 2, 1]);
    assert.deepEqual(widths('tree', { width: 6, steps: 5 }), [1, 2, 4, 6, 6]);
  });

  it('become graphs whose tasks read tasks of the step before', () => {
    for (const pattern of TASK_BENCH_PATTERNS) {
      const { tasks } = taskBench(pattern, { width: 8, steps: 6 }, 5, 100);
      for (const { id, inputs } of tasks) {
        const step = Number(id.split('.')[0]);
        for (const input of inputs) assert.equal(Number(tasks[input]?.id.split('.')[0]), step - 1);
      }
    }
  });
});
