import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whose containers an invoker's are: the value of a Docker label, and part of a path. */
export function ownerOf(topicsPrefix: string, instance: number, uniqueName: string | undefined): string {
  return `${topicsPrefix}invoker${instance}-${uniqueName ?? ''}`.replaceAll(/[^\w-]/g, '-');
}

/** Where the sockets and working directories of an owner's processes are. */
export const processFolder = (owner: string, folder = tmpdir()): string => join(folder, `palette-whisk-${owner}`);
