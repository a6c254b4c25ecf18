import { extname } from 'node:path';
import { CommandError } from './CommandError.js';

/** How files of an extension become an action. */
interface SourceKind {
  /** The family of kinds. The action gets the family's default kind of the server. */
  readonly family: string;
  /** Whether the file is sent in base64. */
  readonly binary?: true;
}

/** The extensions of sources. `npm`'s folders and archives are not in this table: see `artifact.ts`. */
const SOURCES: Readonly<Record<string, SourceKind>> = {
  '.js': { family: 'nodejs' },
  '.mjs': { family: 'nodejs' },
  '.cjs': { family: 'nodejs' },
  '.ts': { family: 'nodejs' },
  '.mts': { family: 'nodejs' },
  '.py': { family: 'python' },
  '.go': { family: 'go' },
  '.php': { family: 'php' },
  '.rb': { family: 'ruby' },
  '.rs': { family: 'rust' },
  '.swift': { family: 'swift' },
  '.jar': { family: 'java', binary: true },
};

/** The source kind of a file; undefined if its extension is unknown. */
export const sourceKind = (file: string): SourceKind | undefined => SOURCES[extname(file).toLowerCase()];

/** @throws CommandError that lists the known extensions. */
export function requireSourceKind(file: string): SourceKind {
  const found = sourceKind(file);
  if (found) return found;
  const known = Object.keys(SOURCES).join(', ');
  throw new CommandError(
    `the kind of '${file}' is unknown: name it with --kind KIND, or use a file that ends in ${known}`,
  );
}
