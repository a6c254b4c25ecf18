import { silentLogger, type Logger } from '../../logging/Logger.js';
import type { BusState, Consumer, ConsumerOptions, Messaging, Producer, Topic } from '../Messaging.js';
import { Group, type Member, type Waiting } from './Group.js';
import { Queue } from '../../process/Queue.js';

export interface EmbeddedMessagingOptions {
  log?: Logger | undefined;
  /** Messages that a topic keeps while no group ever consumed it; the oldest go. */
  maxBacklog?: number | undefined;
  /** Messages that wait for one group; past it the oldest go, and an error is logged. */
  maxWaiting?: number | undefined;
  now?: (() => number) | undefined;
}

/**
 * The bus inside one process: a message arrives as the object that was sent, in a microtask, without a timer.
 *
 * A topic keeps what its groups have not taken yet. While it never had a group it keeps a bounded backlog, which goes to
 * the first group that asks for `earliest`. A compacted topic keeps the last message of each key for every group to come.
 */
export class EmbeddedMessaging implements Messaging {
  readonly #topics = new Map<string, TopicLog>();
  readonly #leave = new Set<() => Promise<void>>();
  readonly #log: Logger;
  readonly #maxBacklog: number;
  readonly #maxWaiting: number;
  readonly #now: () => number;
  #closed = false;

  constructor(options: EmbeddedMessagingOptions = {}) {
    this.#log = options.log ?? silentLogger;
    this.#maxBacklog = options.maxBacklog ?? 1000;
    this.#maxWaiting = options.maxWaiting ?? 100_000;
    this.#now = options.now ?? Date.now;
  }

  ensureTopic<T>(topic: Topic<T>): Promise<void> {
    this.#topic(topic.name);
    return Promise.resolve();
  }

  producer(): Promise<Producer> {
    let open = true;
    return Promise.resolve({
      send: <T>(topic: Topic<T>, message: T): Promise<void> => {
        if (!open || this.#closed) return Promise.reject(new Error('the producer is closed'));
        this.#append(topic, message);
        return SENT;
      },
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

  /** It answers as long as the process does. */
  health(): BusState {
    return { up: !this.#closed, since: Number.NEGATIVE_INFINITY, answeredAt: this.#now() };
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#leave].map((leave) => leave()));
    this.#topics.clear();
  }

  #append<T>(topic: Topic<T>, message: T): void {
    const log = this.#topic(topic.name);
    const item: Waiting<T> = { message, delivery: { sentAt: this.#now(), redelivered: false } };
    if (topic.key) {
      const key = topic.key(message);
      // Deleted first, so that the keys stay in the order of their last messages.
      log.compacted.delete(key);
      log.compacted.set(key, item);
    } else if (log.groups.size === 0) {
      if (log.backlog.size >= this.#maxBacklog) log.backlog.shift();
      log.backlog.push(item);
    }
    for (const group of log.groups.values()) group.add(item);
  }

  #group<T>(options: ConsumerOptions<T>): Group<T> {
    const log = this.#topic(options.topic.name);
    const known = log.groups.get(options.group);
    if (known) return known as Group<T>;
    const group = new Group<T>(options.topic.name, this.#maxWaiting, this.#log);
    if (options.from !== 'latest') {
      for (const item of log.compacted.values()) group.add(item as Waiting<T>);
      for (let item = log.backlog.shift(); item; item = log.backlog.shift()) group.add(item as Waiting<T>);
    } else {
      log.backlog = new Queue();
    }
    log.groups.set(options.group, group as Group<unknown>);
    return group;
  }

  #topic(name: string): TopicLog {
    let log = this.#topics.get(name);
    if (!log) {
      log = { groups: new Map(), backlog: new Queue(), compacted: new Map() };
      this.#topics.set(name, log);
    }
    return log;
  }
}

/** One settled promise for every `send`. */
const SENT = Promise.resolve();

interface TopicLog {
  readonly groups: Map<string, Group<unknown>>;
  /** Until the first group comes. */
  backlog: Queue<Waiting<unknown>>;
  /** Of a compacted topic: the last message of each key. */
  readonly compacted: Map<string, Waiting<unknown>>;
}
