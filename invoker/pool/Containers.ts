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
  /** The most colors to remember for each container. */
  readonly maxColors: number;
  /** The concurrency of stem cells. */
  readonly maxConcurrency: number;
  /** Environment variables of every container, such as `__OW_API_HOST`. */
  readonly environment: Readonly<Record<string, string>>;
  /** A folder that every container may read: see `ContainerSpec`. */
  readonly sharedFolder?: string | undefined;
  /** The prefix of all containers' names. It identifies the owner. */
  readonly namePrefix: string;
  /** The retries of failed removals. */
  readonly removal?: RemovalTimes | undefined;
}

export interface ContainersParts {
  readonly driver: ContainerDriver;
  readonly config: ContainersConfig;
  /** Called with the free memory in MB after each change. */
  readonly onFreeMemory?: ((freeMB: number) => void) | undefined;
  readonly log: Logger;
  readonly now: () => number;
}

/** Creates, pauses, resumes and removes the pool's containers, and updates its table (see `ContainerPool.ts`). */
export class Containers {
  readonly table: ContainerTable<PooledContainer>;
  readonly #parts: ContainersParts;
  readonly #removals: Removals;
  /** Called when there may be room for a waiting job. @param key of the container with room, if it is a container. */
  readonly #onRoom: (key?: string) => void;
  /** Reserved containers in the order of their requests. */
  readonly #reservations: Reservation[] = [];
  /** The number of containers whose memory is free and which the engine still removes. */
  #remnants = 0;
  #nextId = 1;

  constructor(parts: ContainersParts, onRoom: (key?: string) => void) {
    this.#parts = parts;
    this.#onRoom = onRoom;
    this.#removals = new Removals(parts.log, parts.config.removal);
    this.table = new ContainerTable(parts.config.userMemoryMB, parts.config.maxColors);
  }

  /** The number of containers whose removal failed and is being retried. */
  get unremoved(): number {
    return this.#removals.failing;
  }

  /** Creates a container for the job: at once, or after the removal of others. */
  createFor(job: Job): PooledContainer {
    const { image, concurrency, path } = job.action;
    const name = `${plain(job.message.user.namespace.name)}_${plain(path.slice(path.lastIndexOf('/') + 1))}`;
    const entry = this.#create(job, image, name, concurrency, !this.table.fits(job.memoryMB));
    this.table.addFor(entry, job.key, concurrency);
    this.#tellFree();
    return entry;
  }

