import { chmod, lchown, lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../../../../shared/errors/reasons.js';

/** A file with this prefix says that the layer lacks the file of the rest of its name. */
const WHITEOUT = '.wh.';
/** A file of this name says that the folder lacks all that lower layers have in it. */
const OPAQUE = '.wh..wh..opq';

/**
 * The mode of folders that a layer has no entry of, but files in: such a layer says nothing about the mode and the owner of
 * the folder. It is none that programs give to folders, so it distinguishes them; and their owner may read and write them.
 */
export const IMPLICIT_MODE = 0o723;
/** The mode of these folders if no lower layer has them. */
const NEW_MODE = 0o755;

/**
 * Moves a layer onto the layers below it: see https://github.com/opencontainers/image-spec/blob/main/layer.md. Both folders
 * are on one file system. Follows no link of the image, so that no layer reaches files outside of the folders.
 * @param layer the unpacked files of the layer, with `IMPLICIT_MODE`. What is not moved remains.
 * @param root the files of the layers below.
 */
export async function applyLayer(layer: string, root: string): Promise<void> {
  const names = await readdir(layer);
  if (names.includes(OPAQUE)) {
    for (const name of await readdir(root)) await remove(join(root, name));
  }
  // What the layer removes is gone before what it adds comes.
  for (const name of names) {
    if (name === OPAQUE || !name.startsWith(WHITEOUT)) continue;
    const hidden = name.slice(WHITEOUT.length);
    if (hidden !== '' && hidden !== '.' && hidden !== '..') await remove(join(root, hidden));
  }
  for (const name of names) {
    if (name.startsWith(WHITEOUT)) continue;
    const [from, to] = [join(layer, name), join(root, name)];
    const [added, below] = [await lstat(from), await found(to)];
    if (!added.isDirectory()) {
      if (below) await remove(to);
      await rename(from, to);
      continue;
    }
    const isNew = !below?.isDirectory();
    if (isNew) {
      if (below) await remove(to);
      await mkdir(to);
    }
    await applyLayer(from, to);
    const isImplicit = (added.mode & 0o777) === IMPLICIT_MODE;
    if (isImplicit && !isNew) continue;
    await lchown(to, added.uid, added.gid);
    await chmod(to, isImplicit ? NEW_MODE : added.mode & 0o7777);
  }
}

async function found(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });
