import assert from 'node:assert/strict';
import {
  bounds,
  ColoredPlacement,
  hashedHomes,
  idleFirst,
  informed,
  matrixProduct,
  newtonRegression,
  nextWorker,
  randomWorker,
  seeded,
  shortestQueue,
  simulateGraph,
  tallQr,
  taskBench,
  toDag,
  twoRandomWorkers,
  whereTheInputIs,
  type ColoredPlacementOptions,
  type GraphPlacement,
  type GraphSimulation,
  type TaskGraph,
} from '../../../../../controller/simulate/index.js';
import { POLICY_NAMES } from '../../../../../shared/colors/ColorPolicy.js';
import { chainColoring, virtualWorkers } from '../../../../../shared/graphs/index.js';

const NETWORK = { latencyMs: 2, bandwidth: 10 };

/** Puts each task on the worker of its number. */
const fixed = (...workers: number[]): GraphPlacement => ({ place: (task) => workers[task] ?? 0 });

const run = (graph: TaskGraph, placement: GraphPlacement, options: Partial<GraphSimulation> = {}) =>
  simulateGraph(graph, { workers: [1, 1, 1], network: NETWORK, placement, ...options });

/** Two tasks of 10 ms, and one of 5 ms that reads both. */
const JOIN: TaskGraph = {
  name: 'join',
  tasks: [
    { id: 'a', ms: 10, bytes: 100, inputs: [] },
    { id: 'b', ms: 10, bytes: 200, inputs: [] },
    { id: 'c', ms: 5, bytes: 1, inputs: [0, 1] },
  ],
};

