import { statfs } from 'node:fs/promises';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import { StoreFullError } from '../ArtifactStore.js';

/*
 * Whether there is room for new work on the disk of a data folder:
 *
 *   room → full   less than the reserve is free, or a write failed: said once, new work is refused
 *   full → room   more than the reserve and a half is free, and the last second saw no failed write: said once
 *
 * The reserve is for the records of what was accepted before.
 */

const MB = 1024 * 1024;
const CHECK_MS = 1000;
const RESERVE_FRACTION = 0.05;
const MIN_RESERVE_BYTES = 16 * MB;
const MAX_RESERVE_BYTES = 64 * MB;
/** Room for a batch of records. */
const MIN_WRITE_BYTES = 8 * MB;

/** The bytes of a file system, and those that are free to this process. */
export interface DiskBytes {
  readonly free: number;
  readonly total: number;
}

export interface DiskSpaceParts {
  readonly folder: string;
  readonly log?: Logger | undefined;
  readonly read?: ((folder: string) => Promise<DiskBytes>) | undefined;
  /** Milliseconds, monotonic. */
  readonly now?: (() => number) | undefined;
}

export class DiskSpace {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #read: (folder: string) => Promise<DiskBytes>;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #fullSince: number | undefined;
  #failedSinceCheck = false;
  /** A write failed, and no look has found room for one since. */
  #noRoomAtAll = false;
  #free = Number.NaN;

  constructor({ folder, log = silentLogger, read = readDisk, now = () => performance.now() }: DiskSpaceParts) {
    this.#folder = folder;
    this.#log = log;
    this.#read = read;
    this.#now = now;
  }

  /** Looks now, and then each second. */
  async start(): Promise<void> {
    await this.check();
    this.#timer = setInterval(() => void this.check(), CHECK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  get isFull(): boolean {
    return this.#fullSince !== undefined;
  }

  /** As of the last look; NaN before the first. */
  get freeBytes(): number {
    return this.#free;
  }

  /** @throws StoreFullError where new work is refused. */
  requireRoom(): void {
    if (this.#fullSince !== undefined) throw this.#refusal();
  }

  /**
   * Whether a write of accepted work's records is worth a try: within the reserve it is, on a disk that is full to its end not.
   */
  mayWrite(): boolean {
    return !this.#noRoomAtAll;
  }

  /** A write to the folder failed. */
  writeFailed(error: Error): void {
    this.#failedSinceCheck = true;
    this.#noRoomAtAll = true;
    if (this.#fullSince !== undefined) return;
    this.#free = Number.NaN;
    this.#enterFull({ error });
  }

  /** Never rejects. */
  async check(): Promise<void> {
    const failed = this.#failedSinceCheck;
    this.#failedSinceCheck = false;
    let disk: DiskBytes;
    try {
      disk = await this.#read(this.#folder);
    } catch (error) {
      this.#log.warn(`cannot find out how much of the disk of ${this.#folder} is free`, { error });
      return;
    }
    this.#free = disk.free;
    if (disk.free >= MIN_WRITE_BYTES) this.#noRoomAtAll = false;
    const reserve = Math.min(MAX_RESERVE_BYTES, Math.max(MIN_RESERVE_BYTES, RESERVE_FRACTION * disk.total));
    if (this.#fullSince === undefined) {
      if (disk.free < reserve) this.#enterFull({});
    } else if (!failed && !this.#failedSinceCheck && disk.free >= 1.5 * reserve) {
      const seconds = ((this.#now() - this.#fullSince) / 1000).toFixed(1);
      this.#fullSince = undefined;
      this.#log.info(
        `the disk of the data folder has room again, after ${seconds} s: ${megabytes(disk.free)} are free`,
      );
    }
  }

  #enterFull(details: { readonly error?: Error }): void {
    this.#fullSince = this.#now();
    this.#log.error(`${this.#refusal().message} New work is refused with 503 until there is room.`, details);
  }

  #refusal(): StoreFullError {
    const free = Number.isNaN(this.#free) ? '' : `, ${megabytes(this.#free)} are free`;
    return new StoreFullError(`The disk of the data folder ${this.#folder} is full${free}.`);
  }
}

async function readDisk(folder: string): Promise<DiskBytes> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}

const megabytes = (bytes: number): string => `${(bytes / MB).toFixed(0)} MB`;
