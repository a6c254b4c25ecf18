import { silentLogger, type Logger } from '../../logging/Logger.js';
import {
  BusUnavailableError,
  type BusState,
  type Consumer,
  type ConsumerOptions,
  type Messaging,
  type Producer,
  type SendOptions,
  type Topic,
} from '../Messaging.js';
import { Group, type Member, type Waiting } from './Group.js';
import { Queue } from '../../process/Queue.js';
import type { KeptMessages } from './KeptMessages.js';

export interface EmbeddedMessagingOptions {
  log?: Logger | undefined;
  /** The most messages of a topic that never had a group. The oldest ones are dropped. */
  maxBacklog?: number | undefined;
  /** The most messages that wait for one group. Beyond that the oldest ones are dropped, and an error is logged. */
  maxWaiting?: number | undefined;
  now?: (() => number) | undefined;
  /** Keeps the messages of some topics until they are handled; missing: all messages end with the process. */
  kept?: KeptMessages | undefined;
}

/**
 * The bus inside one process. It delivers the same object in a microtask, without a timer.
 *
 * A topic keeps the messages that its groups have not taken yet. Before its first group it keeps a bounded backlog for
 * the first group that asks for `earliest`. A compacted topic keeps the last message of each key for all future groups.
 *
 * A message of a kept topic is durable before `send` resolves and before it is delivered, unless it is volatile. The
 * next process delivers unhandled messages again. A kept topic has only one group.
 */
export class EmbeddedMessaging implements Messaging {
  readonly #topics = new Map<string, unknown>();
  readonly #leave = new Set<() => Promise<void>>();
  readonly #log: Logger;
  readonly #maxBacklog: number;
  readonly #maxWaiting: number;
  readonly #now: () => number;
  readonly #kept: KeptMessages | undefined;
  /** Volatile messages of kept topics that are not handled yet. */
  readonly #volatile = new Map<unknown, Waiting<unknown>>();
  /** Bound once, to avoid a closure for each message. */
  readonly #forget = (message: unknown): void => void this.#volatile.delete(message);
  #closed = false;

  constructor(options: EmbeddedMessagingOptions = {}) {
    this.#log = options.log ?? silentLogger;
    this.#maxBacklog = options.maxBacklog ?? 1000;
    this.#maxWaiting = options.maxWaiting ?? 100_000;
    this.#now = options.now ?? Date.now;
    this.#kept = options.kept;
  }

  ensureTopic<T>(topic: Topic<T>): Promise<void> {
    this.#topic(topic);
    return Promise.resolve();
  }

  producer(): Promise<Producer> {
    let open = true;
    return Promise.resolve({
      send: <T>(topic: Topic<T>, message: T, options?: SendOptions): Promise<void> => {
        if (!open || this.#closed) return Promise.reject(new Error('the producer is closed'));
        const { kept } = this.#topic(topic);
        if (kept) return this.#send(kept, topic, message, options?.volatile === true);
        this.#append(topic, this.#item(message));
        return SENT;
      },
      keep: <T>(topic: Topic<T>, message: T): Promise<void> => this.#keep(topic, message),
      close: (): Promise<void> => {
        open = false;
        return Promise.resolve();
      },
    });
  }

  consume<T>(options: ConsumerOptions<T>): Promise<Consumer> {
    if (this.#closed) return Promise.reject(new Error('messaging is closed'));
    const group = this.#group(options);
    const member: Member<T> = group.join(options);
    const leave = (): Promise<void> => {
      this.#leave.delete(leave);
      return group.leave(member);
    };
    this.#leave.add(leave);
    return Promise.resolve({ close: leave });
  }

  isHealthy(): boolean {
    return !this.#closed;
  }

  /** Always up. */
  health(): BusState {
    return { up: !this.#closed, since: Number.NEGATIVE_INFINITY, answeredAt: this.#now() };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#leave].map((leave) => leave()));
    this.#topics.clear();
    this.#volatile.clear();
  }

  #item<T>(message: T): Waiting<T> {
    return { message, delivery: { sentAt: this.#now(), redelivered: false } };
  }

  #send<T>(kept: KeptMessages, topic: Topic<T>, message: T, volatile: boolean): Promise<void> {
    const log = this.#topic(topic);
    for (const group of log.groups.values()) {
      if (!group.hasRoomFor(log.keeping + 1)) {
        return Promise.reject(new BusUnavailableError(`topic ${topic.name} is full`));
      }
    }
    if (!volatile) return this.#keepThenAppend(kept, topic, message, this.#item(message));
    const item: Waiting<T> = { ...this.#item(message), onHandled: this.#forget };
    this.#volatile.set(message, item);
    this.#append(topic, item);
    return SENT;
  }

  async #keepThenAppend<T>(kept: KeptMessages, topic: Topic<T>, message: T, item: Waiting<T>): Promise<void> {
    const log = this.#topic(topic);
    log.keeping++;
    try {
      await kept.put(topic, message, item);
    } catch (error) {
      log.keeping--;
      throw error;
    }
    // The sender answers its client first. The delivery begins the work, which takes longer.
    setImmediate(() => {
      log.keeping--;
      this.#append(topic, item);
    });
  }

  async #keep<T>(topic: Topic<T>, message: T): Promise<void> {
    const item = this.#volatile.get(message);
    if (!item) return;
    await this.#kept?.put(topic, message, item);
  }

  #append<T>(topic: Topic<T>, item: Waiting<T>): void {
    const log = this.#topic(topic);
    if (topic.key) {
      const key = topic.key(item.message);
      // Delete the key first, so that the keys stay in the order of their last messages.
      log.compacted.delete(key);
      log.compacted.set(key, item);
    } else if (log.groups.size === 0) {
      if (log.backlog.size >= this.#maxBacklog) this.#forget(log.backlog.shift()?.message);
      log.backlog.push(item);
    }
    for (const group of log.groups.values()) group.add(item);
  }

  #group<T>(options: ConsumerOptions<T>): Group<T> {
    const log = this.#topic(options.topic);
    const known = log.groups.get(options.group);
    if (known) return known;
    const group = new Group<T>(options.topic.name, this.#maxWaiting, this.#log);
    for (const item of this.#kept?.take(options.topic) ?? []) group.add(item);
    if (options.from !== 'latest') {
      for (const item of log.compacted.values()) group.add(item);
      for (let item = log.backlog.shift(); item; item = log.backlog.shift()) group.add(item);
    } else {
      log.backlog = new Queue();
    }
    log.groups.set(options.group, group);
    return group;
  }

  #topic<T>({ name }: Topic<T>): TopicLog<T> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a topic's name stands for one type of message
    const known = this.#topics.get(name) as TopicLog<T> | undefined;
    if (known) return known;
    const kept = this.#kept?.keeps(name) === true ? this.#kept : undefined;
    const log: TopicLog<T> = { groups: new Map(), backlog: new Queue(), compacted: new Map(), kept, keeping: 0 };
    this.#topics.set(name, log);
    return log;
  }
}

/** One resolved promise for all calls of `send`. */
const SENT = Promise.resolve();

interface TopicLog<T> {
  readonly groups: Map<string, Group<T>>;
  /** The messages before the first group. */
  backlog: Queue<Waiting<T>>;
  /** For a compacted topic: the last message of each key. */
  readonly compacted: Map<string, Waiting<T>>;
  /** Keeps its messages; undefined: they end with the process. */
  readonly kept: KeptMessages | undefined;
  /** The number of messages that are being kept, and are added to the groups then. */
  keeping: number;
}