  /** Creates a stem cell if there is room. Calls `settled` at the end of the creation. */
  createStemCell(cell: StemCell, settled: (error?: unknown) => void): void {
    const { config, now } = this.#parts;
    if (!this.table.fits(cell.memoryMB)) return;
    const entry = this.#create(cell, cell.image, `prewarm_${plain(cell.kind)}`, config.maxConcurrency, false);
    this.table.addStemCell(entry);
    this.#tellFree();
    entry.created.then(
      () => {
        settled();
        // It may already be taken, or the pool may have closed.
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

  /** To be called when an activation leaves the container. @param collecting whether its logs are still being read. */
  release(entry: PooledContainer, collecting: boolean): void {
    this.table.release(entry, collecting, this.#parts.now());
    this.#afterUse(entry);
  }

  /** To be called when the logs of an ended activation are read. */
  collected(entry: PooledContainer): void {
    this.table.collected(entry);
    this.#afterUse(entry);
  }

  /** Stops assigning activations to the container, and removes it after the last one. */
  drain(entry: PooledContainer): void {
    if (entry.state !== 'draining' && entry.state !== 'removing') this.table.setState(entry, 'draining');
  }

  /** Removes the container in any state. Its memory counts until its processes have ended: see `#released`. */
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
      void entry.container?.released.then(() => this.#released(entry));
    });
  }

  /** Removes all containers in any state. */
  removeAll(): void {
    for (const entry of this.table.all) this.remove(entry);
  }

  /** See `ContainerPool.setOthers`. */
  setOthers(memoryMB: number): void {
    if (memoryMB === this.table.othersMB) return;
    this.table.setOthers(memoryMB);
    this.#cancelUnmet();
    this.#onFreed();
  }

  /** Resolves when all removals have ended, or after `limitMs`. */
  async removed(limitMs: number): Promise<void> {
    await Promise.all([...this.table.all].map((entry) => this.#madeOf(entry)));
    const left = await this.#removals.finish(limitMs);
    if (left > 0) this.#parts.log.error(`could not remove ${left} containers`);
  }

  /** Pauses an idle container. */
  pause(entry: PooledContainer): void {
    const { container } = entry;
    if (!container) return;
    this.table.setState(entry, 'pausing');
    entry.changing = container.pause().then(
      () => {
        if (entry.state === 'pausing') this.table.setState(entry, 'paused');
        // It can be evicted now.
        this.#onRoom(entry.key);
      },
      (error: unknown) => this.#unmovable(entry, error),
    );
  }

  /** Resumes a pausing or paused container. Concurrent calls share one resume. @returns false if it fails. */
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
        // It may have been resumed in advance: then it can be evicted.
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
    const { environment, namePrefix, sharedFolder } = config;
    const spec = { name: `${namePrefix}_${id}_${name}`, image, memoryMB, environment, concurrency, sharedFolder };
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

  /** Handles the unexpected end of a container. */
  #gone(entry: PooledContainer): void {
    if (entry.state === 'removing') return;
    const { log } = this.#parts;
    if (log.debugEnabled) log.debug(`container ${entry.container?.id} ended while it was ${entry.state}`);
    if (entry.state === 'prewarmed' || isIdle(entry)) this.remove(entry);
    // During its preparation, the preparing code notices the end.
    else if (entry.state !== 'creating' && entry.state !== 'initializing') {
      this.drain(entry);
      this.#afterUse(entry);
    }
  }

  #unmovable(entry: PooledContainer, error: unknown): void {
    this.#parts.log.warn(`could not pause or resume container ${entry.container?.id}`, { error });
    this.drain(entry);
    this.#afterUse(entry);
  }

  #afterUse(entry: PooledContainer): void {
    if (entry.state === 'draining' && entry.active === 0 && entry.collecting === 0) this.remove(entry);
    this.#onRoom(entry.key);
  }

  /** The object to destroy after the creation has ended; undefined if nothing is left. */
  #madeOf(entry: PooledContainer): Promise<{ destroy(): Promise<void> } | undefined> {
    if (entry.container) return Promise.resolve(entry.container);
    return entry.created.catch((error: unknown) => (error instanceof ContainerStartError ? error.remains : undefined));
  }

  /**
   * Handles the end of a removed container's processes. The engine may need some hundred milliseconds for the rest,
   * which starts need not wait for. The bound holds where an engine fails to remove anything.
   */
  #released(entry: PooledContainer): void {
    if (this.#remnants >= MAX_REMNANTS || !this.table.all.has(entry)) return;
    this.#remnants++;
    this.table.freed(entry);
    this.#onFreed();
  }

  /** Handles the end of a removal. */
  #removed(entry: PooledContainer): void {
    if (entry.memory === 'freed') this.#remnants--;
    this.table.removed(entry);
    this.#onFreed();
  }

  /** Requests that wait for memory continue. */
  #onFreed(): void {
    for (let next = this.#reservations[0]; next?.entry && this.table.claim(next.entry); next = this.#reservations[0]) {
      this.#reservations.shift();
      next.begin();
    }
    this.#tellFree();
    this.#onRoom();
  }

  /** Handles a failed removal: requests that wait for its memory look for another place. */
  #stuck(entry: PooledContainer): void {
    this.table.stuck(entry);
    this.#tellFree();
    this.#cancelUnmet();
    this.#onRoom();
  }

  /** Cancels the last reservations for which there will not be enough memory. */
  #cancelUnmet(): void {
    for (let last = this.#reservations.at(-1)?.entry; last; last = this.#reservations.at(-1)?.entry) {
      if (this.table.committedMB <= this.table.mostMB(last.memoryMB)) return;
      this.#cancel(last);
    }
  }

  #tellFree(): void {
    this.#parts.onFreeMemory?.(this.table.freeMB);
  }

  #cancel(entry: PooledContainer): void {
    const index = this.#reservations.findIndex((reservation) => reservation.entry === entry);
    const [reservation] = index < 0 ? [] : this.#reservations.splice(index, 1);
    this.table.retire(entry);
    this.table.removed(entry);
    this.#tellFree();
    reservation?.cancel();
  }
}

/** A container that is created once its memory is free. */
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
    this.#reject(new NoMemoryError('the memory for the container did not become free'));
  }
}

const DONE = Promise.resolve();

/** The most containers that have ended, are not removed yet, and whose memory is free for others. */
const MAX_REMNANTS = 16;

/** The text with only the characters that a container's name may contain. */
const plain = (text: string): string => text.replaceAll(/\W/g, '');
