import assert from 'node:assert/strict';
import fc from 'fast-check';
import { broadcast, reduce, shuffle, type Collective, type Placed } from '../../../../shared/graphs/collectives.js';
import { DagError, indexDag } from '../../../../shared/graphs/Dag.js';

const placed = (name: string) =>
  fc
    .array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 20 })
    .map((colors) => colors.map((color, i): Placed => ({ id: `${name}${i}`, color: `c${color}` })));

/** The pairs of a result and another color that needs it: an invoker fetches a result once. */
function messages(parts: Collective, given: readonly Placed[]): number {
  const colors = new Map([...parts.coloring, ...given.map(({ id, color }): [string, string] => [id, color])]);
  const moved = parts.edges.flatMap(({ from, to }) =>
    colors.get(from) === colors.get(to) ? [] : [`${from}\n${colors.get(to)}`],
  );
  return new Set(moved).size;
}

/** Whether each of `to` follows from each of `from`. */
function reaches(parts: Collective, from: readonly Placed[], to: readonly Placed[]): boolean {
  indexDag({ nodes: [...from, ...to, ...parts.nodes].map(({ id }) => ({ id })), edges: parts.edges });
  return to.every(({ id }) => {
    const before = new Set([id]);
    for (let size = 0; size < before.size;) {
      size = before.size;
      for (const edge of parts.edges) if (before.has(edge.to)) before.add(edge.from);
    }
    return from.every((node) => before.has(node.id));
  });
}

describe('collective operations on graphs', () => {
  it('send a broadcast once to each other color', () => {
    fc.assert(
      fc.property(placed('t'), (targets) => {
        const source = { id: 's', color: 'c0' };
        const parts = broadcast(source, targets);
        assert.ok(reaches(parts, [source], targets));
        assert.equal(parts.remoteMessages, messages(parts, [source, ...targets]));
        assert.ok(parts.remoteMessages <= 4);
      }),
    );
  });

  it('send one combined result from each other color to the target of a reduction', () => {
    fc.assert(
      fc.property(placed('s'), (sources) => {
        const target = { id: 't', color: 'c0' };
        const parts = reduce(sources, target);
        assert.ok(reaches(parts, sources, [target]));
        assert.equal(parts.remoteMessages, messages(parts, [...sources, target]));
        assert.equal(
          parts.remoteMessages,
          new Set(sources.map(({ color }) => color)).size - (sources.some(({ color }) => color === 'c0') ? 1 : 0),
        );
      }),
    );
  });

  it('send one message for each pair of different colors in a shuffle, however many nodes there are', () => {
    fc.assert(
      fc.property(placed('m'), placed('r'), (senders, receivers) => {
        const parts = shuffle('x', senders, receivers);
        assert.ok(reaches(parts, senders, receivers));
        assert.equal(parts.remoteMessages, messages(parts, [...senders, ...receivers]));
        assert.ok(parts.remoteMessages <= 20);
      }),
    );
    const nodes = (name: string) => Array.from({ length: 64 }, (_, i) => ({ id: `${name}${i}`, color: `c${i % 4}` }));
    // 4 × 3 instead of 64 × 48.
    assert.equal(shuffle('x', nodes('m'), nodes('r')).remoteMessages, 12);
  });

  it('refuse a node that is given twice', () => {
    const node = { id: 'a', color: 'c' };
    assert.throws(() => broadcast(node, [node]), DagError);
    assert.throws(() => reduce([node, node], { id: 't', color: 'c' }), DagError);
    assert.throws(() => shuffle('x', [node], [node]), DagError);
  });
});
