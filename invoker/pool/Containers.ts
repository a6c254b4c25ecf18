import type { Logger } from '../../shared/logging/Logger.js';
import {
  ContainerStartError,
  type Container,
  type ContainerDriver,
  type ContainerImage,
} from '../containers/ContainerDriver.js';
import { newEntry } from './ContainerEntry.js';
import { ContainerTable } from './ContainerTable.js';
import { isIdle } from './decide.js';
import type { Job } from './Job.js';
import { NoMemoryError, type PooledContainer } from './PooledContainer.js';
import { Removals, type RemovalTimes } from './Removals.js';
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
  /** How removals that fail are tried again. */
  readonly removal?: RemovalTimes | undefined;
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
  readonly #removals: Removals;
  /** Called when there may be room for a job that waits; with the key of the container that has it, where it is one. */
  readonly #onRoom: (key?: string) => void;
  /** Containers that wait for memory, in the order of their requests. */
  readonly #reservations: Reservation[] = [];
  #nextId = 1;

  constructor(parts: ContainersParts, onRoom: (key?: string) => void) {
    this.#parts = parts;
    this.#onRoom = onRoom;
    this.#removals = new Removals(parts.log, parts.config.removal);
    this.table = new ContainerTable(parts.config.userMemoryMB, parts.config.maxColors);
  }

  /** Containers that could not be removed yet. */
  get unremoved(): number {
    return this.#removals.failing;
  }

  /** Begins to make a container for the job: at once, or when memory that is being freed is free. */
  createFor(job: Job): PooledContainer {
    const { image, concurrency, path } = job.action;
    const name = `${plain(job.message.user.namespace.name)}_${plain(path.slice(path.lastIndexOf('/') + 1))}`;
    const entry = this.#create(job, image, name, concurrency, !this.table.fits(job.memoryMB));
    this.table.addFor(entry, job.key, concurrency);
    return entry;
  }

  /** Begins to make a stem cell, where there is room for one; `settled` hears whether it came to be. */
  createStemCell(cell: StemCell, settled: (error?: unknown) => void): void {
    const { config, now } = this.#parts;
    if (!this.table.fits(cell.memoryMB)) return;
    const entry = this.#create(cell, cell.image, `prewarm_${plain(cell.kind)}`, config.maxConcurrency, false);
    this.table.addStemCell(entry);
    entry.created.then(
      () => {
        settled();
        // It may be taken already, or the pool may have closed.
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

  /** Removes the container, whatever it does. Its memory counts until the driver has removed it. */
  remove(entry: PooledContainer): void {
    if (entry.state === 'removing') return;
    if (entry.memory === 'reserved') return this.#cancel(entry);
    this.table.retire(entry);
    void this.#madeOf(entry).then((made) => {
      if (!made) return this.#removed(entry);
      this.#removals.add({
        name: entry.name,
        destroy: () => made.destroy(),
        onFailure: () => this.#stuck(entry),
        onRemoved: () => this.#removed(entry),
      });
    });
  }

  /** Removes every container, whatever it does. */
  removeAll(): void {
    for (const entry of this.table.all) this.remove(entry);
  }

  /** Resolves when everything that was removed is gone, or `limitMs` are over. */
  async removed(limitMs: number): Promise<void> {
    await Promise.all([...this.table.all].map((entry) => this.#madeOf(entry)));
    const left = await this.#removals.finish(limitMs);
    if (left > 0) this.#parts.log.error(`${left} containers could not be removed`);
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
        this.#onRoom(entry.key);
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
        this.#onRoom(entry.key);
      },
      (error: unknown) => this.#unmovable(entry, error),
    );
  }

  #create(
    { kind, memoryMB }: { readonly kind: string; readonly memoryMB: number },
    image: ContainerImage,
    name: string,
    concurrency: number,
    reserved: boolean,
  ): PooledContainer {
    const { driver, config } = this.#parts;
    const id = this.#nextId++;
    const { environment, namePrefix } = config;
    const spec = { name: `${namePrefix}_${id}_${name}`, image, memoryMB, environment, concurrency };
    const reservation = reserved ? new Reservation(() => driver.create(spec)) : undefined;
    const created = reservation?.created ?? driver.create(spec);
    const entry: PooledContainer = {
      ...newEntry(id, kind, memoryMB),
      name: spec.name,
      container: undefined,
      created,
      prepared: undefined,
      changing: undefined,
      logs: DONE,
    };
    if (reservation) {
      entry.memory = 'reserved';
      reservation.entry = entry;
      this.#reservations.push(reservation);
    }
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
    this.#onRoom(entry.key);
  }

  /** What there is to remove of the entry once its creation has ended; undefined where nothing is left of it. */
  #madeOf(entry: PooledContainer): Promise<{ destroy(): Promise<void> } | undefined> {
    if (entry.container) return Promise.resolve(entry.container);
    return entry.created.catch((error: unknown) => (error instanceof ContainerStartError ? error.remains : undefined));
  }

  /** The driver has no more of the container: what waits for its memory goes on. */
  #removed(entry: PooledContainer): void {
    this.table.removed(entry);
    for (let next = this.#reservations[0]; next?.entry && this.table.claim(next.entry); next = this.#reservations[0]) {
      this.#reservations.shift();
      next.begin();
    }
    this.#onRoom();
  }

  /** The container stays for longer: those that counted on its memory look for another place. */
  #stuck(entry: PooledContainer): void {
    this.table.stuck(entry);
    while (this.table.committedMB > this.table.capacityMB) {
      const last = this.#reservations.at(-1)?.entry;
      if (!last) break;
      this.#cancel(last);
    }
  }

  #cancel(entry: PooledContainer): void {
    const index = this.#reservations.findIndex((reservation) => reservation.entry === entry);
    const [reservation] = index < 0 ? [] : this.#reservations.splice(index, 1);
    this.table.retire(entry);
    this.table.removed(entry);
    reservation?.cancel();
  }
}

/** A container that is created once there is memory for it. */
class Reservation {
  readonly created: Promise<Container>;
  entry: PooledContainer | undefined;
  readonly #create: () => Promise<Container>;
  #resolve: (container: Promise<Container>) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor(create: () => Promise<Container>) {
    this.#create = create;
    this.created = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  begin(): void {
    this.#resolve(this.#create());
  }

  cancel(): void {
    this.#reject(new NoMemoryError('the memory for the container did not come free'));
  }
}

const DONE = Promise.resolve();

/** What a container's name may hold. */
const plain = (text: string): string => text.replaceAll(/\W/g, '');
