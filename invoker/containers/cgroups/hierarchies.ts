import { join } from 'node:path';

/** Where the kernel's control groups are mounted: one hierarchy, or one for each controller. */
export type Hierarchies =
  | { readonly version: 2; readonly unified: string }
  | {
      readonly version: 1;
      readonly memory: string;
      readonly pids: string;
      readonly cpu: string;
      readonly freezer: string;
    };

/**
 * Finds the hierarchies. On a hybrid system, where version 2 is mounted without controllers, it finds version 1.
 * @param mountInfo the text of `/proc/self/mountinfo`.
 * @param read the text of a file. @throws if it cannot be read.
 */
export function findHierarchies(mountInfo: string, read: (path: string) => string): Hierarchies | { reason: string } {
  const mounts = mountInfo.split('\n').flatMap(parseMount);
  const unified = mounts.find(({ type }) => type === 'cgroup2');
  if (unified && hasControllers(unified.path, read)) return { version: 2, unified: unified.path };
  const of = (controller: string): string | undefined =>
    mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller))?.path;
  const [memory, pids, cpu, freezer] = [of('memory'), of('pids'), of('cpu'), of('freezer')];
  if (memory === undefined || pids === undefined || cpu === undefined || freezer === undefined) {
    return { reason: 'the control groups for memory, processes, processor and freezing are not mounted here' };
  }
  return { version: 1, memory, pids, cpu, freezer };
}

function hasControllers(path: string, read: (path: string) => string): boolean {
  try {
    const names = read(join(path, 'cgroup.controllers')).trim().split(' ');
    return ['memory', 'pids', 'cpu'].every((name) => names.includes(name));
  } catch {
    return false;
  }
}

/** A line of `/proc/self/mountinfo`: `… ROOT MOUNTPOINT OPTIONS … - TYPE SOURCE OPTIONS`. */
function parseMount(line: string): { path: string; type: string; options: readonly string[] }[] {
  const [before = '', after = ''] = line.split(' - ');
  const path = before.split(' ')[4];
  const [type = '', , options = ''] = after.split(' ');
  return path === undefined ? [] : [{ path, type, options: options.split(',') }];
}
