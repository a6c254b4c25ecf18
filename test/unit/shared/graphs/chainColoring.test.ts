import assert from 'node:assert/strict';
import fc from 'fast-check';
import { indexDag } from '../../../../shared/graphs/Dag.js';
import {
  chainColoring,
  DagError,
  earliestFinish,
  virtualWorkers,
  type Dag,
  type DagEdge,
} from '../../../../shared/graphs/index.js';
import { colorsOf, dags, layered, makespan } from './dags.js';

const nodes = (...ids: readonly string[]) => ids.map((id) => ({ id }));
/** Edges such as `a>b a>c:5`. */
const edges = (text: string): DagEdge[] =>
  text.split(' ').map((edge) => {
    const [from = '', to = '', weight] = edge.split(/[>:]/);
    return weight === undefined ? { from, to } : { from, to, weight: Number(weight) };
  });
const refused = (dag: Dag, message: RegExp, names: readonly string[]): void => {
  for (const color of [chainColoring, (one: Dag) => virtualWorkers(one, 2)]) {
    assert.throws(
      () => color(dag),
      (error) => {
        assert.ok(error instanceof DagError);
        assert.match(error.message, message);
        assert.deepEqual(error.nodes, names);
        return true;
      },
    );
  }
};

describe('a graph', () => {
  it('is refused with the names of a cycle', () => {
    refused({ nodes: nodes('x', 'a', 'b', 'c'), edges: edges('x>a a>b b>c c>a') }, /cycle: .* → /, ['a', 'b', 'c']);
    refused({ nodes: nodes('a'), edges: edges('a>a') }, /cycle: a → a/, ['a']);
    // What only hangs on a cycle is not in it.
    refused({ nodes: nodes('a', 'b', 'z'), edges: edges('a>b b>a b>z') }, /cycle/, ['a', 'b']);
  });

  it('is refused with the names that its edges dangle from', () => {
    refused({ nodes: nodes('a'), edges: edges('a>b c>a') }, /unknown nodes: b, c/, ['b', 'c']);
  });

  it('is refused with duplicate ids and with invalid weights', () => {
    refused({ nodes: nodes('a', 'b', 'a'), edges: [] }, /duplicate nodes: a/, ['a']);
    for (const weight of [-1, NaN, Infinity]) {
      refused({ nodes: [{ id: 'a', weight }], edges: [] }, /weight of node a/, ['a']);
      refused({ nodes: nodes('a', 'b'), edges: [{ from: 'a', to: 'b', weight }] }, /from a to b/, ['a', 'b']);
    }
  });

  it('is ordered so that every node comes after those that it needs', () => {
    fc.assert(
      fc.property(dags, (dag) => {
        const { order, ids } = indexDag(dag);
        const position = new Map([...order].map((node, at) => [ids[node] as string, at]));
        assert.equal(position.size, dag.nodes.length);
        for (const { from, to } of dag.edges) {
          assert.ok((position.get(from) as number) < (position.get(to) as number));
        }
      }),
    );
  });
});

describe('chain coloring', () => {
  it('colors the worked example', () => {
    const dag = { nodes: nodes('a', 'b', 'c', 'd'), edges: edges('a>b a>c b>d:5 c>d') };
    assert.deepEqual(Object.fromEntries(chainColoring(dag)), {
      a: 'chain-0',
      b: 'chain-0',
      c: 'chain-1',
      d: 'chain-0',
    });
  });

  it('gives a chain one color, and parallel chains different ones', () => {
    const one = chainColoring({ nodes: nodes('a', 'b', 'c'), edges: edges('a>b b>c') }, { prefix: 'run7' });
    assert.deepEqual(colorsOf(one), new Set(['run7-0']));
    const two = chainColoring({ nodes: nodes('a', 'b', 'x', 'y'), edges: edges('a>b x>y') });
    assert.equal(two.get('a'), two.get('b'));
    assert.equal(two.get('x'), two.get('y'));
    assert.notEqual(two.get('a'), two.get('x'));
  });

  it('knows an empty graph and a lone node', () => {
    assert.equal(chainColoring({ nodes: [], edges: [] }).size, 0);
    assert.equal(chainColoring({ nodes: nodes('a'), edges: [] }).get('a'), 'chain-0');
  });

  it('makes every color a simple path of the graph', () => {
    fc.assert(
      fc.property(dags, (dag) => {
        const coloring = chainColoring(dag);
        assert.equal(coloring.size, dag.nodes.length);
        const order = [...indexDag(dag).order].map((node) => (dag.nodes[node] as { id: string }).id);
        for (const color of colorsOf(coloring)) {
          const path = order.filter((id) => coloring.get(id) === color);
          path.slice(1).forEach((id, i) => {
            assert.ok(
              dag.edges.some(({ from, to }) => from === path[i] && to === id),
              `${path[i]} → ${id}`,
            );
          });
        }
      }),
    );
  });

  it('leaves no two paths that could be one', () => {
    fc.assert(
      fc.property(dags, (dag) => {
        const coloring = chainColoring(dag);
        const order = [...indexDag(dag).order].map((node) => (dag.nodes[node] as { id: string }).id);
        const ends = new Map<string, { first: string; last: string }>();
        for (const id of order) {
          const color = coloring.get(id) as string;
          ends.set(color, { first: ends.get(color)?.first ?? id, last: id });
        }
        for (const { from, to } of dag.edges) {
          const [a, b] = [coloring.get(from) as string, coloring.get(to) as string];
          assert.ok(a === b || ends.get(a)?.last !== from || ends.get(b)?.first !== to, `${from} → ${to}`);
        }
      }),
    );
  });

  it('keeps the heaviest of equally critical edges', () => {
    const dag = {
      nodes: [
        { id: 'a', weight: 1 },
        { id: 'b', weight: 1 },
        { id: 'c', weight: 5 },
      ],
      edges: edges('a>b:5 a>c:1'),
    };
    const coloring = chainColoring(dag);
    assert.equal(coloring.get('a'), coloring.get('b'));
    assert.notEqual(coloring.get('a'), coloring.get('c'));
  });
});

