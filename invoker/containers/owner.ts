import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The owner of an invoker's containers: the value of a Docker label, and a part of a path. */
export function ownerOf(topicsPrefix: string, instance: number, uniqueName: string | undefined): string {
  return `${topicsPrefix}invoker${instance}-${uniqueName ?? ''}`.replaceAll(/[^\w-]/g, '-');
}

/** The folder of the sockets and working directories of an owner's processes. */
export const processFolder = (owner: string, folder = tmpdir()): string => join(folder, `palette-whisk-${owner}`);
