import {
  fdatasync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StoreError, StoreFullError, StoreUnavailableError } from '../ArtifactStore.js';
import type { KeptEntries } from '../KeptEntries.js';
import type { Durability } from './Commits.js';
import { closeAll, createFile, lanesOf, numberOf, writeAll, type Damage, type Place, type Segment } from './segment.js';
import { LaterLines } from './LaterLines.js';
import { readLines, roomFor, writeLine, type LogLine } from './logLine.js';
import { SharedFlush, type Flushable } from './SharedFlush.js';

/*
 * A log of short-lived entries in append-only files: a put costs one write, and with durability `disk` a share of a
 * flush. LMDB would need a commit of several pages for each, which takes longer than the entry's life of milliseconds.
 *
 * The states of a segment (a file):
 *
 *   spare    it has its full size, of zeros or of old lines           → current: the last one is full
 *   current  lines are appended                                        → closed: the next line does not fit
 *   closed   it is the oldest, and has no live entries                 → spare, or removed
 *            the oldest of too many, mostly of ended entries: the others are appended again
 *                                                                  → spare, or removed
 *
 * Segments are released in order, the oldest first, so a line that removes an entry outlives the entry's line. A line's
 * checksum covers the segment's number, so that old lines of a spare are invalid.
 */

const SEGMENT_BYTES = 8 * 1024 * 1024;
const MAX_SEGMENTS = 16;
const MAX_SPARES = 2;
const MAX_LIVE_BYTES = 512 * 1024 * 1024;
/** Of a write for which the disk, the quota of this user or the limit of a file has no space. */
const FULL_CODES = ['ENOSPC', 'EDQUOT', 'EFBIG'];

/** Most lines are written from here: a write is over before the next one. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);

export interface EntryLogOptions {
  readonly durability?: Durability | undefined;
  readonly segmentBytes?: number | undefined;
  readonly maxSegments?: number | undefined;
  /** The most bytes of live entries. Beyond it a put is refused. */
  readonly maxLiveBytes?: number | undefined;
  /** Called when the file system refuses a write. */
  readonly onFailure?: ((error: Error) => void) | undefined;
  /** Called at the start for each file with damaged lines. */
  readonly onDamage?: ((damage: Damage) => void) | undefined;
  /** Called when `stuck` changes. */
  readonly onStuck?: ((stuck: boolean) => void) | undefined;
  /** Flushes a file by its descriptor; missing: `fdatasync`. */
  readonly flush?: ((file: number) => Promise<void>) | undefined;
  /** The limit for the disk to confirm a write, in ms. */
  readonly flushMs?: number | undefined;
}

/** A log of entries in its own folder. Only one process at a time may open it. */
export class EntryLog {
  readonly #folder: string;
  readonly #durability: Durability;
  readonly #segmentBytes: number;
  readonly #maxSegments: number;
  readonly #maxLiveBytes: number;
  readonly #onFailure: (error: Error) => void;
  readonly #flush: SharedFlush;
  /** The folder. A segment survives a power failure only if its name in the folder is flushed, too. */
  readonly #names: Flushable;
  readonly #entries = new Map<string, Place>();
  /** The segments, the oldest first; the last one is current. */
  readonly #segments: Segment[] = [];
  #spares: string[] = [];
  /** The entries that these lines remove are gone already. */
  readonly #later = new LaterLines(() => this.#writeLater());
  #nextNumber = 1;
  #puts = 0;
  #moves = 0;
  #liveBytes = 0;
  #closed = false;
  #closing: Promise<void> | undefined;

