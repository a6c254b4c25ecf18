import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The packages that a Node.js action may require without bringing them, as in OpenWhisk's own image. */
export const PROVIDED_PACKAGES: readonly string[] = ['openwhisk'];

/** Where a package is installed, as seen from a folder. */
export function findPackage(name: string, from: string): string | undefined {
  return createRequire(join(from, 'x.js'))
    .resolve.paths(name)
    ?.map((path) => join(path, name))
    .find((path) => existsSync(join(path, 'package.json')));
}

/** Where packages and what they depend on are installed, as seen from a folder; what is not installed is left out. */
export function findPackages(names: readonly string[], from: string): Set<string> {
  const found = new Set<string>();
  const visit = (name: string, from: string): void => {
    const folder = findPackage(name, from);
    if (folder === undefined || found.has(folder)) return;
    found.add(folder);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    for (const dependency of Object.keys(manifest.dependencies ?? {})) visit(dependency, folder);
  };
  for (const name of names) visit(name, from);
  return found;
}
