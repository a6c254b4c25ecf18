import assert from 'node:assert/strict';
import {
  circularEdges,
  dot,
  folderGraph,
  roomOf,
  withDarkColors,
  withoutShortcuts,
} from '../../../../docs/generators/folders.js';

const imports = (...edges: string[]) =>
  edges.map((edge) => {
    const [from = '', to = ''] = edge.split(' > ');
    return { from, to };
  });

describe('the graph of folders', () => {
  it('has no edge from a folder to itself', () => {
    const graph = folderGraph(imports('a/b/one.ts > a/b/two.ts', 'a/b/one.ts > a/c/three.ts'));
    assert.deepEqual(
      [...graph].map(([from, to]) => [from, [...to]]),
      [
        ['a/b', ['a/c']],
        ['a/c', []],
      ],
    );
  });

  it('names both directions of a pair that imports both ways', () => {
    const graph = folderGraph(imports('a/b/x.ts > a/c/y.ts', 'a/c/z.ts > a/b/w.ts', 'a/b/x.ts > a/d/v.ts'));
    assert.deepEqual(circularEdges(graph), ['a/b -> a/c', 'a/c -> a/b']);
  });

  it('counts a folder and the folder in it as a pair', () => {
    assert.deepEqual(circularEdges(folderGraph(imports('a/x.ts > a/b/y.ts', 'a/b/y.ts > a/z.ts'))), [
      'a -> a/b',
      'a/b -> a',
    ]);
  });

  it('names each edge of a longer circle', () => {
    const graph = folderGraph(imports('a/x.ts > b/x.ts', 'b/x.ts > c/x.ts', 'c/y.ts > a/y.ts', 'c/y.ts > d/y.ts'));
    assert.deepEqual(circularEdges(graph), ['a -> b', 'b -> c', 'c -> a']);
  });

  it('leaves out edges that a longer way implies', () => {
    const graph = withoutShortcuts(folderGraph(imports('a/x.ts > b/x.ts', 'b/x.ts > c/x.ts', 'a/x.ts > c/x.ts')));
    assert.deepEqual([...(graph.get('a') ?? [])], ['b']);
  });

  it('draws a box around each top-level folder, and circles in red', () => {
    const text = dot(
      folderGraph(imports('a/b/deep/x.ts > a/c/y.ts', 'a/c/y.ts > a/b/z.ts', 'a/m.ts > a/b/x.ts'), roomOf),
    );
    assert.match(text, /subgraph "cluster_a"/);
    assert.match(text, /"a\/b" \[label="b"\]/);
    assert.match(text, /"a" \[label="\(its own files\)"\]/);
    assert.match(text, /"a\/b" -> "a\/c" \[color="#d1242f", class=circular\]/);
    assert.match(text, /"a" -> "a\/b";/);
  });

  it('keeps the picture, and adds the colors for a dark page', () => {
    const picture =
      '<?xml version="1.0"?>\n<svg width="8pt"\n viewBox="0 0 8 8"><g class="graph"><text>a</text></g></svg>';
    const themed = withDarkColors(picture);
    const style = /<svg width="8pt"\n viewBox="0 0 8 8">\n(<style>.*?<\/style>)/s.exec(themed)?.[1] ?? '';
    assert.match(style, /@media \(prefers-color-scheme: dark\)/);
    assert.match(style, /text \{ fill: #f0f6fc \}/);
    assert.equal(themed.replace(`\n${style}`, ''), picture);
  });
});
