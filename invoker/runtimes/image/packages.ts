import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as z from 'zod';

const manifestSchema = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });

/** The packages that every Node.js action may require, as in OpenWhisk's image. */
export const PROVIDED_PACKAGES: readonly string[] = ['openwhisk'];

/** The packages of the runtime itself: the parser of TypeScript for versions of Node.js without it. */
export const RUNTIME_PACKAGES: readonly string[] = ['amaro'];

/** The folder of a package, resolved from a folder; undefined if it is not installed. */
export function findPackage(name: string, from: string): string | undefined {
  return createRequire(join(from, 'x.js'))
    .resolve.paths(name)
    ?.map((path) => join(path, name))
    .find((path) => existsSync(join(path, 'package.json')));
}

/** The folders of packages and their dependencies, resolved from a folder. Omits packages that are not installed. */
export function findPackages(names: readonly string[], from: string): Set<string> {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const folder = findPackage(name, from);
    if (folder === undefined || found.has(folder)) return;
    found.add(folder);
    const manifest = manifestSchema.parse(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
    for (const dependency of Object.keys(manifest.dependencies)) visit(dependency, folder);
  };
  for (const name of names) visit(name, from);
  return found;
}
