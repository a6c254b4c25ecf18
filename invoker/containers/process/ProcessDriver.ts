import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../../shared/logging/Logger.js';
import { ContainerStartError, type Container, type ContainerDriver, type ContainerSpec } from '../ContainerDriver.js';
import { processFolder } from '../owner.js';
import { Guardian } from './Guardian.js';
import { removeLeftoverProcesses } from './leftovers.js';
import { MemoryWatch } from './MemoryWatch.js';
import { ProcessContainer } from './ProcessContainer.js';
import { providePackages } from './providedPackages.js';
import { nodeRuntimeCommand, nodeRuntimePaths } from './runtimeCommand.js';

export interface ProcessDriverOptions {
  readonly logger: Logger;
  /** The owner of the processes: letters, digits, `-` and `_`. Its leftover processes are killed at the start. */
  readonly owner: string;
  /** The folder of sockets and working directories. Its path must be short: Unix sockets allow about 100 bytes. */
  readonly folder?: string | undefined;
  /** Whether each process runs in a sandbox of bubblewrap, which must be usable: see `detectSandbox`. */
  readonly sandbox?: boolean | undefined;
}

/**
 * Containers as child processes, for development without a container engine. Without a sandbox they **isolate
 * nothing**: an action may read and write everything that this process may. They support only kinds of Node.js. Memory
 * is checked periodically.
 */
export class ProcessDriver implements ContainerDriver {
  readonly name = 'process';
  readonly #options: ProcessDriverOptions;
  readonly #folder: string;
  readonly #command = nodeRuntimeCommand();
  readonly #memory = new MemoryWatch();
  readonly #containers = new Set<ProcessContainer>();
  #packages: Promise<void> | undefined;
  #paths: readonly string[] | undefined;
  /** Distinguishes the folders of this run from those of earlier runs. */
  readonly #run = `${Date.now().toString(36)}-`;
  #count = 0;
  #guardian: Guardian | undefined;

  constructor(options: ProcessDriverOptions) {
    this.#options = options;
    this.#folder = processFolder(options.owner, options.folder);
  }

  async removeLeftovers(): Promise<number> {
    if (this.#options.sandbox !== true)
      this.#options.logger.warn(
        'actions run as processes of this machine without isolation: an action may read and write everything that ' +
          'this server may; use Docker for code that you do not trust',
      );
    return removeLeftoverProcesses(this.#folder, (name) => !name.startsWith(this.#run));
  }

  async create(spec: ContainerSpec): Promise<Container> {
    if (!spec.image.kind.startsWith('nodejs:')) {
      throw new ContainerStartError(
        `Actions of kind '${spec.image.kind}' need Docker: without it only kinds of nodejs run.`,
        { imageFault: true },
      );
    }
    this.#count += 1;
    const folder = join(this.#folder, `${this.#run}${this.#count}`);
    try {
      await (this.#packages ??= providePackages(this.#folder));
      await mkdir(folder, { mode: 0o700 });
      this.#guardian ??= new Guardian(join(this.#folder, this.#run));
      const container = await ProcessContainer.start({
        spec,
        folder,
        command: this.#command,
        memory: this.#memory,
        guardian: this.#guardian,
        sandbox: this.#options.sandbox === true ? { readable: this.#readable() } : undefined,
      });
      this.#containers.add(container);
      container.onDestroyed(() => this.#containers.delete(container));
      return container;
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw new ContainerStartError(`cannot start a process for ${spec.name}: ${String(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#containers].map((container) => container.destroy()));
    this.#guardian?.close();
    this.#guardian = undefined;
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** The files that a sandboxed runtime reads in addition to its folder; determined once. */
  #readable(): readonly string[] {
    return (this.#paths ??= [...nodeRuntimePaths(), join(this.#folder, 'node_modules')]);
  }
}
