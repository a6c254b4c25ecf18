import { closeSync, constants, fstatSync, ftruncateSync, openSync } from 'node:fs';
import { appendZeros } from '../../files/allocate.js';

/*
 * Space on the disk for the next writes of LMDB, at the end of its file.
 *
 * LMDB (package `lmdb` 3.5.6, `mdb_page_flush`) writes the message of a failed write into a buffer that is too small for it. So a
 * full disk would end the process with "corrupted size vs. prev_size". Therefore no write of LMDB may fail for lack of space: before
 * each of our writes, the file has zeros in all pages that it may use.
 *
 * Zeros are only appended, so they never replace what LMDB or another process has written. They are written in a thread of libuv: a disk
 * that hangs does not hold the event loop.
 *
 * The states of a reservation:
 *
 *   asked   → granted   the file has the space
 *           → waiting   it has not: earlier reservations, and then this one, let the file grow
 *   waiting → granted   the file has got the space
 *           → refused   the disk has no space, and the file has its former size again; or the store is closed
 *   granted → released  LMDB has committed the write, or has given it up
 */

/** The page size of `lmdb`, on all machines. */
const PAGE = 4096;
const MB = 1024 * 1024;
/** For small writes of other processes, and for pages of LMDB's own lists. */
const MARGIN_BYTES = MB;
const STEP_BYTES = MB;

export interface FileSpaceParts {
  readonly path: string;
  /** The bytes up to the end of the last page that a committed write of LMDB uses. */
  readonly usedBytes: () => number;
  /** Runs `action` while no process writes to the file. Otherwise new pages could be cut off. */
  readonly alone: (action: () => void) => Promise<void>;
  /** For tests: see `appendZeros`. */
  readonly append?: ((file: number, most: number) => Promise<number>) | undefined;
}

export class FileSpace {
  readonly #parts: FileSpaceParts;
  readonly #file: number;
  #allocated: number;
  /** The end of the used pages at the last look. */
  #used = 0;
  /** The bytes of all granted reservations since the last look. */
  #claimed = 0;
  /** The bytes of the granted reservations that are not released. */
  #open = 0;
  /** The end of the last waiting reservation. */
  #turn: Promise<void> = Promise.resolve();
  /** Whether zeros are being written. */
  #appending = false;
  #closed = false;

  /** @throws the file system's error if the file does not exist. */
  constructor(parts: FileSpaceParts) {
    this.#parts = parts;
    this.#file = openSync(parts.path, constants.O_RDWR | constants.O_APPEND);
    this.#allocated = fstatSync(this.#file).size;
    this.#look();
  }

  /**
   * Reserves space for a write that may need so many bytes. `release` must follow. Returns nothing if the file has the space, so
   * that usual writes need not wait.
   *
   * @throws the file system's error, such as ENOSPC. Then nothing is reserved.
   */
  reserve(bytes: number): Promise<void> | undefined {
    if (this.#fits(bytes)) return this.#claim(bytes);
    this.#look();
    if (this.#fits(bytes)) return this.#claim(bytes);
    const granted = this.#turn.then(() => this.#grow(bytes));
    this.#turn = granted.catch(() => undefined);
    return granted;
  }

  release(bytes: number): void {
    this.#open -= bytes;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A write that has not begun yet would go to another file that gets the number of the descriptor.
    if (!this.#appending) closeSync(this.#file);
  }

  /** Lets the file grow piece by piece. */
  async #grow(bytes: number): Promise<void> {
    const before = this.#size();
    try {
      while (!this.#fitsNow(bytes)) {
        const least = this.#used + this.#claimed + bytes + MARGIN_BYTES;
        const size = Math.ceil((least + STEP_BYTES) / STEP_BYTES) * STEP_BYTES;
        for (let end = this.#allocated; end < size;) end += await this.#append(size - end);
      }
    } catch (error) {
      await this.#giveBack(before);
      throw error;
    }
    this.#claim(bytes);
  }

  /** @returns how many zeros were appended */
  async #append(most: number): Promise<number> {
    this.#requireOpen();
    this.#appending = true;
    try {
      return await (this.#parts.append ?? appendZeros)(this.#file, most);
    } finally {
      this.#appending = false;
      if (this.#closed) closeSync(this.#file);
    }
  }

  #fitsNow(bytes: number): boolean {
    this.#allocated = this.#size();
    this.#look();
    return this.#fits(bytes);
  }

  #size(): number {
    this.#requireOpen();
    return fstatSync(this.#file).size;
  }

  /** @throws if it is closed: the number of the descriptor may be that of another file then */
  #requireOpen(): void {
    if (this.#closed) throw new Error('the store is closed');
  }

  /** After a failure: other writers of this disk need what is left of it, such as the log of accepted work. */
  async #giveBack(before: number): Promise<void> {
    const cut = (): void => {
      const end = this.#size();
      this.#look();
      const size = Math.max(before, this.#used + this.#claimed + MARGIN_BYTES);
      if (size < end) ftruncateSync(this.#file, size);
      this.#allocated = Math.min(size, end);
    };
    try {
      if (!this.#closed) await this.#parts.alone(cut);
    } catch {
      // The file is larger than needed, until writes use it.
    }
  }

  #claim(bytes: number): undefined {
    this.#open += bytes;
    this.#claimed += bytes;
  }

  #look(): void {
    this.#used = this.#parts.usedBytes();
    this.#claimed = this.#open;
  }

  #fits(bytes: number): boolean {
    return this.#used + this.#claimed + bytes + MARGIN_BYTES <= this.#allocated;
  }
}

/**
 * The bytes that a write of documents may need: their text, and pages of trees for each, which LMDB copies.
 *
 * @param bytes of texts and attachments
 * @param pages of trees for each document
 */
export const spaceFor = (documents: number, bytes: number, pages: number): number =>
  bytes + (documents * pages + OTHER_PAGES) * PAGE;

/** Upper pages of trees, and the list of free pages. */
const OTHER_PAGES = 64;
