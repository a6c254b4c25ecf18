import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/*
 * Users of containers are mapped to users of this machine that nobody has: user 0 in a container is `first` outside, and
 * so on. All containers have the same mapping, so that an image is unpacked once, with the mapped owners.
 */

/** The number of users and of groups that a container has. */
export const MAPPED_USERS = 65_536;

/**
 * Where a container with a user namespace reaches its bundle, in a mount namespace of its own: its root is nobody outside,
 * and may not walk through the folders of root to the bundle itself.
 */
export const REACHED = '/mnt';

const PROBE_MS = 5000;

/**
 * Why users cannot be mapped here; undefined if they can. Never rejects.
 * @param first the user of this machine that is root in containers.
 */
export async function mappingFault(first: number): Promise<string | undefined> {
  if (first < MAPPED_USERS || first + MAPPED_USERS > 2 ** 32 - 1) {
    return `${first} is not from ${MAPPED_USERS} to ${2 ** 32 - 2 - MAPPED_USERS}`;
  }
  if (!existsSync(REACHED)) return `the folder ${REACHED} is missing`;
  try {
    await promisify(execFile)('unshare', ['--user', '--mount', 'true'], { timeout: PROBE_MS });
    return undefined;
  } catch (error) {
    return `the kernel does not allow user namespaces: ${String(error).trim()}`;
  }
}

/** Gives all files in a folder to the mapped owners, without following links. The folder may be shifted in part already. */
export async function shiftOwners(folder: string, first: number): Promise<void> {
  await shift(folder, first);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await shiftOwners(path, first);
    else await shift(path, first);
  }
}

async function shift(path: string, first: number): Promise<void> {
  const { uid, gid } = await lstat(path);
  // A file with several names is met several times.
  if (uid < first) await lchown(path, uid + first, gid + first);
}
