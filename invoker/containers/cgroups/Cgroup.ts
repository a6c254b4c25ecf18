import { readFileSync, writeFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../../shared/errors/reasons.js';

/** A program and its arguments. */
interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** The folders of one group, by controller. In version 2 they are the same. */
export interface CgroupFolders {
  readonly version: 1 | 2;
  readonly memory: string;
  readonly pids: string;
  readonly cpu: string;
  readonly freezer: string;
}

/**
 * The pauses between attempts to remove a group, in ms. The kernel removes killed processes after 10 to 50 ms, so the pauses
 * stay short until then: an attempt costs some µs. A process needs some processor time to end: it takes seconds if others have a
 * higher priority. The pool waits for its removals longer than all pauses together.
 */
export const REMOVAL_PAUSES_MS: readonly number[] = [
  1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 8, 8, 10, 10, 16, 32, 64, 128, 256, 512, 1000, 2000, 4000, 8000, 8000,
];

/** Moves the shell into the groups whose files come before `--`, and then becomes the command after it. */
const JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 125; shift; done; shift; exec "$@"';

/** The control group of one container. */
export class Cgroup {
  /** The path below each mount, from `/`. */
  readonly path: string;
  readonly #folders: CgroupFolders;

  constructor(folders: CgroupFolders, path: string) {
    this.#folders = folders;
    this.path = path;
  }

  /** The folders, each one once. */
  get paths(): readonly string[] {
    const { memory, pids, cpu, freezer } = this.#folders;
    return [...new Set([memory, pids, cpu, freezer])];
  }

  /** The command that joins the group before it does anything else, so that all its processes are in the group. */
  joined({ program, args }: Command): Command {
    const files = this.paths.map((path) => join(path, 'cgroup.procs'));
    return { program: '/bin/sh', args: ['-c', JOIN, 'sh', ...files, '--', program, ...args] };
  }

  /** Whether the kernel has killed one of its processes because of the group's memory. */
  get outOfMemory(): boolean {
    const { version, memory } = this.#folders;
    const text = readText(join(memory, version === 2 ? 'memory.events' : 'memory.oom_control'));
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
  }

  /** Stops all processes at once, whatever they do. Takes some µs. @throws the kernel's error */
  freeze(): void {
    this.#setFrozen(true);
  }

  /** @throws the kernel's error */
  thaw(): void {
    this.#setFrozen(false);
  }

  /**
   * Kills all processes, frozen ones too, and removes the group.
   * @throws the kernel's error if it cannot be removed: EBUSY if a killed process has not ended after all pauses.
   */
  async destroy(pausesMs: readonly number[] = REMOVAL_PAUSES_MS): Promise<void> {
    for (const pause of pausesMs) {
      this.#kill();
      try {
        await this.#remove();
        return;
      } catch (error) {
        if (codeOf(error) !== 'EBUSY') throw error;
        await sleep(pause);
      }
    }
    this.#kill();
    await this.#remove();
  }

  #setFrozen(frozen: boolean): void {
    const { version, freezer } = this.#folders;
    if (version === 2) writeFileSync(join(freezer, 'cgroup.freeze'), frozen ? '1' : '0');
    else writeFileSync(join(freezer, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
  }

  #kill(): void {
    const pids = readText(join(this.#folders.pids, 'cgroup.procs')).split('\n').map(Number);
    for (const pid of pids) {
      if (pid <= 0) continue;
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    }
    try {
      // In version 1 a frozen process dies only when it goes on.
      this.thaw();
    } catch {
      // The group is gone.
    }
  }

  async #remove(): Promise<void> {
    for (const path of this.paths) {
      await rmdir(path).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
    }
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