  /** @throws the file system's error if the folder is not readable and writable. */
  constructor(folder: string, options: EntryLogOptions = {}) {
    this.#folder = folder;
    this.#durability = options.durability ?? 'disk';
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#maxSegments = options.maxSegments ?? MAX_SEGMENTS;
    this.#maxLiveBytes = options.maxLiveBytes ?? MAX_LIVE_BYTES;
    this.#onFailure = options.onFailure ?? (() => {});
    this.#flush = new SharedFlush(options.flush ?? promisify(fdatasync), options.flushMs, options.onStuck);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#names = { lanes: lanesOf(openSync(folder, 'r'), folder) };
    for (const name of readdirSync(folder).toSorted()) {
      const number = numberOf(name);
      if (number !== undefined) this.#load(name, number, options.onDamage);
      else if (name.startsWith('spare')) this.#loadSpare(name);
      else if (name.endsWith('.new')) unlinkSync(join(folder, name));
    }
    this.#open(0);
    this.#dropOldest();
  }

  /** A table of the entries whose keys have the prefix `name`. */
  table(name: string): KeptEntries {
    const prefix = `${name}/`;
    return {
      put: (key, value, until = 'flushed') => this.#put(prefix + key, value, until),
      remove: (key, when = 'now') => this.#remove(prefix + key, when),
      keys: () => this.#keys(prefix).map((key) => key.slice(prefix.length)),
      list: (start = '') =>
        this.#keys(prefix + start).map((key) => ({ key: key.slice(prefix.length), value: this.#read(key) })),
    };
  }

  /** Whether the disk has not confirmed a write within the limit, and still does not answer. */
  get stuck(): boolean {
    return this.#flush.stuck;
  }

  /**
   * Resolves when all entries are durable.
   * @throws StoreError if the disk does not answer, or refuses the last flush. In the first case the files stay open.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    const settled = await this.#flush.settled();
    if (settled) this.#writeLater();
    this.#later.stop();
    this.#closed = true;
    const failure = settled ? await this.#lastFlush() : undefined;
    // Another file could get the number of a descriptor that a flush still uses.
    if (!settled || this.#flush.stuck) throw cannotClose('the disk does not answer');
    for (const { lanes } of [...this.#segments, this.#names]) closeAll(lanes);
    if (failure) throw cannotClose(failure.message);
  }

  /** Flushes the entries whose writers did not wait for the disk. @returns the error */
  async #lastFlush(): Promise<Error | undefined> {
    if (this.#durability !== 'disk') return undefined;
    return this.#flush.flushed().then(() => undefined, asError);
  }

  #put(key: string, value: string, until: 'flushed' | 'written'): Promise<void> {
    if (this.#liveBytes > this.#maxLiveBytes) {
      const message = `the limit of accepted work is reached: ${this.#entries.size} items wait`;
      return Promise.reject(new StoreUnavailableError(message));
    }
    // Callers put a key of accepted work again only after its earlier put has settled, so the former entry is durable.
    const former = this.#entries.get(key);
    const put = ++this.#puts;
    if (this.#durability === 'disk' && (until === 'flushed' || former)) return this.#flushed(key, value, put, former);
    try {
      this.#append({ kind: 'put', key, value }, put);
    } catch (error) {
      return Promise.reject(this.#refused(key, put, former, error));
    }
    if (former) this.#dropOldest();
    return WRITTEN;
  }

  async #flushed(key: string, value: string, put: number, former: Place | undefined): Promise<void> {
    // The former line must outlive the flush of the new one.
    if (former) this.#count(former, 1);
    try {
      this.#append({ kind: 'put', key, value }, put);
      await this.#flush.flushed();
    } catch (error) {
      throw this.#refused(key, put, former, error);
    } finally {
      if (former) this.#release(former);
    }
  }

