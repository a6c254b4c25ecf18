import { fileURLToPath } from 'node:url';

/** The programs that users start, by the names of their joined files. */
const COMPILED = {
  standalone: 'deploy/standalone/main',
  'palette-whisk': 'deploy/commands/main',
} as const;

/**
 * The arguments of Node.js that start a program: its source or its compiled file, as this file is one. Where the runner has
 * joined the compiled files (`JOINED_PROGRAMS`), it is the joined file, which users start, too: its start takes two thirds of
 * the processor time.
 */
export function programArguments(name: keyof typeof COMPILED): string[] {
  const source = import.meta.url.endsWith('.ts');
  if (source) return ['--import', 'tsx', fileURLToPath(new URL(`../${COMPILED[name]}.ts`, import.meta.url))];
  const joined = process.env['JOINED_PROGRAMS'] === 'true';
  return [fileURLToPath(new URL(joined ? `../bundle/${name}.js` : `../${COMPILED[name]}.js`, import.meta.url))];
}
