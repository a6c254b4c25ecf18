import { backOff } from '../../process/retry.js';

/*
 * Whether a consumer can read its topic, across its memberships.
 *
 *   readable   -> doubtful     a membership ended at a response that cannot be read: the next one begins at once
 *   doubtful   -> unreadable   the next membership ended so too, without a message in between: an outage. The next ones begin
 *                              after pauses that grow
 *   doubtful, unreadable -> readable   a message arrived
 *
 * Nothing is skipped: only an operator can decide to give up messages.
 */
export class UnreadableMessages {
  readonly #pause: (failures: number) => number | undefined;
  /** The memberships that ended so since the last message. */
  #failures = 0;

  /** @param pauses the first and the longest pause, in ms. */
  constructor([first, longest]: readonly [first: number, longest: number]) {
    this.#pause = backOff(first, longest);
  }

  /** Whether it is an outage. */
  get isUnreadable(): boolean {
    return this.#failures > 1;
  }

  /**
   * Notes a membership that ended so.
   * @param wasReading whether it has read for a while before: then earlier ends do not count.
   * @returns the pause before the next one in ms, and whether an outage begins.
   */
  failed(wasReading: boolean): { readonly pauseMs: number; readonly begins: boolean } {
    this.#failures = wasReading ? 1 : this.#failures + 1;
    const { isUnreadable } = this;
    return { pauseMs: isUnreadable ? (this.#pause(this.#failures - 1) ?? 0) : 0, begins: this.#failures === 2 };
  }

  /** Notes a message. @returns whether an outage ends. */
  read(): boolean {
    const ends = this.isUnreadable;
    this.#failures = 0;
    return ends;
  }
}

/**
 * The line for an operator at the begin of the outage.
 * @param places the next message of each partition; without an offset, a group begins there that never committed.
 */
export function unreadableLine(
  where: { readonly topic: string; readonly group: string; readonly brokers: string },
  places: readonly { readonly partition: number; readonly offset: number | undefined }[],
  cause: string,
): string {
  const { topic, group, brokers } = where;
  const from = places.map(({ partition, offset }) =>
    offset === undefined
      ? `partition ${partition} from its begin on`
      : `partition ${partition} from offset ${offset} on`,
  );
  const giveUp = places.map(({ partition, offset }) => {
    const to = offset === undefined ? 'N' : String(offset + 1);
    const intact = `the first intact offset${offset === undefined ? '' : `, at least ${to}`}`;
    return (
      `kafka-consumer-groups.sh --bootstrap-server ${brokers} --group ${group} --topic ${topic}:${partition} ` +
      `--reset-offsets --to-offset ${to} --execute (with ${intact})`
    );
  });
  return (
    `cannot read topic ${topic}, ${from.join(', ')}: ${cause}. It is tried again after pauses of up to 30 s, and no message is skipped. ` +
    'If the messages there are damaged and another replica of the partition is intact, make its broker the leader. To give ' +
    `them up, stop this process, run: ${giveUp.join(', or: ')}, and start it again`
  );
}
