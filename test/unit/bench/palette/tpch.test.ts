import assert from 'node:assert/strict';
import { bounds } from '../../../../controller/simulate/index.js';
import { readTpch } from '../../../bench/palette/tpch/readGraphs.js';

describe("the graphs of TPC-H's queries", () => {
  const { graphs } = readTpch();

  it('are there for all 22 queries', () => {
    assert.deepEqual(
      graphs.map(({ query }) => query),
      Array.from({ length: 22 }, (_, i) => i + 1),
    );
  });

  it('have no cycles, and take longer at a larger scale factor', () => {
    for (const query of graphs) {
      const [small, large] = [bounds(query.atScale(1)), bounds(query.atScale(100))];
      assert.ok(small.span > 0 && small.span <= small.work);
      assert.ok(large.work > small.work);
    }
  });
});
