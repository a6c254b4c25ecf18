import { closeSync, fstatSync, openSync } from 'node:fs';
import { allocate } from '../../files/allocate.js';

/*
 * Space on the disk for the next writes of LMDB, at the end of its file.
 *
 * LMDB (package `lmdb` 3.5.6, `mdb_page_flush`) writes the message of a failed write into a buffer that is too small for it. So a
 * full disk would end the process with "corrupted size vs. prev_size". Therefore no write of LMDB may fail for lack of space: before
 * each of our writes, the file has zeros in all pages that it may use.
 *
 * The states of a reservation:
 *
 *   asked   → granted   the file has the space, or has got it
 *           → refused   the disk has no space
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
  /** The bytes up to the end of the last page that LMDB uses. */
  readonly usedBytes: () => number;
  /**
   * Runs `action` while neither this process nor another one writes to the file. An earlier end of the file may be overwritten
   * otherwise.
   */
  readonly alone: (action: () => void) => Promise<void>;
}

export class FileSpace {
  readonly #parts: FileSpaceParts;
  readonly #file: number;
  #allocated: number;
  /** The end of the used pages at the last look. */
  #used = 0;
  /** The bytes of all reservations since the last look. */
  #claimed = 0;
  /** The bytes of the reservations that are not released. */
  #open = 0;
  #growing: Promise<void> | undefined;

  /** @throws the file system's error, if there is no such file. */
  constructor(parts: FileSpaceParts) {
    this.#parts = parts;
    this.#file = openSync(parts.path, 'r+');
    this.#allocated = fstatSync(this.#file).size;
    this.#look();
  }

  /**
   * Reserves space for a write that may need so many bytes. `release` must follow. Returns nothing if the file has the space, so
   * that usual writes need not wait.
   *
   * @throws the file system's error, such as ENOSPC. Then the reservation is released.
   */
  reserve(bytes: number): Promise<void> | undefined {
    this.#open += bytes;
    this.#claimed += bytes;
    return this.#fits() ? undefined : this.#grown(bytes);
  }

  release(bytes: number): void {
    this.#open -= bytes;
  }

  close(): void {
    closeSync(this.#file);
  }

  async #grown(bytes: number): Promise<void> {
    try {
      // Others may have claimed the new space meanwhile.
      while (!this.#fits()) {
        this.#growing ??= this.#grow().finally(() => (this.#growing = undefined));
        await this.#growing;
      }
    } catch (error) {
      this.release(bytes);
      throw error;
    }
  }

  async #grow(): Promise<void> {
    let failure: Error | undefined;
    await this.#parts.alone(() => {
      try {
        this.#allocated = fstatSync(this.#file).size;
        this.#look();
        if (this.#fits()) return;
        const least = this.#used + this.#claimed + MARGIN_BYTES;
        const size = Math.ceil((least + STEP_BYTES) / STEP_BYTES) * STEP_BYTES;
        allocate(this.#file, this.#allocated, size);
        this.#allocated = size;
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
    });
    if (failure) throw failure;
  }

  #look(): void {
    this.#used = this.#parts.usedBytes();
    this.#claimed = this.#open;
  }

  #fits(): boolean {
    return this.#used + this.#claimed + MARGIN_BYTES <= this.#allocated;
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
