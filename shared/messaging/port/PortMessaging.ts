import type { Logger } from '../../logging/Logger.js';
import type { Calls, Remote } from '../../threads/Calls.js';
import type {
  BusState,
  Consumer,
  ConsumerOptions,
  Delivery,
  Handled,
  Messaging,
  Producer,
  SendOptions,
  Topic,
} from '../Messaging.js';
import type { BusServices, ConsumerServices, RemoteConsumerOptions } from './services.js';

type Handle = (message: unknown, delivery: Delivery) => Promise<Handled> | Handled;

/**
 * The bus of another thread or process (`serveBus`). Messages are cloned, not encoded. What the bus keeps on the disk, it keeps before
 * `send` resolves.
 */
export class PortMessaging implements Messaging {
  readonly #bus: Remote<BusServices>;
  readonly #log: Logger;
  readonly #consumers = new Map<number, Handle>();
  readonly #leave = new Set<() => Promise<void>>();
  /** The ids of volatile messages. */
  readonly #volatile = new WeakMap<object, number>();
  #lastVolatile = 0;
  #lastConsumer = 0;
  #closed = false;

  constructor(calls: Calls, log: Logger) {
    this.#bus = calls.to<BusServices>();
    this.#log = log;
    calls.serve({
      deliver: (consumer, message, delivery) => this.#deliver(consumer, message, delivery),
    } satisfies ConsumerServices);
  }

  ensureTopic<T>(topic: Topic<T>): Promise<void> {
    return this.#bus.call('ensureTopic', topic.name);
  }

  producer(): Promise<Producer> {
    let open = true;
    return Promise.resolve({
      send: <T>(topic: Topic<T>, message: T, options: SendOptions = {}): Promise<void> => {
        if (!open || this.#closed) return Promise.reject(new Error('the producer is closed'));
        const id = options.volatile === true ? ++this.#lastVolatile : undefined;
        if (id !== undefined && typeof message === 'object' && message !== null) this.#volatile.set(message, id);
        // A caller of a blocking invocation waits for its result, and nobody for a lasting message.
        const calm = id !== undefined || options.lasting === true;
        return calm
          ? this.#bus.callCalmly('send', topic.name, message, options, id)
          : this.#bus.call('send', topic.name, message, options, id);
      },
      keep: async <T>(topic: Topic<T>, message: T): Promise<void> => {
        const id = typeof message === 'object' && message !== null ? this.#volatile.get(message) : undefined;
        if (id !== undefined) await this.#bus.call('keep', topic.name, id);
      },
      close: (): Promise<void> => {
        open = false;
        return Promise.resolve();
      },
    });
  }

  async consume<T>(consumer: ConsumerOptions<T>): Promise<Consumer> {
    const { topic, group, from, maxInFlight } = consumer;
    if (this.#closed) throw new Error('messaging is closed');
    const id = ++this.#lastConsumer;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a topic's name stands for one type of message
    this.#consumers.set(id, ((message: T, delivery) => consumer.handle(message, delivery)) as Handle);
    const options: RemoteConsumerOptions = { group, maxInFlight, ...(from === undefined ? {} : { from }) };
    await this.#bus.call('consume', id, topic.name, options);
    let left: Promise<void> | undefined;
    const leave = (): Promise<void> =>
      (left ??= this.#bus.call('leave', id).finally(() => {
        this.#consumers.delete(id);
        this.#leave.delete(leave);
      }));
    this.#leave.add(leave);
    return { close: leave };
  }

  isHealthy(): boolean {
    return !this.#closed;
  }

  /** Always up. */
  health(): BusState {
    return { up: !this.#closed, since: Number.NEGATIVE_INFINITY, answeredAt: Date.now() };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#leave].map((leave) => leave()));
  }

  async #deliver(consumer: number, message: unknown, delivery: Delivery): Promise<Handled> {
    const handle = this.#consumers.get(consumer);
    // The bus has sent it before it got to know that the consumer leaves.
    if (!handle) return 'left';
    try {
      return await handle(message, delivery);
    } catch (error) {
      this.#log.error('could not handle a message', { error });
      return undefined;
    }
  }
}
