import type { Logger } from '../../logging/Logger.js';
import type { ConsumerOptions, Handled } from '../Messaging.js';
import { InFlight } from './InFlight.js';
import type { Fetched, PartitionOffset, Place } from './library.js';
import { OffsetTracker } from './OffsetTracker.js';

/**
 * Passes messages to the handler and tracks the offsets to commit. It outlives the memberships of its consumer, so that
 * it does not pass on a message again that a later membership fetches again.
 */
export class Dispatcher<T> {
  readonly inFlight: InFlight;
  readonly #options: ConsumerOptions<T>;
  readonly #log: Logger;
  readonly #onProgress: () => void;
  readonly #partitions = new Map<number, Partition>();
  /** The partitions of this member; undefined before the first join. */
  #assigned: ReadonlySet<number> | undefined;

  /** @param onProgress called when there may be new offsets to commit. */
  constructor(options: ConsumerOptions<T>, log: Logger, onProgress: () => void) {
    this.#options = options;
    this.#log = log;
    this.#onProgress = onProgress;
    const { maxUncommitted = Infinity } = options;
    this.inFlight = new InFlight(options, () => this.#uncommitted() < maxUncommitted);
  }

  /**
   * Takes the group's positions, before a membership starts to fetch.
   * @returns the same. In a partition without a committed offset the end is where a group begins that asks for the latest
   * messages: the end that the first membership saw, or the next message after those that the handler has got.
   */
  learn(places: readonly Place[]): Place[] {
    const { from } = this.#options;
    return places.map((place) => {
      const { partition, committed, end } = place;
      let known = this.#partitions.get(partition);
      if (!known) {
        known = { tracker: new OffsetTracker(), backlogEnd: committed === undefined ? 0 : end };
        this.#partitions.set(partition, known);
      }
      known.tracker.learn(committed, end, from);
      return committed === undefined ? { ...place, end: known.tracker.place ?? end } : place;
    });
  }

  /** Takes the partitions that the group has assigned to this member. */
  assign(partitions: readonly number[]): void {
    this.#assigned = new Set(partitions);
  }

  /**
   * Passes a message to the handler, unless the handler had it before. The caller must check for room first.
   * @returns whether it is a new message.
   */
  dispatch({ partition, offset, value, timestamp }: Fetched): boolean {
    const { tracker, backlogEnd } = this.#partition(partition);
    const given = tracker.give(offset);
    if (!given) return false;
    this.#onProgress();
    let handled: Promise<Handled> | Handled;
    try {
      const message = this.#options.topic.decode(value?.toString() ?? '');
      handled = this.#options.handle(message, { sentAt: timestamp, redelivered: offset < backlogEnd });
    } catch (error) {
      handled = undefined;
      this.#failed(offset, error);
    }
    if (!(handled instanceof Promise)) {
      given.handled = handled !== 'left';
      return true;
    }
    const bytes = value?.length ?? 0;
    this.inFlight.begin(bytes);
    const settle = (how: Handled): void => {
      given.handled = how !== 'left';
      this.inFlight.end(bytes);
      this.#onProgress();
    };
    handled.then(settle, (error: unknown) => {
      this.#failed(offset, error);
      settle();
    });
    return true;
  }

  /** The offsets to commit now. Only those of assigned partitions: of the others, their members know more. */
  committable(): PartitionOffset[] {
    return [...this.#partitions].flatMap(([partition, { tracker }]) => {
      const offset = this.#assigned?.has(partition) === false ? undefined : tracker.committable();
      return offset === undefined ? [] : [{ partition, offset }];
    });
  }

  /** The offset of the next message of each partition, as far as it is known. */
  places(): { readonly partition: number; readonly offset: number | undefined }[] {
    return [...this.#partitions].map(([partition, { tracker }]) => ({ partition, offset: tracker.place }));
  }

  committed(offsets: readonly PartitionOffset[]): void {
    for (const { partition, offset } of offsets) this.#partition(partition).tracker.committed(offset);
  }

  /** The number of messages that a successor would get again, in the partition with the most. */
  #uncommitted(): number {
    let most = 0;
    for (const { tracker } of this.#partitions.values()) most = Math.max(most, tracker.uncommitted);
    return most;
  }

  #failed(offset: number, error: unknown): void {
    this.#log.error(`could not handle message ${offset} of topic ${this.#options.topic.name}`, { error });
  }

  #partition(number: number): Partition {
    let partition = this.#partitions.get(number);
    if (!partition) {
      partition = { tracker: new OffsetTracker(), backlogEnd: 0 };
      this.#partitions.set(number, partition);
    }
    return partition;
  }
}

interface Partition {
  readonly tracker: OffsetTracker;
  /** The end of the messages that an earlier process of the group may have got. */
  readonly backlogEnd: number;
}
