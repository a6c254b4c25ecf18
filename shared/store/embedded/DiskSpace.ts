import { statfs } from 'node:fs/promises';
import { silentLogger, type Logger } from '../../logging/Logger.js';
import { StoreFullError } from '../ArtifactStore.js';
import { LateDiskError } from './LateDiskError.js';

/*
 * The state of the disk of a data folder:
 *
 *   room → full   less than the reserve is free, or a write failed or had no answer; logs it once, and new work is refused. If a
 *                 write failed for another reason than space, such as a damaged file, that is the reason until less than the reserve is free
 *   full → full   a write has no answer: the reason is that the disk does not answer, and is logged. If the disk answers
 *                 again and has no space, the reason is that it is full
 *   full → room   more than 1.5 times the reserve is free, no write failed in the last second, and the disk answers; logs it once
 *
 * The reserve is for the records of work that was accepted earlier.
 */

const MB = 1024 * 1024;
const CHECK_MS = 1000;
const RESERVE_FRACTION = 0.05;
const MIN_RESERVE_BYTES = 16 * MB;
const MAX_RESERVE_BYTES = 64 * MB;
/** The space for a batch of records. */
const MIN_WRITE_BYTES = 8 * MB;

/** The total bytes of a file system, and the bytes available to this process. */
export interface DiskBytes {
  readonly free: number;
  readonly total: number;
}

export interface DiskSpaceParts {
  readonly folder: string;
  readonly log?: Logger | undefined;
  /** Whether a write had no answer in time, and still has none. */
  readonly stuck?: (() => boolean) | undefined;
  readonly read?: ((folder: string) => Promise<DiskBytes>) | undefined;
  /** Milliseconds, monotonic. */
  readonly now?: (() => number) | undefined;
}

export class DiskSpace {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #stuck: () => boolean;
  /** The names of the threads whose writes have no answer. */
  readonly #hanging = new Set<string>();
  readonly #read: (folder: string) => Promise<DiskBytes>;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #fullSince: number | undefined;
  #failedSinceCheck = false;
  /** Whether a write failed and no check has found space since. */
  #noRoomAtAll = false;
  /** Why new work is refused although there may be room: the disk does not answer. */
  #fault: string | undefined;
  /** Why new work is refused although there may be room: a write failed for another reason. */
  #broken: string | undefined;
  #free = Number.NaN;

  constructor(parts: DiskSpaceParts) {
    const { folder, log = silentLogger, stuck = () => false, read = readDisk, now = () => performance.now() } = parts;
    this.#folder = folder;
    this.#log = log;
    this.#stuck = stuck;
    this.#read = read;
    this.#now = now;
  }

  /** Checks the disk now and each second. */
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

  /** The free bytes at the last check; NaN before the first one. */
  get freeBytes(): number {
    return this.#free;
  }

  /** @throws StoreFullError if new work must be refused. */
  requireRoom(): void {
    if (this.#fullSince !== undefined) throw this.#refusal();
  }

  /**
   * Whether to attempt to write records of accepted work: yes within the reserve, no on a completely full disk.
   */
  mayWrite(): boolean {
    return !this.#noRoomAtAll;
  }

  /** To be called when a write to the folder fails. */
  writeFailed(error: Error): void {
    this.#failedSinceCheck = true;
    this.#noRoomAtAll = true;
    const before = this.#fault;
    if (this.#isStuck() || error instanceof LateDiskError) this.#fault ??= error.message;
    if (this.#fullSince === undefined) {
      this.#free = Number.NaN;
      if (!meansFull(error)) this.#broken = error.message;
      this.#enterFull({ error });
    } else if (this.#fault !== before) this.#report({ error });
  }

  /** To be called when a thread that writes to the folder has no answer in time, and when it has answers again. */
  hangs(thread: string, stuck: boolean): void {
    if (stuck) this.#hanging.add(thread);
    else this.#hanging.delete(thread);
  }

  #isStuck(): boolean {
    return this.#hanging.size > 0 || this.#stuck();
  }

  /** Never rejects. */
  async check(): Promise<void> {
    const failed = this.#failedSinceCheck;
    this.#failedSinceCheck = false;
    let disk: DiskBytes;
    try {
      disk = await this.#read(this.#folder);
    } catch (error) {
      this.#log.warn(`cannot read the free space of the disk of ${this.#folder}`, { error });
      return;
    }
    this.#free = disk.free;
    if (disk.free >= MIN_WRITE_BYTES) this.#noRoomAtAll = false;
    const reserve = Math.min(MAX_RESERVE_BYTES, Math.max(MIN_RESERVE_BYTES, RESERVE_FRACTION * disk.total));
    if (disk.free < reserve) this.#broken = undefined;
    if (this.#fullSince === undefined) {
      if (disk.free < reserve) this.#enterFull({});
    } else if (!failed && !this.#failedSinceCheck && !this.#isStuck()) {
      if (disk.free < 1.5 * reserve) {
        this.#fault = this.#broken = undefined;
        return;
      }
      const seconds = ((this.#now() - this.#fullSince) / 1000).toFixed(1);
      const news =
        this.#fault !== undefined
          ? 'answers again'
          : this.#broken !== undefined
            ? 'is tried again'
            : 'has free space again';
      this.#fullSince = this.#fault = this.#broken = undefined;
      this.#log.info(`the disk of the data folder ${news} after ${seconds} s: ${megabytes(disk.free)}`);
    }
  }

  #enterFull(details: { readonly error?: Error }): void {
    this.#fullSince = this.#now();
    this.#report(details);
  }

  #report(details: { readonly error?: Error }): void {
    const end =
      this.#fault !== undefined ? 'it answers' : this.#broken !== undefined ? 'writes succeed' : 'there is free space';
    this.#log.error(`${this.#refusal().message} New work is refused with 503 until ${end}.`, details);
  }

  #refusal(): StoreFullError {
    if (this.#fault !== undefined)
      return new StoreFullError(`The disk of the data folder ${this.#folder} does not answer: ${this.#fault}.`);
    if (this.#broken !== undefined)
      return new StoreFullError(`The data folder ${this.#folder} cannot be written: ${this.#broken}.`);
    const free = Number.isNaN(this.#free) ? '' : `, ${megabytes(this.#free)} free`;
    return new StoreFullError(`The disk of the data folder ${this.#folder} is full${free}.`);
  }
}

async function readDisk(folder: string): Promise<DiskBytes> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return { free: bavail * bsize, total: blocks * bsize };
}

/** The errors of LMDB and of the file system if a file cannot grow. */
const FULL = /no space left|ENOSPC|EDQUOT|EFBIG|map_full|mapsize/i;

/** Whether a write failed because there is no room. */
export const meansFull = ({ message }: Error): boolean => FULL.test(message);

const megabytes = (bytes: number): string => `${(bytes / MB).toFixed(0)} MB`;
