import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, messageOf } from '../../../shared/errors/reasons.js';
import { Cgroup, REMOVAL_PAUSES_MS, type CgroupFolders } from './Cgroup.js';
import { findHierarchies, type Hierarchies } from './hierarchies.js';

/** The limits of one container. */
export interface CgroupLimits {
  readonly memoryBytes: number;
  /** The most processes and threads. */
  readonly pids: number;
  /** The share of a busy processor, as Docker's `CpuShares`: from 2; other programs have 1024. */
  readonly cpuShares: number;
}

export type OpenedCgroups =
  | { readonly usable: true; readonly cgroups: Cgroups }
  | { readonly usable: false; /** One line, for the user. */ readonly reason: string };

/** The share in version 1 and the weight in version 2 of a group of which nobody said anything. */
const STANDARD = { shares: 1024, weight: 100 };

/** The pauses between attempts to remove a group of an earlier run, in ms: a start waits for them, 4 s at most. */
export const LEFTOVER_PAUSES_MS: readonly number[] = REMOVAL_PAUSES_MS.filter((pause) => pause <= 2000);

/** The folder of all owners in each hierarchy. */
const COMMON = 'palette-whisk';
/** The controllers to enable in version 2. */
const CONTROLLERS = '+memory +pids +cpu';

/**
 * The control groups of one owner's containers: `palette-whisk/OWNER/NAME` in each hierarchy of the kernel. Version 1
 * has a hierarchy for each controller, version 2 has one for all.
 * See https://docs.kernel.org/admin-guide/cgroup-v1/ and https://docs.kernel.org/admin-guide/cgroup-v2.html.
 */
export class Cgroups {
  readonly #hierarchies: Hierarchies;
  readonly #base: string;

  private constructor(hierarchies: Hierarchies, base: string) {
    this.#hierarchies = hierarchies;
    this.#base = base;
  }

  /**
   * Creates the owner's groups. Never rejects.
   * @param cpuShares the share of a busy processor of all containers of this machine together, where other
   *   programs have 1024. Missing: as it is.
   * @param mountInfo the text of `/proc/self/mountinfo`, for tests.
   */
  static async open(owner: string, cpuShares?: number, mountInfo = mounts()): Promise<OpenedCgroups> {
    const found = findHierarchies(mountInfo, (path) => readFileSync(path, 'utf8'));
    if ('reason' in found) return { usable: false, reason: found.reason };
    const base = join(COMMON, owner);
    try {
      if (found.version === 2) {
        for (const path of ['.', COMMON, base]) {
          await mkdir(join(found.unified, path), { recursive: true });
          await writeFile(join(found.unified, path, 'cgroup.subtree_control'), CONTROLLERS);
        }
      } else {
        for (const mount of mountsOf(found)) await mkdir(join(mount, base), { recursive: true });
      }
      if (cpuShares !== undefined) await shareProcessor(found, cpuShares);
    } catch (error) {
      return { usable: false, reason: `control groups cannot be created here: ${messageOf(error)}` };
    }
    return { usable: true, cgroups: new Cgroups(found, base) };
  }

  /** Creates the group of one container. @throws the kernel's error */
  async create(name: string, limits: CgroupLimits): Promise<Cgroup> {
    const folders = this.#folders(name);
    const group = new Cgroup(folders, `/${join(this.#base, name)}`);
    await Promise.all(group.paths.map((path) => mkdir(path, { recursive: true })));
    const swap = join(folders.memory, folders.version === 2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes');
    await Promise.all(
      settings(folders, limits).map(async ([folder, file, value]) => writeFile(join(folder, file), String(value))),
    );
    // A kernel may not account for swap. In version 1 this limit cannot be below that of memory, so it comes last.
    if (existsSync(swap)) await writeFile(swap, String(folders.version === 2 ? 0 : limits.memoryBytes));
    return group;
  }

  /**
   * Kills the processes of the groups that an earlier run left, and removes the groups. Resolves to their number. A group
   * whose killed processes need seconds to end stays for the next start.
   */
  async removeLeftovers(isLeft: (name: string) => boolean): Promise<number> {
    const [first] = this.#mounts();
    if (first === undefined) return 0;
    const entries = await readdir(join(first, this.#base), { withFileTypes: true }).catch(() => []);
    const left = entries.filter((entry) => entry.isDirectory() && isLeft(entry.name)).map(({ name }) => name);
    await Promise.all(
      left.map((name) =>
        new Cgroup(this.#folders(name), '').destroy(LEFTOVER_PAUSES_MS).catch((error: unknown) => {
          if (codeOf(error) !== 'EBUSY') throw error;
        }),
      ),
    );
    return left.length;
  }

  /** The prefixes of the paths of all groups whose names begin with `run`, for a guardian. */
  prefixes(run: string): { readonly processes: string; readonly freezers: string } {
    const { pids, freezer } = this.#folders(run);
    return { processes: pids, freezers: freezer };
  }

  /** The version of the hierarchies. */
  get version(): 1 | 2 {
    return this.#hierarchies.version;
  }

  /** Removes the owner's groups, which must be empty. Never rejects. */
  async close(): Promise<void> {
    for (const mount of this.#mounts()) await rmdir(join(mount, this.#base)).catch(() => undefined);
  }

  #mounts(): readonly string[] {
    return this.#hierarchies.version === 2 ? [this.#hierarchies.unified] : mountsOf(this.#hierarchies);
  }

  #folders(name: string): CgroupFolders {
    const within = (mount: string): string => join(mount, this.#base, name);
    if (this.#hierarchies.version === 2) {
      const folder = within(this.#hierarchies.unified);
      return { version: 2, memory: folder, pids: folder, cpu: folder, freezer: folder };
    }
    const { memory, pids, cpu, freezer } = this.#hierarchies;
    return { version: 1, memory: within(memory), pids: within(pids), cpu: within(cpu), freezer: within(freezer) };
  }
}

const mountsOf = (found: Extract<Hierarchies, { version: 1 }>): readonly string[] => [
  ...new Set([found.memory, found.pids, found.cpu, found.freezer]),
];

type Value = readonly [folder: string, file: string, value: number];

function settings(folders: CgroupFolders, { memoryBytes, pids, cpuShares }: CgroupLimits): readonly Value[] {
  const { memory, cpu } = folders;
  if (folders.version === 1) {
    return [
      [memory, 'memory.limit_in_bytes', memoryBytes],
      [folders.pids, 'pids.max', pids],
      [cpu, 'cpu.shares', cpuShares],
    ];
  }
  return [
    [memory, 'memory.max', memoryBytes],
    // A container that lost one of its processes is of no use.
    [memory, 'memory.oom.group', 1],
    [folders.pids, 'pids.max', pids],
    [cpu, 'cpu.weight', cpuWeight(cpuShares)],
  ];
}

/** Sets the share of all owners' containers together. */
async function shareProcessor(found: Hierarchies, shares: number): Promise<void> {
  if (found.version === 1) return writeFile(join(found.cpu, COMMON, 'cpu.shares'), String(shares));
  const weight = Math.min(10_000, Math.max(1, Math.round((shares * STANDARD.weight) / STANDARD.shares)));
  return writeFile(join(found.unified, COMMON, 'cpu.weight'), String(weight));
}

/** The weight of version 2 (1 to 10000) for the shares of version 1 (2 to 262144). */
export function cpuWeight(shares: number): number {
  return Math.min(10_000, Math.max(1, Math.round(1 + ((shares - 2) * 9999) / 262_142)));
}

function mounts(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return '';
  }
}
