import type { Logger } from '../../shared/logging/Logger.js';
import type { Container, ContainerDriver, ContainerImage } from '../containers/ContainerDriver.js';
import { isIdle } from './decide.js';
import type { Job } from './Job.js';
import type { Prepared } from './prepare.js';
import { newSlot, Slots, type Slot } from './slots.js';
import type { StemCell } from './StemCells.js';

/** A container in the pool's books, with what it really is. */
export interface PooledContainer extends Slot {
  container: Container | undefined;
  /** Settles when the container is there. */
  readonly created: Promise<Container>;
  /** Of one that is being prepared for an activation: how that ends, for those that wait for it. */
  prepared: Promise<Prepared> | undefined;
  /** There while it is paused, and while that changes: settles when the change under way is over. */
  changing: Promise<void> | undefined;
  /** Settles when the logs of all earlier activations are read: they come in order. */
  logs: Promise<unknown>;
}

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

/** Makes, pauses, resumes and removes the pool's containers, and keeps its books (see `ContainerPool.ts`). */
export class Containers {
  readonly slots: Slots<PooledContainer>;
  readonly #parts: ContainersParts;
  /** Called when there may be room for who waits. */
  readonly #onRoom: () => void;
  readonly #removals = new Set<Promise<void>>();
  #nextId = 1;

  constructor(parts: ContainersParts, onRoom: () => void) {
    this.#parts = parts;
    this.#onRoom = onRoom;
    this.slots = new Slots(parts.config.userMemoryMB, parts.config.maxColors);
  }

  /** Begins to make a container for the job. */
  createFor(job: Job): PooledContainer {
    const { image, concurrency, path } = job.action;
    const name = `${plain(job.message.user.namespace.name)}_${plain(path.slice(path.lastIndexOf('/') + 1))}`;
    const slot = this.#create(job, image, name, concurrency);
    this.slots.addFor(slot, job.key, concurrency);
    return slot;
  }

  /** Begins to make a stem cell, where there is room for one; `settled` hears whether it came to be. */
  createStemCell(cell: StemCell, settled: (error?: unknown) => void): void {
    const { config, now } = this.#parts;
    if (this.slots.usedMB + cell.memoryMB > this.slots.capacityMB) return;
    const slot = this.#create(cell, cell.image, `prewarm_${plain(cell.kind)}`, config.maxConcurrency);
    this.slots.addStemCell(slot);
    slot.created.then(
      () => {
        settled();
        // Somebody may have taken it already, or the pool may have closed.
        if (slot.state !== 'creating' || slot.key !== undefined) return;
        slot.state = 'prewarmed';
        if (cell.reactive) slot.expires = now() + cell.reactive.ttlMs;
        this.#onRoom();
      },
      (error: unknown) => {
        settled(error);
        if (slot.key === undefined) this.remove(slot);
      },
    );
  }

  /** The activation has left the container; `collecting` says whether its logs are still to be read. */
  release(slot: PooledContainer, collecting: boolean): void {
    this.slots.release(slot, collecting, this.#parts.now());
    this.#afterUse(slot);
  }

  /** The logs of an activation that left before have been read. */
  collected(slot: PooledContainer): void {
    this.slots.collected(slot);
    this.#afterUse(slot);
  }

  /** The container takes no more activations, and goes when the last one has left. */
  drain(slot: PooledContainer): void {
    if (slot.state !== 'draining' && slot.state !== 'removing') this.slots.setState(slot, 'draining');
  }

  remove(slot: PooledContainer): void {
    this.slots.remove(slot);
    const removal = this.#destroy(slot);
    this.#removals.add(removal);
    void removal.then(() => this.#removals.delete(removal));
  }

  /** Removes every container, whatever it does. */
  removeAll(): void {
    for (const slot of this.slots.all) this.remove(slot);
  }

  /** Resolves when everything that was removed is gone. */
  async removed(): Promise<void> {
    await Promise.all(this.#removals);
  }

  /** Pauses an idle container. */
  pause(slot: PooledContainer): void {
    const { container } = slot;
    if (!container) return;
    this.slots.setState(slot, 'pausing');
    slot.changing = container.pause().then(
      () => {
        if (slot.state === 'pausing') this.slots.setState(slot, 'paused');
        // It can be evicted again.
        this.#onRoom();
      },
      (error: unknown) => this.#unmovable(slot, error),
    );
  }

  /** Resumes a container that is paused, or about to be; false where that fails. Several may wait for the same resuming. */
  async resume(slot: PooledContainer): Promise<boolean> {
    while (slot.changing) {
      const { changing } = slot;
      await changing;
      if (slot.state === 'paused') this.#startResuming(slot);
      else if (slot.changing === changing) break;
    }
    return slot.state === 'warm';
  }

  #startResuming(slot: PooledContainer): void {
    this.slots.setState(slot, 'resuming');
    slot.changing = slot.container?.resume().then(
      () => {
        slot.changing = undefined;
        if (slot.state === 'resuming') this.slots.setState(slot, 'warm');
        // It may have been resumed for what comes next, and can be evicted.
        this.#onRoom();
      },
      (error: unknown) => this.#unmovable(slot, error),
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
    const slot: PooledContainer = {
      ...newSlot(id, kind, memoryMB),
      container: undefined,
      created,
      prepared: undefined,
      changing: undefined,
      logs: DONE,
    };
    created.then(
      (container) => {
        slot.container = container;
        void container.exited.then(() => this.#gone(slot));
      },
      () => undefined,
    );
    return slot;
  }

  /** The driver saw the container end. */
  #gone(slot: PooledContainer): void {
    if (slot.state === 'removing') return;
    const { log } = this.#parts;
    if (log.debugEnabled) log.debug(`container ${slot.container?.id} ended while it was ${slot.state}`);
    if (slot.state === 'prewarmed' || isIdle(slot)) this.remove(slot);
    // While it is being prepared, who prepares it finds out.
    else if (slot.state !== 'creating' && slot.state !== 'initializing') {
      this.drain(slot);
      this.#afterUse(slot);
    }
  }

  #unmovable(slot: PooledContainer, error: unknown): void {
    this.#parts.log.warn(`container ${slot.container?.id} could not be paused or resumed`, { error });
    this.drain(slot);
    this.#afterUse(slot);
  }

  #afterUse(slot: PooledContainer): void {
    if (slot.state === 'draining' && slot.active === 0 && slot.collecting === 0) this.remove(slot);
    this.#onRoom();
  }

  async #destroy(slot: PooledContainer): Promise<void> {
    try {
      const container = slot.container ?? (await slot.created.catch(() => undefined));
      await container?.destroy();
    } catch (error) {
      this.#parts.log.error(`container ${slot.container?.id} was not removed`, { error });
    }
  }
}

const DONE = Promise.resolve();

/** What a container's name may hold. */
const plain = (text: string): string => text.replaceAll(/\W/g, '');
