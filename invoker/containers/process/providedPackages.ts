import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OBJECTS_PACKAGE, objectsPackage } from '../../runtimes/image/objectsPackage.js';
import { findPackage, PROVIDED_PACKAGES } from '../../runtimes/image/packages.js';

/**
 * Lets actions below `folder` require the packages of OpenWhisk's image and the client of objects, but no other packages
 * of this server.
 */
export async function providePackages(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true, mode: 0o700 });
  for (const name of PROVIDED_PACKAGES) {
    const installed = findPackage(name, import.meta.dirname);
    const link = join(folder, 'node_modules', name);
    // An earlier run may have created a link to another installation.
    await rm(link, { force: true });
    if (installed === undefined) continue;
    await symlink(installed, link, 'dir').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  const objects = join(folder, 'node_modules', OBJECTS_PACKAGE);
  await mkdir(objects, { recursive: true, mode: 0o700 });
  for (const [name, data] of objectsPackage() ?? []) await writeFile(join(objects, name), data);
}
