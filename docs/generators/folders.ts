/*
 * The graph of folders from the imports between files: its circles, and the picture of docs/architecture.md. All
 * functions are pure.
 */

/** An import of a file, including imports of types. Paths are relative to the project's root, with `/`. */
export interface FileImport {
  readonly from: string;
  readonly to: string;
}

/** The imported folders of each folder, without the folder itself. */
export type FolderGraph = ReadonlyMap<string, ReadonlySet<string>>;

export const folderOf = (file: string): string => file.slice(0, Math.max(0, file.lastIndexOf('/')));

/**
 * The first two parts of a file's folder: `controller/api` for `controller/api/rules/put.ts`, `controller` for
 * `controller/main.ts`.
 */
export const roomOf = (file: string): string => folderOf(file).split('/').slice(0, 2).join('/');

/** The graph of folders, where `group` says which folder a file is in. */
export function folderGraph(imports: readonly FileImport[], group: (file: string) => string = folderOf): FolderGraph {
  const graph = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    const [source, target] = [group(from), group(to)];
    for (const folder of [source, target]) if (!graph.has(folder)) graph.set(folder, new Set());
    if (source !== target) graph.get(source)?.add(target);
  }
  return graph;
}

/** The folders that can be reached from `start` over at least one edge. */
function reachable(graph: FolderGraph, start: string): Set<string> {
  const seen = new Set<string>();
  const open = [...(graph.get(start) ?? [])];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    open.push(...(graph.get(folder) ?? []));
  }
  return seen;
}

/** The edges on a circle, as `from -> to`. */
export function circularEdges(graph: FolderGraph): string[] {
  const edges: string[] = [];
  for (const [from, targets] of graph)
    for (const to of targets) if (reachable(graph, to).has(from)) edges.push(`${from} -> ${to}`);
  return edges.toSorted();
}

/** Removes edges that a longer path implies, to simplify the picture. Edges on a circle remain. */
export function withoutShortcuts(graph: FolderGraph): FolderGraph {
  return new Map(
    [...graph].map(([from, targets]) => [
      from,
      new Set(
        [...targets].filter(
          (to) =>
            reachable(graph, to).has(from) ||
            ![...targets].some((other) => other !== to && reachable(graph, other).has(to)),
        ),
      ),
    ]),
  );
}

/** The graph in Graphviz's language, with a box around each top-level folder. Edges on a circle are red. */
export function dot(graph: FolderGraph): string {
  const circular = new Set(circularEdges(graph));
  const tops = [...new Set([...graph.keys()].map((folder) => folder.split('/')[0] ?? folder))].toSorted();
  const boxes = tops.flatMap((top) => [
    `  subgraph "cluster_${top}" {`,
    `    label="${top}/"; style="rounded,filled"; color="#c8ccd0"; fillcolor="#f6f8fa"; fontsize=14;`,
    ...[...graph.keys()]
      .filter((folder) => folder === top || folder.startsWith(`${top}/`))
      .toSorted()
      .map(
        (folder) => `    "${folder}" [label="${folder === top ? '(its own files)' : folder.slice(top.length + 1)}"];`,
      ),
    '  }',
  ]);
  const edges = [...withoutShortcuts(graph)].flatMap(([from, targets]) =>
    [...targets].map(
      (to) => `  "${from}" -> "${to}"${circular.has(`${from} -> ${to}`) ? ' [color="#d1242f", class=circular]' : ''};`,
    ),
  );
  return [
    'digraph {',
    '  rankdir=TB; nodesep=0.2; ranksep=0.45; fontname="Helvetica";',
    '  node [shape=box, style="rounded,filled", fillcolor=white, color="#57606a", fontname="Helvetica", fontsize=11];',
    '  edge [color="#8c959f", arrowsize=0.7];',
    ...boxes,
    ...edges.toSorted(),
    '}',
    '',
  ].join('\n');
}

/** The colors of the picture for a dark page. A style sheet takes precedence over the attributes that Graphviz writes. */
const DARK = `<style>
  @media (prefers-color-scheme: dark) {
    .graph > polygon { fill: #0d1117 } text { fill: #f0f6fc }
    .cluster path { fill: #151b23; stroke: #3d444d } .node path { fill: #21262d; stroke: #9198a1 }
    .edge path { stroke: #9198a1 } .edge polygon { fill: #9198a1; stroke: #9198a1 }
    .circular path { stroke: #f85149 } .circular polygon { fill: #f85149; stroke: #f85149 }
  }
</style>`;

/** Graphviz's picture of a `dot` graph, which also follows a dark page. */
export const withDarkColors = (svg: string): string => svg.replace(/<svg[^>]*>/, (start) => `${start}\n${DARK}`);
