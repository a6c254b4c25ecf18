import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../logging/Logger.js';
import type { ConsumerOptions } from '../Messaging.js';
import { OffsetTracker } from './OffsetTracker.js';
import { Slots } from './Slots.js';

/** Where a group stopped in a partition, and where the partition ends. */
export interface Place {
  readonly partition: number;
  /** Undefined where the group never committed. */
  readonly committed: number | undefined;
  readonly end: number;
}

export interface Fetched {
  readonly partition: number;
  readonly offset: number;
  readonly value: Buffer | null;
  /** In ms since the epoch. */
  readonly timestamp: number;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: number;
}

/**
 * The way from what a client fetched to the handler, and back to what may be committed; the same for every client
 * library, and for every incarnation of a client within this process.
 */
export class Handover<T> {
  readonly slots: Slots;
  readonly #options: ConsumerOptions<T>;
  readonly #log: Logger;
  readonly #commitOffsets: (offsets: readonly PartitionOffset[]) => Promise<void>;
  readonly #partitions = new Map<number, Partition>();
  #commitTimer: NodeJS.Timeout | undefined;
  #committing: Promise<void> | undefined;
  #closed = false;

  /** @param commit commits offsets for the group; what it throws is tried again with the next commit. */
  constructor(
    options: ConsumerOptions<T>,
    log: Logger,
    commit: (offsets: readonly PartitionOffset[]) => Promise<void>,
  ) {
    this.#options = options;
    this.#log = log;
    this.#commitOffsets = commit;
    this.slots = new Slots(options.maxInFlight);
  }

  /** Learns where the group stands, before a client starts to fetch. */
  learn(places: readonly Place[]): void {
    for (const { partition, committed, end } of places) {
      const known = this.#partitions.get(partition);
      if (known) known.tracker.endsAt(end);
      else {
        const backlogEnd = committed === undefined ? 0 : end;
        this.#partitions.set(partition, { tracker: new OffsetTracker(), backlogEnd });
      }
    }
  }

  /** Gives a message to the handler, unless it had it before. There has to be room: see `slots`. */
  hand({ partition, offset, value, timestamp }: Fetched): void {
    const { tracker, backlogEnd } = this.#partition(partition);
    const handed = tracker.hand(offset);
    if (!handed) return;
    this.#scheduleCommit();
    let handled: Promise<void> | void;
    try {
      const content = this.#options.topic.decode(value?.toString() ?? '');
      handled = this.#options.handle(content, { sentAt: timestamp, redelivered: offset < backlogEnd });
    } catch (error) {
      handled = undefined;
      this.#failed(offset, error);
    }
    if (!(handled instanceof Promise)) {
      handed.handled = true;
      return;
    }
    this.slots.take();
    const settle = (): void => {
      handed.handled = true;
      this.slots.release();
      this.#scheduleCommit();
    };
    handled.then(settle, (error: unknown) => {
      this.#failed(offset, error);
      settle();
    });
  }

  /** Waits until the handler is done with all it has, and commits. */
  async finish(): Promise<void> {
    await this.slots.idle();
    await this.#committing;
    await Promise.race([this.#commit(), sleep(LAST_COMMIT_MS, undefined, { ref: false })]);
    this.#closed = true;
    clearTimeout(this.#commitTimer);
  }

  #failed(offset: number, error: unknown): void {
    this.#log.error(`message ${offset} of topic ${this.#options.topic.name} could not be handled`, { error });
  }

  #partition(number: number): Partition {
    let partition = this.#partitions.get(number);
    if (!partition) {
      partition = { tracker: new OffsetTracker(), backlogEnd: 0 };
      this.#partitions.set(number, partition);
    }
    return partition;
  }

  #scheduleCommit(): void {
    if (this.#closed) return;
    this.#commitTimer ??= setTimeout(() => {
      this.#commitTimer = undefined;
      void this.#commit();
    }, COMMIT_MS);
  }

  #commit(): Promise<void> {
    this.#committing ??= this.#commitNow().finally(() => (this.#committing = undefined));
    return this.#committing;
  }

  async #commitNow(): Promise<void> {
    const offsets = [...this.#partitions].flatMap(([partition, { tracker }]) => {
      const offset = tracker.committable();
      return offset === undefined ? [] : [{ partition, offset }];
    });
    if (offsets.length === 0) return;
    try {
      await this.#commitOffsets(offsets);
      for (const { partition, offset } of offsets) this.#partition(partition).tracker.committed(offset);
    } catch (error) {
      this.#scheduleCommit();
      this.#log.debug(`cannot commit group ${this.#options.group}`, { error });
    }
  }
}

interface Partition {
  readonly tracker: OffsetTracker;
  /** Below it, messages may have been with an earlier process of the group. */
  readonly backlogEnd: number;
}

/** How long what is handled stays uncommitted, at most: a killed process's successor gets it again. */
const COMMIT_MS = 200;
const LAST_COMMIT_MS = 5000;
