import type {
  Consumer,
  ConsumerOptions,
  Messaging,
  Producer,
  SendOptions,
  Topic,
} from '../../../../shared/messaging/Messaging.js';

interface Handling<T> {
  readonly handle: (message: T, delivery: unknown) => Promise<void> | void;
}

/**
 * One topic with one group, as Kafka has it: the group's place goes past what is handled, and whoever comes after a member
 * that died gets the rest. A member that joins beside another one gets nothing before that one leaves.
 */
export class FakeTopic<T> implements Pick<Messaging, 'ensureTopic' | 'producer' | 'consume'> {
  readonly log: T[] = [];
  /** What `send` fails of. */
  refuses: Error | undefined;
  readonly #handled = new Set<number>();
  readonly #members: ((from: number) => void)[] = [];
  readonly #wakes = new Set<() => void>();
  readonly #kills: (() => void)[] = [];

  ensureTopic(): Promise<void> {
    return Promise.resolve();
  }

  producer(): Promise<Producer> {
    const send = async (_topic: unknown, message: unknown, _options?: SendOptions): Promise<void> => {
      await Promise.resolve();
      if (this.refuses) throw this.refuses;
      this.log.push(message as T);
      for (const wake of this.#wakes) wake();
    };
    return Promise.resolve({ send, close: () => Promise.resolve() } as Producer);
  }

  consume<M>(options: ConsumerOptions<M>): Promise<Consumer> {
    const { handle } = options as unknown as Handling<T>;
    const inFlight = new Set<Promise<void>>();
    let next = 0;
    let open = true;
    let closing = false;
    const take = (): void => {
      while (this.#members[0] === begin && next < this.log.length) {
        const offset = next++;
        const done = (async () => {
          await handle(this.log[offset] as T, {});
          if (open || closing) this.#handled.add(offset);
        })();
        inFlight.add(done);
        void done.finally(() => inFlight.delete(done));
      }
    };
    const begin = (from: number): void => {
      next = from;
      take();
    };
    this.#members.push(begin);
    this.#wakes.add(take);
    if (this.#members.length === 1) queueMicrotask(() => begin(this.place));
    const leave = (): void => {
      open = false;
      this.#wakes.delete(take);
      this.#members.splice(this.#members.indexOf(begin), 1);
      this.#members[0]?.(this.place);
    };
    this.#kills.push(leave);
    return Promise.resolve({
      close: async () => {
        closing = true;
        await Promise.all(inFlight);
        leave();
      },
    });
  }

  /** The first message that is not handled. */
  get place(): number {
    let place = 0;
    while (this.#handled.has(place)) place += 1;
    return place;
  }

  /** Ends the member that joined as the `n`th, as a kill of its process does. */
  kill(n: number): void {
    this.#kills[n]?.();
  }
}

export const fakeTopicName = <T>(): Topic<T> => ({
  name: 'accepted0',
  encode: () => '',
  decode: () => {
    throw new Error('nothing is decoded');
  },
  settings: {},
});
