/*
 * Checks the imports between files and folders, including types, and draws docs/architecture.svg.
 *
 *   npm run docs:graph              checks and draws
 *   node dist/docs/generators/architecture.js --check    checks only (a part of `npm run lint`)
 *
 * Exits with 1 for a circle of files or folders. dependency-cruiser reads the imports with the parser swc, since its
 * TypeScript parser needs the compiler's JavaScript API, which TypeScript 7 no longer has.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { instance } from '@viz-js/viz';
import { cruise, type ICruiseOptions, type IFlattenedRuleSet } from 'dependency-cruiser';
import { circularEdges, dot, folderGraph, folderOf, roomOf, withDarkColors, type FileImport } from './folders.js';

const FOLDERS = ['controller', 'invoker', 'shared', 'deploy'];
const PICTURE = 'docs/architecture.svg';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `cruise` checks its options and rules itself
const configuration = JSON.parse(readFileSync('.dependency-cruiser.json', 'utf8')) as {
  options: ICruiseOptions;
  forbidden: NonNullable<IFlattenedRuleSet['forbidden']>;
};
const { output } = await cruise(FOLDERS, {
  ...configuration.options,
  ruleSet: { forbidden: configuration.forbidden },
  validate: true,
});
if (typeof output === 'string') throw new Error('dependency-cruiser answered with a text instead of a result');

const imports: FileImport[] = output.modules.flatMap((module) =>
  module.dependencies.map((dependency) => ({ from: module.source, to: dependency.resolved })),
);
if (imports.length === 0) throw new Error('dependency-cruiser found no import at all: can it read TypeScript here?');

const mistakes = [
  ...output.summary.violations.map(
    ({ rule, from, cycle }) => `${rule.name}: ${[from, ...(cycle ?? []).map(({ name }) => name)].join(' -> ')}`,
  ),
  ...circularEdges(folderGraph(imports)).map((edge) => `${edge} lies on a circle of folders: ${filesOf(edge)}`),
];
for (const mistake of mistakes) process.stderr.write(`${mistake}\n`);
const files = output.modules.length;
process.stdout.write(`${files} files, ${imports.length} imports, ${mistakes.length} violations\n`);
if (mistakes.length > 0) process.exitCode = 1;

if (!process.argv.includes('--check')) {
  const viz = await instance();
  writeFileSync(PICTURE, withDarkColors(viz.renderString(dot(folderGraph(imports, roomOf)), { format: 'svg' })));
  process.stdout.write(`${PICTURE} is written\n`);
}

/** Some of the imports of an edge between folders, to show where to cut. */
function filesOf(edge: string): string {
  const behind = imports.filter(({ from, to }) => `${folderOf(from)} -> ${folderOf(to)}` === edge);
  const named = behind.slice(0, 3).map(({ from, to }) => `${from.split('/').at(-1)} imports ${to.split('/').at(-1)}`);
  return named.join(', ') + (behind.length > 3 ? `, and ${behind.length - 3} more` : '');
}