describe('the simulation of a graph', () => {
  it('moves inputs that are on another worker, over one link one after the other', () => {
    const { makespan, movedBytes, localBytes } = run(JOIN, fixed(0, 1, 2));
    // Both ends at 10; the latency of 2; 300 bytes at 10 bytes a ms; 5 ms of computation.
    assert.equal(makespan, 10 + 2 + 30 + 5);
    assert.deepEqual({ movedBytes, localBytes }, { movedBytes: 300, localBytes: 0 });
  });

  it('moves no bytes that the worker already has', () => {
    const { makespan, movedBytes, localBytes } = run(JOIN, fixed(0, 1, 1));
    assert.equal(makespan, 10 + 2 + 10 + 5);
    assert.deepEqual({ movedBytes, localBytes }, { movedBytes: 100, localBytes: 200 });
  });

  it('makes tasks wait for a slot', () => {
    const { makespan, queued } = run(JOIN, fixed(0, 0, 0));
    assert.equal(makespan, 25);
    assert.equal(queued, 1 / 3);
    assert.equal(run(JOIN, fixed(0, 0, 0), { workers: [2] }).makespan, 15);
  });

  it('reads results that were dropped from the store, with its latency', () => {
    const options = { cache: 150, storeLatencyMs: 50 };
    assert.equal(run(JOIN, fixed(0, 1, 0), options).makespan, 10 + 50 + 20 + 5);
  });

  it('does not move inputs twice to one worker', () => {
    const graph = { name: 'twice', tasks: [...JOIN.tasks, { id: 'd', ms: 1, bytes: 1, inputs: [0, 1, 2] }] };
    assert.equal(run(graph, fixed(0, 1, 2, 2)).movedBytes, 300);
  });

  describe('with results at homes', () => {
    const homes = (placement: GraphPlacement, ...workers: number[]): GraphPlacement => ({
      ...placement,
      homeOf: (task) => workers[task] ?? 0,
    });
    const atHome = { results: 'at home' } as const;

    it('moves a result to its home, and to each reader elsewhere', () => {
      const { makespan, movedBytes, localBytes } = run(JOIN, homes(fixed(0, 1, 2), 0, 0, 2), atHome);
      // b writes 200 bytes to worker 0 until 10 + 2 + 20; c reads both there, and keeps its result.
      assert.equal(makespan, 32 + 2 + 30 + 5);
      assert.deepEqual({ movedBytes, localBytes }, { movedBytes: 200 + 300, localBytes: 100 + 1 });
    });

    it('keeps no copies: a second reader on a worker moves a result again', () => {
      const graph = { name: 'twice', tasks: [...JOIN.tasks, { id: 'd', ms: 1, bytes: 1, inputs: [0, 1, 2] }] };
      assert.equal(run(graph, homes(fixed(0, 1, 2, 2), 0, 1, 2, 2), atHome).movedBytes, 600);
    });

    it('moves no bytes to a second reader with a copy on its worker, which only asks the home', () => {
      const tasks = [...JOIN.tasks, { id: 'd', ms: 1, bytes: 1, inputs: [0, 1, 2] }];
      const placement = homes(fixed(0, 1, 2, 2), 0, 1, 2, 2);
      const { movedBytes, localBytes, makespan } = run({ name: 'twice', tasks }, placement, {
        ...atHome,
        copies: true,
      });
      assert.deepEqual({ movedBytes, localBytes }, { movedBytes: 300, localBytes: 300 + 1 + 300 + 1 + 1 });
      // c ends at 47; d asks the homes of a and b.
      assert.equal(makespan, 10 + 2 + 30 + 5 + 2 + 1);
    });

    it('waits at a home as long as the invocation names, and else at most as long as two runs', () => {
      const tasks = Array.from({ length: 9 }, (_, i) => ({
        id: `t${i}`,
        ms: 10,
        bytes: 1,
        inputs: i < 3 ? [] : [0, 1, 2],
      }));
      const graph = { name: 'hot', tasks };
      const oneColor = new Map(tasks.map(({ id }) => [id, 'hot']));
      const workersOf = (options: ColoredPlacementOptions): number => {
        const placement = new ColoredPlacement(graph, oneColor, [1, 1, 1], { policy: 'least-assigned', ...options }, 1);
        return new Set(run(graph, placement).workers).size;
      };
      assert.equal(workersOf({ requestPatienceMs: 60_000 }), 1);
      assert.equal(workersOf({ patienceMs: 60_000 }), 3);
      assert.equal(workersOf({ requestPatienceMs: 0 }), 3);
    });

    it('takes the given time on the worker itself', () => {
      const network = { ...NETWORK, local: { latencyMs: 1, bandwidth: 100 } };
      // a and b write until 12 and 24 and c reads both from 24: 1 + 3 ms; it computes and writes one byte.
      const { makespan } = run(JOIN, homes(fixed(0, 0, 0), 0, 0, 0), { ...atHome, network, workers: [2] });
      assert.ok(Math.abs(makespan - (10 + 1 + 1 + 2 + (1 + 3) + 5 + 1 + 0.01)) < 1e-9, String(makespan));
    });

    it('asks for a placement that names homes', () => {
      assert.throws(() => run(JOIN, fixed(0, 0, 0), atHome), /names no homes/);
    });

    it('has the homes of the shipped balancer: that of a color with its tasks, by hashing without colors', () => {
      const graph = taskBench('no_comm', { width: 3, steps: 4 }, 10, 100);
      const workers = [1, 1, 1];
      const colored = new ColoredPlacement(
        graph,
        chainColoring(toDag(graph, NETWORK)),
        workers,
        { policy: 'least-assigned', patienceMs: 0 },
        1,
      );
      assert.equal(run(graph, colored, atHome).movedBytes, 0);
      const oblivious = hashedHomes(graph, workers, randomWorker(3, seeded(1)), 1);
      assert.ok(run(graph, oblivious, atHome).movedBytes > 0);
    });
  });

  it('adds the time of the coordinator to each step', () => {
    const coordinator = { submitMs: 3, answerMs: 4 };
    assert.equal(run(JOIN, fixed(0, 1, 2), { coordinator }).makespan, 3 + 10 + 4 + 3 + 32 + 5 + 4);
  });

  it('fetches inputs before the slot with prefetch', () => {
    const tasks = [...JOIN.tasks, { id: 'd', ms: 40, bytes: 1, inputs: [] }];
    const graph = { name: 'busy', tasks };
    // d takes worker 2 until 40.
    assert.equal(run(graph, fixed(0, 1, 2, 2)).makespan, 40 + 32 + 5);
    assert.equal(run(graph, fixed(0, 1, 2, 2), { prefetch: true }).makespan, 42 + 5);
  });

  const graphs = [
    taskBench('fft', { width: 8, steps: 6 }, 10, 50),
    matrixProduct({ blocks: 3, block: 10, flopsPerMs: 1000 }),
    tallQr({ blocks: 5, rows: 40, columns: 8, flopsPerMs: 1000 }),
    newtonRegression({ blocks: 5, rows: 40, columns: 8, iterations: 3, flopsPerMs: 1000 }),
  ];
  for (const graph of graphs) {
    it(`runs ${graph.name} by each placement, never faster than its longest path and its work allow`, () => {
      const workers = [1, 2, 1];
      const dag = toDag(graph, NETWORK);
      const { work, span } = bounds(graph);
      const placements: Record<string, GraphPlacement> = {
        random: randomWorker(3, seeded(1)),
        turns: nextWorker(3),
        idle: idleFirst(3, nextWorker(3)),
        ofc: whereTheInputIs(graph, 3, seeded(1)),
        informed: informed(graph, workers, NETWORK),
      };
      for (const policy of POLICY_NAMES) {
        placements[`chain ${policy}`] = new ColoredPlacement(graph, chainColoring(dag), workers, { policy }, 1);
        placements[`workers ${policy}`] = new ColoredPlacement(graph, virtualWorkers(dag, 3), workers, { policy }, 1);
      }
      for (const [name, placement] of Object.entries(placements)) {
        const result = run(graph, placement, { workers, prefetch: name === 'informed' });
        assert.ok(result.makespan >= Math.max(span, work / 4) - 1e-6, `${name}: ${result.makespan}`);
        assert.ok(
          result.workers.every((worker) => worker >= 0 && worker < 3),
          name,
        );
      }
    });
  }

  it('passes over busy workers only while another one is idle', () => {
    const state = { idle: (worker: number) => worker === 2, load: () => 0, workerOf: () => -1 };
    assert.equal(idleFirst(4, fixed(3)).place(0, 0, state), 2);
    assert.equal(idleFirst(4, fixed(3)).place(0, 0, { ...state, idle: () => false }), 3);
  });

  it('knows the queues for the shortest one, of all workers or of two at random', () => {
    const loads = [2, 1, 0, 1];
    const state = { idle: () => false, load: (worker: number) => loads[worker] ?? 0, workerOf: () => -1 };
    const chosen = (placement: GraphPlacement): number[] =>
      Array.from({ length: 1600 }, () => placement.place(0, 0, state));
    assert.deepEqual(new Set(chosen(shortestQueue(4, seeded(1)))), new Set([2]));
    const two = chosen(twoRandomWorkers(4, seeded(1)));
    const share = (worker: number): number => two.filter((one) => one === worker).length / 1600;
    // Worker 0 only if it is drawn twice, and worker 2 whenever it is drawn.
    assert.ok(Math.abs(share(0) - 1 / 16) < 0.02 && Math.abs(share(2) - 7 / 16) < 0.04, `${share(0)}, ${share(2)}`);
    const tasks = Array.from({ length: 6 }, (_, i) => ({ id: `t${i}`, ms: 10, bytes: 1, inputs: [] }));
    const { workers, makespan } = run({ name: 'six', tasks }, shortestQueue(3, seeded(1)));
    assert.deepEqual(workers.toSorted(), Int32Array.of(0, 0, 1, 1, 2, 2));
    assert.equal(makespan, 20);
  });

  it('runs a task on the worker of its largest input by the rule of OFC', () => {
    const { workers } = run(JOIN, {
      place: (task, now, state) => (task < 2 ? task : whereTheInputIs(JOIN, 3, seeded(1)).place(task, now, state)),
    });
    assert.deepEqual([...workers], [0, 1, 1]);
  });
});

describe('the graphs of NumS', () => {
  it('multiply each pair of blocks once and add the products in trees', () => {
    const { tasks } = matrixProduct({ blocks: 4, block: 100, flopsPerMs: 2e7 });
    const count = (prefix: string): number => tasks.filter(({ id }) => id.startsWith(prefix)).length;
    assert.deepEqual([count('A'), count('B'), count('P'), count('C')], [16, 16, 64, 48]);
    assert.equal(tasks.find(({ id }) => id === 'P0.0.0')?.ms, 0.1);
    assert.equal(tasks[0]?.bytes, 80_000);
  });

  it('read each block of TSQR twice, and reduce the rest in a tree', () => {
    const { tasks } = tallQr({ blocks: 8, rows: 100, columns: 10, flopsPerMs: 1e6 });
    assert.equal(tasks.length, 8 + 8 + 7 + 1 + 8);
    assert.deepEqual(tasks.at(-1)?.inputs, [7, tasks.findIndex(({ id }) => id === 'inverse')]);
  });
});
