import { within } from '../../process/within.js';
import { LateDiskError } from './LateDiskError.js';

/*
 * The states of a flush:
 *
 *   gathers    → under way  the turn of the event loop is over, and a lane is free
 *   under way  → done       it has succeeded, and so have the flushes that were under way when it started
 *              → failed     it has failed, or one of those flushes
 *
 * A flush that is late fails for its callers, and stays in its state until the disk answers. Its lane stays taken, so no more flushes
 * start than there are lanes.
 *
 * Callers join the flush that gathers. It covers what was written before it starts. There are two lanes: with one lane, the disk
 * would rest from the end of a flush until a busy event loop starts the next one.
 */

export const LANES = 2;

/** The limit for the disk to confirm a write, in ms. */
export const DISK_MS = 10_000;

/** A file, or a folder. */
export interface Flushable {
  /**
   * A descriptor for each lane. They are opened separately, because Linux reports a failed write once for each opening of a
   * file. With a shared one, the report could go to the wrong flush. So one disk error may fail the flushes of both lanes.
   */
  readonly lanes: readonly number[];
}

/** Flushes files to the disk. Callers of the same turn of the event loop share a flush. */
export class SharedFlush {
  readonly #flush: (file: number) => Promise<void>;
  readonly #limitMs: number;
  readonly #onStuck: (stuck: boolean) => void;
  /** Written since their last flush that succeeded. A flush of any other file would cost the disk as much, for nothing. */
  readonly #dirty = new Set<Flushable>();
  readonly #dropped = new WeakSet<Flushable>();
  readonly #freeLanes = Array.from({ length: LANES }, (_, lane) => lane);
  readonly #underWay = new Set<Promise<void>>();
  #gathering: Promise<void> | undefined;
  /** The flushes that are late. */
  #late = 0;

  /**
   * @param flush resolves once all earlier writes of a file, given by its descriptor, are on the disk.
   * @param onStuck called when `stuck` changes.
   */
  constructor(flush: (file: number) => Promise<void>, limitMs = DISK_MS, onStuck: (stuck: boolean) => void = () => {}) {
    this.#flush = flush;
    this.#onStuck = onStuck;
    this.#limitMs = limitMs;
  }

  /** Whether the disk has not answered a flush within the limit, and still does not answer. */
  get stuck(): boolean {
    return this.#late > 0;
  }

  /** To be called before a write to the file, or before a change of the folder. */
  note(file: Flushable): void {
    this.#dirty.add(file);
  }

  /** The file needs no flush any more. Resolves once its descriptors may be closed; never rejects. */
  async drop(file: Flushable): Promise<void> {
    this.#dirty.delete(file);
    this.#dropped.add(file);
    await Promise.allSettled(this.#underWay);
  }

  /**
   * Resolves once everything is on the disk that was written before the call.
   * @throws the file system's error; Error if the disk does not answer in time.
   */
  flushed(): Promise<void> {
    return (this.#gathering ??= this.#inTime(this.#begin()));
  }

  /** Resolves to true once no flush is gathering callers or is under way, or to false after the limit. Never rejects. */
  async settled(): Promise<boolean> {
    const quiet = async (): Promise<true> => {
      while (this.#gathering || this.#underWay.size > 0) await Promise.allSettled([this.#gathering, ...this.#underWay]);
      return true;
    };
    return within(quiet(), this.#limitMs, () => false);
  }

  #count(change: 1 | -1): void {
    const before = this.stuck;
    this.#late += change;
    if (this.stuck !== before) this.#onStuck(this.stuck);
  }

  #inTime(flush: Promise<void>): Promise<void> {
    return within(flush, this.#limitMs, () => {
      this.#count(1);
      void settlement(flush).then(() => this.#count(-1));
      throw new LateDiskError('confirm', this.#limitMs);
    });
  }

  async #begin(): Promise<void> {
    await endOfTurn();
    while (this.#freeLanes.length === 0) await Promise.race([...this.#underWay].map(settlement));
    const lane = this.#freeLanes.pop() ?? 0;
    this.#gathering = undefined;
    const files = [...this.#dirty];
    // This flush may not include what is written meanwhile.
    this.#dirty.clear();
    const earlier = [...this.#underWay];
    // The flush is under way until all of its files are flushed, also if one of them fails.
    const own = Promise.allSettled(files.map((file) => this.#flushOne(file, lane))).then((ends) => {
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    });
    this.#underWay.add(own);
    void settlement(own).then(() => {
      this.#underWay.delete(own);
      this.#freeLanes.push(lane);
    });
    // What an earlier flush covers, such as the name of a new file, is not covered by this one.
    await Promise.all([own, ...earlier]);
  }

  async #flushOne(file: Flushable, lane: number): Promise<void> {
    try {
      await this.#flush(file.lanes[lane] ?? -1);
    } catch (error) {
      if (!this.#dropped.has(file)) this.#dirty.add(file);
      throw error;
    }
  }
}

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const settlement = (work: Promise<void>): Promise<void> => work.catch(() => {});
