import type { Logger } from '../../logging/Logger.js';
import type { ConsumerOptions, Handled } from '../Messaging.js';
import { InFlight } from './InFlight.js';
import type { Fetched, PartitionOffset, Place } from './library.js';
import { OffsetTracker } from './OffsetTracker.js';

/**
 * Gives messages to the handler, and knows which offsets may be committed. It outlives the memberships of its consumer:
 * what one of them fetched is not given again when the next one fetches it too.
 */
export class Dispatcher<T> {
  readonly inFlight: InFlight;
  readonly #options: ConsumerOptions<T>;
  readonly #log: Logger;
  readonly #onProgress: () => void;
  readonly #partitions = new Map<number, Partition>();

  /** @param onProgress called when there may be something new to commit. */
  constructor(options: ConsumerOptions<T>, log: Logger, onProgress: () => void) {
    this.#options = options;
    this.#log = log;
    this.#onProgress = onProgress;
    const { maxUncommitted = Infinity } = options;
    this.inFlight = new InFlight(options, () => this.#uncommitted() < maxUncommitted);
  }

  /** Learns where the group stands, before a membership begins to fetch. */
  learn(places: readonly Place[]): void {
    for (const { partition, committed, end } of places) {
      const known = this.#partitions.get(partition);
      if (known) known.tracker.learn(committed, end);
      else {
        const tracker = new OffsetTracker();
        tracker.learn(committed, end);
        this.#partitions.set(partition, { tracker, backlogEnd: committed === undefined ? 0 : end });
      }
    }
  }

  /** Gives a message to the handler, unless it had it before. The caller has seen that there is room. */
  dispatch({ partition, offset, value, timestamp }: Fetched): void {
    const { tracker, backlogEnd } = this.#partition(partition);
    const given = tracker.give(offset);
    if (!given) return;
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
      return;
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
  }

  /** What to commit now. */
  committable(): PartitionOffset[] {
    return [...this.#partitions].flatMap(([partition, { tracker }]) => {
      const offset = tracker.committable();
      return offset === undefined ? [] : [{ partition, offset }];
    });
  }

  committed(offsets: readonly PartitionOffset[]): void {
    for (const { partition, offset } of offsets) this.#partition(partition).tracker.committed(offset);
  }

  /** How many messages a successor would get again, of the partition that has the most. */
  #uncommitted(): number {
    let most = 0;
    for (const { tracker } of this.#partitions.values()) most = Math.max(most, tracker.uncommitted);
    return most;
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
}

interface Partition {
  readonly tracker: OffsetTracker;
  /** Below it, messages may have been with an earlier process of the group. */
  readonly backlogEnd: number;
}
