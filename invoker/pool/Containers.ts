import type { Logger } from '../../shared/logging/Logger.js';
import type { ContainerDriver, ContainerImage } from '../containers/ContainerDriver.js';
import { newEntry } from './ContainerEntry.js';
import { ContainerTable } from './ContainerTable.js';
import { isIdle } from './decide.js';
import type { Job } from './Job.js';
import type { PooledContainer } from './PooledContainer.js';
import type { StemCell } from './StemCells.js';

export interface ContainersConfig {
  readonly userMemoryMB: number;
  /** So many colors are remembered for each container. */
  readonly maxColors: number;
  /** What stem cells are prepared for. */
  readonly maxConcurrency: number;
  /** Environment variables of every container, such as `__OW_API_HOST`. */
  readonly environment: Readonly<Record<string, string>>;
  /** The beginning of every container's name: who owns it. */
  readonly namePrefix: string;
}

export interface ContainersParts {
  readonly driver: ContainerDriver;
  readonly config: ContainersConfig;
  readonly log: Logger;
  readonly now: () => number;
}

/** Makes, pauses, resumes and removes the pool's containers, and keeps its table (see `ContainerPool.ts`). */
export class Containers {
  readonly table: ContainerTable<PooledContainer>;
  readonly #parts: ContainersParts;
  /** Called when there may be room for who waits. */
  readonly #onRoom: () => void;
  readonly #removals = new Set<Promise<void>>();
  #nextId = 1;

  constructor(parts: ContainersParts, onRoom: () => void) {
    this.#parts = parts;
    this.#onRoom = onRoom;
    this.table = new ContainerTable(parts.config.userMemoryMB, parts.config.maxColors);
  }

  /** Begins to make a container for the job. */
  createFor(job: Job): PooledContainer {
    const { image, concurrency, path } = job.action;
    const name = `${plain(job.message.user.namespace.name)}_${plain(path.slice(path.lastIndexOf('/') + 1))}`;
    const entry = this.#create(job, image, name, concurrency);
    this.table.addFor(entry, job.key, concurrency);
    return entry;
  }

  /** Begins to make a stem cell, where there is room for one; `settled` hears whether it came to be. */
  createStemCell(cell: StemCell, settled: (error?: unknown) => void): void {
    const { config, now } = this.#parts;
    if (this.table.usedMB + cell.memoryMB > this.table.capacityMB) return;
    const entry = this.#create(cell, cell.image, `prewarm_${plain(cell.kind)}`, config.maxConcurrency);
    this.table.addStemCell(entry);
    entry.created.then(
      () => {
        settled();
        // Somebody may have taken it already, or the pool may have closed.
        if (entry.state !== 'creating' || entry.key !== undefined) return;
        entry.state = 'prewarmed';
        if (cell.reactive) entry.expires = now() + cell.reactive.ttlMs;
        this.#onRoom();
      },
      (error: unknown) => {
        settled(error);
        if (entry.key === undefined) this.remove(entry);
      },
    );
  }

  /** The activation has left the container; `collecting` says whether its logs are still to be read. */
  release(entry: PooledContainer, collecting: boolean): void {
    this.table.release(entry, collecting, this.#parts.now());
    this.#afterUse(entry);
  }

  /** The logs of an activation that left before have been read. */
  collected(entry: PooledContainer): void {
    this.table.collected(entry);
    this.#afterUse(entry);
  }

  /** The container takes no more activations, and goes when the last one has left. */
  drain(entry: PooledContainer): void {
    if (entry.state !== 'draining' && entry.state !== 'removing') this.table.setState(entry, 'draining');
  }

  remove(entry: PooledContainer): void {
    this.table.remove(entry);
    const removal = this.#destroy(entry);
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  /** Removes every container, whatever it does. */
  removeAll(): void {
    for (const entry of this.table.all) this.remove(entry);
  }

  /** Resolves when everything that was removed is gone. */
  async removed(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Pauses an idle container. */
  pause(entry: PooledContainer): void {
    const { container } = entry;
    if (!container) return;
    this.table.setState(entry, 'pausing');
    entry.changing = container.pause().then(
      () => {
        if (entry.state === 'pausing') this.table.setState(entry, 'paused');
        // It can be evicted again.
        this.#onRoom();
      },
      (error: unknown) => this.#unmovable(entry, error),
    );
  }

  /** Resumes a container that is paused, or about to be; false where that fails. Several may wait for the same resuming. */
  async resume(entry: PooledContainer): Promise<boolean> {
    while (entry.changing) {
      const { changing } = entry;
      await changing;
      if (entry.state === 'paused') this.#startResuming(entry);
      else if (entry.changing === changing) break;
    }
    return entry.state === 'warm';
  }

  #startResuming(entry: PooledContainer): void {
    this.table.setState(entry, 'resuming');
    entry.changing = entry.container?.resume().then(
      () => {
        entry.changing = undefined;
        if (entry.state === 'resuming') this.table.setState(entry, 'warm');
        // It may have been resumed for what comes next, and can be evicted.
        this.#onRoom();
      },
      (error: unknown) => this.#unmovable(entry, error),
    );
  }

  #create(
    { kind, memoryMB }: { readonly kind: string; readonly memoryMB: number },
    image: ContainerImage,
    name: string,
    concurrency: number,
  ): PooledContainer {
    const { driver, config } = this.#parts;
    const id = this.#nextId++;
    const { environment, namePrefix } = config;
    const created = driver.create({ name: `${namePrefix}_${id}_${name}`, image, memoryMB, environment, concurrency });
    const entry: PooledContainer = {
      ...newEntry(id, kind, memoryMB),
      container: undefined,
      created,
      prepared: undefined,
      changing: undefined,
      logs: DONE,
    };
    created.then(
      (container) => {
        entry.container = container;
        void container.exited.then(() => this.#gone(entry));
      },
      () => undefined,
    );
    return entry;
  }

  /** The driver saw the container end. */
  #gone(entry: PooledContainer): void {
    if (entry.state === 'removing') return;
    const { log } = this.#parts;
    if (log.debugEnabled) log.debug(`container ${entry.container?.id} ended while it was ${entry.state}`);
    if (entry.state === 'prewarmed' || isIdle(entry)) this.remove(entry);
    // While it is being prepared, who prepares it finds out.
    else if (entry.state !== 'creating' && entry.state !== 'initializing') {
      this.drain(entry);
      this.#afterUse(entry);
    }
  }

  #unmovable(entry: PooledContainer, error: unknown): void {
    this.#parts.log.warn(`container ${entry.container?.id} could not be paused or resumed`, { error });
    this.drain(entry);
    this.#afterUse(entry);
  }

  #afterUse(entry: PooledContainer): void {
    if (entry.state === 'draining' && entry.active === 0 && entry.collecting === 0) this.remove(entry);
    this.#onRoom();
  }

  async #destroy(entry: PooledContainer): Promise<void> {
    try {
      const container = entry.container ?? (await entry.created.catch(() => undefined));
      await container?.destroy();
    } catch (error) {
      this.#parts.log.error(`container ${entry.container?.id} was not removed`, { error });
    }
  }
}

const DONE = Promise.resolve();

/** What a container's name may hold. */
const plain = (text: string): string => text.replaceAll(/\W/g, '');
