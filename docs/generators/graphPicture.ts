import { chainColoring, virtualWorkers, type Coloring, type Dag } from '../../shared/graphs/index.js';

/*
 * The picture of docs/graphs.md: a small graph that the library colors in both ways.
 */

/**
 * Pictures are fetched, cut, labelled and added to an album. Weights are seconds: of nodes to run, of edges to
 * transfer.
 */
export const ALBUM: Dag = {
  nodes: [
    { id: 'list', weight: 1 },
    { id: 'fetch A', weight: 3 },
    { id: 'fetch B', weight: 3 },
    { id: 'fetch C', weight: 2 },
    { id: 'cut A', weight: 2 },
    { id: 'cut B', weight: 2 },
    { id: 'cut C', weight: 1 },
    { id: 'label A', weight: 4 },
    { id: 'label B', weight: 2 },
    { id: 'album', weight: 2 },
    { id: 'notify', weight: 1 },
  ],
  edges: [
    { from: 'list', to: 'fetch A', weight: 0 },
    { from: 'list', to: 'fetch B', weight: 0 },
    { from: 'list', to: 'fetch C', weight: 0 },
    { from: 'fetch A', to: 'cut A', weight: 3 },
    { from: 'fetch B', to: 'cut B', weight: 3 },
    { from: 'fetch C', to: 'cut C', weight: 3 },
    { from: 'cut A', to: 'label A', weight: 2 },
    { from: 'cut B', to: 'label B', weight: 2 },
    { from: 'label A', to: 'album', weight: 1 },
    { from: 'label B', to: 'album', weight: 1 },
    { from: 'cut C', to: 'album', weight: 1 },
    { from: 'album', to: 'notify', weight: 0 },
  ],
};

/** Colors for readers with color blindness, too (Okabe and Ito). Each node also shows the color's name. */
const FILLS = ['#56b4e9', '#e69f00', '#009e73', '#cc79a7', '#f0e442', '#d55e00'];
const WIDTH = 104;
const HEIGHT = 44;
const COLUMN = 132;
const ROW = 62;
const MARGIN = 20;
const TITLE = 30;

/** The colors for a dark page. A style sheet takes precedence over the attributes. Boxes keep their fills. */
const DARK = `<style>
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .title { fill: #f0f6fc } .arrow { stroke: #9198a1 } .tip { fill: #9198a1 } .box { stroke: #f0f6fc }
  }
</style>`;

/** The picture as SVG text. */
export function graphPicture(dag: Dag = ALBUM): string {
  const places = layout(dag);
  const columns = Math.max(...Array.from(places.values(), ({ column }) => column)) + 1;
  const rows = Math.max(...Array.from(places.values(), ({ row }) => row)) + 1;
  const width = columns * COLUMN + MARGIN * 2 - (COLUMN - WIDTH);
  const panel = TITLE + rows * ROW;
  const panels = [
    { title: 'chainColoring(dag): a color for each path', coloring: chainColoring(dag) },
    { title: 'virtualWorkers(dag, 2): a color for each worker', coloring: virtualWorkers(dag, 2) },
  ];
  const height = panel * panels.length + MARGIN * 2;
  const parts = panels.map(({ title, coloring }, i) => drawing(dag, places, title, coloring, MARGIN + i * panel));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13">
<title>One graph of invocations, colored by chains and by virtual workers</title>
${DARK}
<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>
<rect class="page" width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

interface Place {
  readonly column: number;
  readonly row: number;
}

/** The places of nodes: the column is the length of the longest path to a node, the row its number in the column. */
function layout(dag: Dag): Map<string, Place> {
  const columns = new Map<string, number>(dag.nodes.map(({ id }) => [id, 0]));
  // After as many rounds as nodes, the longest path is complete.
  for (const _ of dag.nodes) {
    for (const { from, to } of dag.edges) {
      columns.set(to, Math.max(columns.get(to) ?? 0, (columns.get(from) ?? 0) + 1));
    }
  }
  const filled = new Map<number, number>();
  return new Map(
    dag.nodes.map(({ id }) => {
      const column = columns.get(id) ?? 0;
      const row = filled.get(column) ?? 0;
      filled.set(column, row + 1);
      return [id, { column, row }];
    }),
  );
}

function drawing(dag: Dag, places: ReadonlyMap<string, Place>, title: string, coloring: Coloring, top: number): string {
  const fills = new Map([...new Set(coloring.values())].toSorted().map((color, i) => [color, FILLS[i % FILLS.length]]));
  const corner = (id: string): { x: number; y: number } => {
    const { column, row } = places.get(id) ?? { column: 0, row: 0 };
    return { x: MARGIN + column * COLUMN, y: top + TITLE + row * ROW };
  };
  const arrows = dag.edges.map(({ from, to }) => {
    const [a, b] = [corner(from), corner(to)];
    const same = coloring.get(from) === coloring.get(to);
    return `<path class="arrow" d="M${a.x + WIDTH} ${a.y + HEIGHT / 2} L${b.x - (COLUMN - WIDTH)} ${a.y + HEIGHT / 2} L${b.x} ${b.y + HEIGHT / 2}" stroke="#555" stroke-width="${same ? 3 : 1}"${same ? '' : ' stroke-dasharray="5 4"'} fill="none" marker-end="url(#tip)"/>`;
  });
  const boxes = dag.nodes.map(({ id }) => {
    const { x, y } = corner(id);
    const color = coloring.get(id) ?? '';
    return `<g><rect class="box" x="${x}" y="${y}" width="${WIDTH}" height="${HEIGHT}" rx="8" fill="${fills.get(color)}" stroke="#333"/><text x="${x + WIDTH / 2}" y="${y + 19}" text-anchor="middle" fill="#000">${id}</text><text x="${x + WIDTH / 2}" y="${y + 35}" text-anchor="middle" font-size="11" fill="#000">${color}</text></g>`;
  });
  return `<text class="title" x="${MARGIN}" y="${top + 14}" font-weight="600" fill="#000">${title}</text>\n${arrows.join('\n')}\n${boxes.join('\n')}`;
}