  #refused(key: string, put: number, former: Place | undefined, error: unknown): Error {
    const cause = asError(error);
    this.#undo(key, put, former);
    this.#onFailure(cause);
    return FULL_CODES.includes((cause as NodeJS.ErrnoException).code ?? '')
      ? new StoreFullError('The disk of the data folder is full.', { cause })
      : new StoreUnavailableError(`cannot keep accepted work: ${cause.message}`, { cause });
  }

  /**
   * Ends a failed put. Its line may exist, also on the disk. A former entry of the key is work that was accepted: it
   * stays, and a later start finds either line. Without a former entry the new one is removed.
   */
  #undo(key: string, put: number, former: Place | undefined): void {
    const place = this.#entries.get(key);
    // The line was not written, or the entry has ended meanwhile.
    if (place?.put !== put) return;
    if (!former) return this.#remove(key, 'now');
    this.#count(place, -1);
    this.#enter(key, former);
  }

  #release(former: Place): void {
    this.#count(former, -1);
    this.#dropOldest();
  }

  #remove(key: string, when: 'now' | 'later'): void {
    const place = this.#entries.get(key);
    if (!place || this.#closed) return;
    this.#forget(key, place);
    const line: LogLine = { kind: 'remove', key };
    if (when === 'now' || !this.#later.add(line)) this.#tryAppend(line);
    this.#dropOldest();
  }

  #writeLater(): void {
    const line = this.#later.pop();
    if (line) this.#tryAppend(line);
  }

  #tryAppend(line: LogLine): void {
    try {
      this.#append(line);
    } catch (error) {
      // If no later write succeeds, the entry is present again at the next start. Its reader then finds that the work has ended.
      this.#later.failed(line);
      this.#onFailure(asError(error));
    }
  }

  #forget(key: string, place: Place): void {
    this.#entries.delete(key);
    this.#count(place, -1);
  }

  #enter(key: string, place: Place): void {
    this.#entries.set(key, place);
    this.#count(place, 1);
  }

  #count({ segment, bytes }: Place, sign: 1 | -1): void {
    segment.live += sign * bytes;
    this.#liveBytes += sign * bytes;
  }

  #keys(prefix: string): string[] {
    return [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).toSorted();
  }

  #read(key: string): string {
    const place = this.#entries.get(key);
    if (!place) return '';
    const { segment, at, bytes } = place;
    const content = Buffer.alloc(bytes);
    readSync(segment.file, content, 0, bytes, at);
    const [found] = readLines(content, segment.number);
    return found?.line.kind === 'put' ? found.line.value : '';
  }

  /** Writes a line, after those that wait. @param put the number of the put, for the line of one. */
  #append(line: LogLine, put = 0): void {
    if (this.#closed) throw new Error('the log is closed');
    let current = this.#current();
    let lines = this.#encode(line, current.number);
    if (current.used + lines.bytes.length > current.size) {
      // This may move entries, which writes the lines that wait.
      current = this.#open(lines.bytes.length);
      lines = this.#encode(line, current.number);
    }
    this.#flush.note(current);
    const { bytes, last } = lines;
    writeAll(current.file, bytes, current.used);
    this.#later.written();
    if (line.kind === 'put') {
      const before = this.#entries.get(line.key);
      if (before) this.#count(before, -1);
      this.#enter(line.key, { segment: current, at: current.used + last, bytes: bytes.length - last, put });
    }
    current.used += bytes.length;
  }

  /** The lines that wait, and `line`, which begins at `last`. The bytes are valid until the next call. */
  #encode(line: LogLine, segment: number): { readonly bytes: Buffer; readonly last: number } {
    const room = this.#later.lines.reduce((sum, waiting) => sum + roomFor(waiting), roomFor(line));
    const bytes = room <= scratch.length ? scratch : Buffer.allocUnsafe(room);
    let last = 0;
    for (const waiting of this.#later.lines) last = writeLine(waiting, segment, bytes, last);
    return { bytes: bytes.subarray(0, writeLine(line, segment, bytes, last)), last };
  }

  #current(): Segment {
    return this.#segments.at(-1) ?? this.#open(0);
  }

  /** Opens a new current segment: a spare, or a new file whose space is allocated at once. */
  #open(atLeast: number): Segment {
    const number = this.#nextNumber;
    const path = join(this.#folder, `${String(number).padStart(8, '0')}.log`);
    const size = Math.max(this.#segmentBytes, atLeast);
    const spare = atLeast <= this.#segmentBytes ? this.#spares.pop() : undefined;
    let file: number;
    if (spare === undefined) {
      file = createFile(path, size);
    } else {
      renameSync(join(this.#folder, spare), path);
      file = openSync(path, 'r+');
    }
    // If this fails, the next attempt replaces the file.
    const lanes = lanesOf(file, path);
    this.#nextNumber++;
    const segment: Segment = { number, file, lanes, size, used: 0, live: 0, move: 0 };
    this.#segments.push(segment);
    this.#flush.note(this.#names);
    if (this.#segments.length > this.#maxSegments) this.#moveOldest();
    return segment;
  }

  /**
   * Moves the live entries of the oldest segment to the end, if they are few. Otherwise the move would repeat too
   * often.
   */
  #moveOldest(): void {
    const [oldest] = this.#segments;
    if (!oldest || oldest.live > oldest.size / 2) return;
    const move = ++this.#moves;
    oldest.move = move;
    for (const [key, { segment, put }] of this.#entries) {
      if (segment === oldest) this.#append({ kind: 'put', key, value: this.#read(key) }, put);
    }
    // Release the old lines only after the new ones are durable. If the flush fails, the next segment moves them again.
    this.#flush.flushed().then(
      () => {
        if (oldest.move !== move) return;
        oldest.move = 0;
        this.#dropOldest();
      },
      (error: unknown) => this.#onFailure(asError(error)),
    );
  }

  /** Removes the oldest segments while nothing of them is needed. It does not throw: the caller's work has its outcome already. */
  #dropOldest(): void {
    try {
      while (this.#segments.length > 1 && !this.#closed) {
        const [oldest] = this.#segments;
        if (!oldest || oldest.live !== 0 || oldest.move !== 0) return;
        this.#removeFile(oldest);
        this.#segments.shift();
        void this.#flush.drop(oldest).then(() => closeAll(oldest.lanes));
      }
    } catch (error) {
      // The segment stays the oldest one, since no later one may go before it. The next call tries again.
      this.#onFailure(asError(error));
    }
  }

  #removeFile({ number, size }: Segment): void {
    const path = join(this.#folder, `${String(number).padStart(8, '0')}.log`);
    if (this.#spares.length >= MAX_SPARES || size !== this.#segmentBytes) return unlinkSync(path);
    const spare = `spare.${number}`;
    renameSync(path, join(this.#folder, spare));
    this.#spares.push(spare);
  }

  /** Keeps a spare only with its full size: a write to it must not need space. */
  #loadSpare(name: string): void {
    const path = join(this.#folder, name);
    if (statSync(path).size === this.#segmentBytes) this.#spares.push(name);
    else unlinkSync(path);
  }

  /** Reads a segment of an earlier run. */
  #load(name: string, number: number, onDamage: EntryLogOptions['onDamage']): void {
    const path = join(this.#folder, name);
    const content = readFileSync(path);
    const file = openSync(path, 'r+');
    const segment: Segment = {
      number,
      file,
      lanes: lanesOf(file, path),
      size: content.length,
      used: content.length,
      live: 0,
      move: 0,
    };
    let damaged = 0;
    for (const { line, at, bytes, damaged: before } of readLines(content, number)) {
      damaged += before;
      const former = this.#entries.get(line.key);
      if (former) this.#forget(line.key, former);
      if (line.kind === 'put') {
        this.#enter(line.key, { segment, at, bytes, put: 0 });
      }
    }
    if (damaged > 0) onDamage?.({ path, bytes: damaged });
    this.#segments.push(segment);
    // The earlier run may have ended before its flush.
    this.#flush.note(segment);
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));

const cannotClose = (reason: string): StoreError =>
  new StoreError(`the log of accepted work cannot be closed: ${reason}`);

/** One settled promise for all entries that are written. */
const WRITTEN = Promise.resolve();