describe('virtual workers', () => {
  it('use no more colors than there are workers, and one for each node at most', () => {
    fc.assert(
      fc.property(dags, fc.integer({ min: 1, max: 6 }), (dag, workers) => {
        const coloring = virtualWorkers(dag, workers);
        assert.equal(coloring.size, dag.nodes.length);
        assert.ok(colorsOf(coloring).size <= workers);
        for (const color of colorsOf(coloring)) assert.match(color, /^worker-[0-5]$/);
      }),
    );
  });

  it('spread parallel nodes, and keep nodes together whose transfer costs more', () => {
    const fork = { nodes: nodes('a', 'b', 'c', 'd'), edges: edges('a>b:0 a>c:0 b>d:0 c>d:0') };
    assert.equal(colorsOf(virtualWorkers(fork, 2)).size, 2);
    const costly = { nodes: nodes('a', 'b', 'c', 'd'), edges: edges('a>b:99 a>c:99 b>d:99 c>d:99') };
    assert.equal(colorsOf(virtualWorkers(costly, 2)).size, 1);
  });

  it('are slower than one worker by the transfers at most, and often faster', () => {
    fc.assert(
      fc.property(dags, fc.integer({ min: 1, max: 4 }), (dag, workers) => {
        const free = { nodes: dag.nodes, edges: dag.edges.map(({ from, to }) => ({ from, to, weight: 0 })) };
        const coloring = virtualWorkers(free, workers);
        const order = [...indexDag(free).order].map((node) => (free.nodes[node] as { id: string }).id);
        const serial = free.nodes.reduce((sum, { weight }) => sum + (weight ?? 1), 0);
        assert.ok(makespan(free, coloring, order) <= serial);
      }),
    );
    const wide = { nodes: Array.from({ length: 40 }, (_, i) => ({ id: `${i}` })), edges: [] };
    const ids = wide.nodes.map(({ id }) => id);
    assert.equal(makespan(wide, virtualWorkers(wide, 4), ids), 10);
  });

  it('give a ready node to the worker that is free first, and to the lower number of equal ones', () => {
    const tasks = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(tasks, fc.integer({ min: 1, max: 11 }), (weights, workers) => {
        const dag = { nodes: weights.map((weight, i) => ({ id: `${i}`, weight })), edges: [] };
        const assigned = earliestFinish(dag, workers);
        const free = Array.from({ length: workers }, () => 0);
        const longestFirst = weights
          .map((weight, i) => ({ weight, i }))
          .toSorted((a, b) => b.weight - a.weight || a.i - b.i);
        for (const { weight, i } of longestFirst) {
          const first = free.indexOf(Math.min(...free));
          assert.equal(assigned.get(`${i}`), first);
          (free[first] as number) += weight;
        }
      }),
    );
  });

  it('accept any scheduler, and refuse one that omits a node or returns an unknown worker', () => {
    const dag = { nodes: nodes('a', 'b'), edges: [] };
    const mine = virtualWorkers(
      dag,
      3,
      () =>
        new Map([
          ['a', 2],
          ['b', 0],
        ]),
      { prefix: 'w' },
    );
    assert.deepEqual(Object.fromEntries(mine), { a: 'w-2', b: 'w-0' });
    for (const wrong of [undefined, 3, -1, 0.5]) {
      const scheduler = () => new Map([['a', 0], ...(wrong === undefined ? [] : [['b', wrong] as const])]);
      assert.throws(
        () => virtualWorkers(dag, 3, scheduler),
        (error) => error instanceof DagError && error.nodes[0] === 'b',
      );
    }
    assert.throws(() => virtualWorkers(dag, 0), RangeError);
    assert.equal(earliestFinish(dag, 2).size, 2);
  });
});

describe('a graph of 100,000 nodes', () => {
  // A quadratic algorithm would compare 10^10 pairs: it would not end before the runner's deadline.
  it('is colored completely, either way', () => {
    const dag = layered(100_000, 100, 3);
    const onWorkers = [64, 10_000].map((workers) => (one: Dag) => virtualWorkers(one, workers));
    for (const color of [chainColoring, ...onWorkers]) assert.equal(color(dag).size, 100_000);
  });
});
