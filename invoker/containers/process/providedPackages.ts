import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { PROVIDED_PACKAGES } from '../../runtimes/image/rootfs.js';

const require = createRequire(import.meta.url);

/**
 * Lets actions below `folder` require the packages that they find in OpenWhisk's own image, and no others of this
 * server's.
 */
export async function providePackages(folder: string): Promise<void> {
  await mkdir(join(folder, 'node_modules'), { recursive: true, mode: 0o700 });
  for (const name of PROVIDED_PACKAGES) {
    const installed = require.resolve
      .paths(name)
      ?.map((path) => join(path, name))
      .find((path) => existsSync(path));
    if (installed === undefined) continue;
    await symlink(installed, join(folder, 'node_modules', name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}
