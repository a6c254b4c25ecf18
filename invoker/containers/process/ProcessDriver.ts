import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../shared/logging/Logger.js';
import { BLACKBOX } from '../../../shared/entities/exec.js';
import {
  ContainerStartError,
  type Container,
  type ContainerDriver,
  type ContainerImage,
  type ContainerSpec,
} from '../ContainerDriver.js';
import { Fleet } from '../Fleet.js';
import { cpuSharesOf } from '../inContainer.js';
import type { Cgroup } from '../cgroups/Cgroup.js';
import { Cgroups } from '../cgroups/Cgroups.js';
import { nodeBinaries, type NodeBinaries } from '../../runtimes/versions/NodeBinaries.js';
import { processFolder } from '../owner.js';
import { Guardian } from './Guardian.js';
import { removeLeftoverProcesses } from './leftovers.js';
import { MemoryWatch } from './MemoryWatch.js';
import { ProcessContainer } from './ProcessContainer.js';
import { providePackages } from './providedPackages.js';
import { processRuntime } from './processRuntimes.js';
import type { ProcessRuntime } from './runtimeCommand.js';

export interface ProcessDriverOptions {
  readonly logger: Logger;
  /** The owner of the processes: letters, digits, `-` and `_`. Its leftover processes are killed at the start. */
  readonly owner: string;
  /** The folder of sockets and working directories. Its path must be short: Unix sockets allow about 100 bytes. */
  readonly folder?: string | undefined;
  /** Whether each process runs in a sandbox of bubblewrap, which must be usable: see `detectSandbox`. */
  readonly sandbox?: boolean | undefined;
  /** Where to find the versions of Node.js; by default in the user's cache and at npm. */
  readonly binaries?: NodeBinaries | undefined;
  /** The most processes and threads of a sandbox, where control groups are usable. */
  readonly pidsLimit?: number | undefined;
  /** See `Cgroups.open`. */
  readonly cpuShares?: number | undefined;
}

const MB = 1024 * 1024;
const PIDS_LIMIT = 1024;

/**
 * Containers as child processes, for development without a container engine. Without a sandbox they **isolate
 * nothing**: an action may read and write everything that this process may. They support the kinds that
 * `processRuntime` finds here. Memory is checked periodically.
 */
export class ProcessDriver implements ContainerDriver {
  readonly name = 'process';
  readonly #options: ProcessDriverOptions;
  readonly #folder: string;
  readonly #memory = new MemoryWatch();
  readonly #containers: Fleet<ProcessContainer>;
  #packages: Promise<void> | undefined;
  readonly #binaries: NodeBinaries;
  /** The runtimes of kinds that were found. */
  readonly #runtimes = new Map<string, ProcessRuntime>();
  /** Distinguishes the folders of this run from those of earlier runs. */
  readonly #run = `${Date.now().toString(36)}-`;
  #count = 0;
  #guardian: Guardian | undefined;
  #cgroups: Promise<Cgroups | undefined> | undefined;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#containers = new Fleet(options.logger);
    this.#binaries = options.binaries ?? nodeBinaries((text) => options.logger.info(text));
    this.#folder = processFolder(options.owner, options.folder);
  }

  async removeLeftovers(): Promise<number> {
    if (this.#options.sandbox !== true)
      this.#options.logger.warn(
        'actions run as processes of this machine without isolation: an action may read and write everything that ' +
          'this server may; use Docker for code that you do not trust',
      );
    const isLeft = (name: string): boolean => !name.startsWith(this.#run);
    const count = await removeLeftoverProcesses(this.#folder, isLeft);
    await (await this.#openCgroups())?.removeLeftovers(isLeft);
    return count;
  }

  create(spec: ContainerSpec): Promise<Container> {
    const start = this.#create(spec);
    this.#containers.follow(start);
    return start;
  }

  async #create(spec: ContainerSpec): Promise<Container> {
    const runtime = await this.#runtime(spec.image);
    this.#count += 1;
    const name = `${this.#run}${this.#count}`;
    const folder = join(this.#folder, name);
    let cgroup: Cgroup | undefined;
    try {
      await (this.#packages ??= providePackages(this.#folder));
      await mkdir(folder, { mode: 0o700 });
      this.#guardian ??= new Guardian(join(this.#folder, this.#run));
      cgroup = await (
        await this.#openCgroups()
      )?.create(name, {
        memoryBytes: spec.memoryMB * MB,
        pids: this.#options.pidsLimit ?? PIDS_LIMIT,
        cpuShares: cpuSharesOf(spec),
      });
      const container = await ProcessContainer.start({
        spec,
        folder,
        runtime,
        memory: this.#memory,
        guardian: this.#guardian,
        sandbox: this.#options.sandbox === true ? { readable: this.#readable(runtime, spec) } : undefined,
        cgroup,
      });
      this.#containers.add(container);
      container.onDestroyed(() => this.#containers.delete(container));
      return container;
    } catch (error) {
      await cgroup?.destroy().catch(() => undefined);
      await rm(folder, { recursive: true, force: true });
      throw new ContainerStartError(`cannot start a process for ${spec.name}: ${String(error)}`, { cause: error });
    }
  }

  seenAt(sharedFolder: string): string {
    return sharedFolder;
  }

  async close(): Promise<void> {
    await this.#containers.close();
    this.#guardian?.close();
    this.#guardian = undefined;
    await (await this.#cgroups)?.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The files that a sandboxed runtime reads in addition to its folder. */
  #readable(runtime: ProcessRuntime, { sharedFolder }: ContainerSpec): readonly string[] {
    const shared = sharedFolder === undefined ? [] : [sharedFolder];
    return [...runtime.readable, join(this.#folder, 'node_modules'), ...shared];
  }

  async #runtime(image: ContainerImage): Promise<ProcessRuntime> {
    const known = this.#runtimes.get(image.kind);
    if (known) return known;
    const found = await processRuntime(image, this.#binaries);
    if (typeof found === 'string') {
      const what = image.kind === BLACKBOX ? `image '${image.reference}'` : `kind '${image.kind}'`;
      throw new ContainerStartError(`Actions of ${what} cannot run here: ${found}.`, { imageFault: true });
    }
    // Any other image of a user is to be refused.
    if (image.kind !== BLACKBOX) this.#runtimes.set(image.kind, found);
    return found;
  }

  /** The control groups of sandboxes; undefined without a sandbox, and where they are not usable. */
  #openCgroups(): Promise<Cgroups | undefined> {
    if (this.#options.sandbox !== true) return NO_CGROUPS;
    return (this.#cgroups ??= Cgroups.open(this.#options.owner, this.#options.cpuShares).then((opened) => {
      if (opened.usable) return opened.cgroups;
      this.#options.logger.info(`memory is checked every 100 ms and processes are not limited, since ${opened.reason}`);
      return undefined;
    }));
  }
}

const NO_CGROUPS: Promise<undefined> = Promise.resolve(undefined);
