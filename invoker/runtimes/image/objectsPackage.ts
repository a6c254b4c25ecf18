import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package with the client of objects, which every Node.js action may require as `palette-whisk/objects`. */
export const OBJECTS_PACKAGE = 'palette-whisk';

const MANIFEST = { name: OBJECTS_PACKAGE, type: 'module', exports: { './objects': './index.js' } };

/** The files of the package; undefined if the client is not compiled. */
export function objectsPackage(): [name: string, data: Buffer][] | undefined {
  const root = import.meta.url.endsWith('.ts') ? '../../../dist' : '../../..';
  const folder = fileURLToPath(new URL(`${root}/shared/objects/client`, import.meta.url));
  if (!existsSync(join(folder, 'index.js'))) return undefined;
  const files = readdirSync(folder).filter((name) => name.endsWith('.js'));
  return [
    ['package.json', Buffer.from(`${JSON.stringify(MANIFEST)}\n`)],
    ...files.map((name): [string, Buffer] => [name, readFileSync(join(folder, name))]),
  ];
}
