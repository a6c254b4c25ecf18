import type { Logger } from '../../logging/Logger.js';
import { StoreFullError } from '../../store/ArtifactStore.js';
import type { KeptEntries } from '../../store/KeptEntries.js';
import { BusUnavailableError, type Topic } from '../Messaging.js';
import type { Waiting } from './Group.js';
import { messageOf } from '../../errors/reasons.js';

export interface KeptMessagesParts {
  readonly entries: KeptEntries;
  /** Whether the messages of a topic are kept. */
  readonly keeps: (topic: string) => boolean;
  readonly log: Logger;
}

/** Keeps messages durable, from `put` until they are handled. */
export class KeptMessages {
  readonly #parts: KeptMessagesParts;
  /** The first number of this run, larger than the numbers of all messages of earlier runs. */
  readonly #firstOwn: number;
  /** The messages that are not durable yet, the oldest first. */
  readonly #writing = new Set<Promise<void>>();
  #next: number;

  constructor(parts: KeptMessagesParts) {
    this.#parts = parts;
    const numbers = parts.entries.keys().map(numberOf);
    this.#firstOwn = numbers.reduce((largest, number) => Math.max(largest, number), 0) + 1;
    this.#next = this.#firstOwn;
  }

  keeps(topic: string): boolean {
    return this.#parts.keeps(topic);
  }

  /** Resolves once the message is durable. @throws BusUnavailableError */
  async put<T>(topic: Topic<T>, message: T, item: Waiting<unknown>): Promise<void> {
    const { entries } = this.#parts;
    const key = `${topic.name}/${String(this.#next++).padStart(16, '0')}`;
    const written = entries.put(key, `${item.delivery.sentAt} ${topic.encode(message)}`);
    this.#writing.add(written);
    try {
      await written;
    } catch (error) {
      // The client gets the message.
      if (error instanceof StoreFullError) throw error;
      throw new BusUnavailableError(`cannot keep a message: ${messageOf(error)}`, { cause: error });
    } finally {
      this.#writing.delete(written);
    }
    if (item.handled) return entries.remove(key);
    const { onHandled } = item;
    item.onHandled = (handled) => {
      onHandled?.(handled);
      entries.remove(key);
    };
  }

  /** Settles when the oldest message that is being written is durable. Undefined: no message is being written. */
  writing(): Promise<void> | undefined {
    for (const written of this.#writing) return written;
    return undefined;
  }

  /** The messages of a topic from an earlier run, in order. */
  take<T>(topic: Topic<T>): Waiting<T>[] {
    if (!this.keeps(topic.name)) return [];
    const left = this.#parts.entries.list(`${topic.name}/`).filter(({ key }) => numberOf(key) < this.#firstOwn);
    return left.flatMap(({ key, value }) => this.#item(topic, key, value));
  }

  /** Moves the messages of one topic to another topic without a consumer. Resolves once that is durable. */
  async move(from: string, to: string): Promise<void> {
    const { entries } = this.#parts;
    for (const { key, value } of entries.list(`${from}/`)) {
      await entries.put(`${to}${key.slice(from.length)}`, value);
      entries.remove(key);
    }
  }

  /** The topics with messages from an earlier run. */
  topics(): string[] {
    return [...new Set(this.#parts.entries.keys().map((key) => key.slice(0, key.lastIndexOf('/'))))];
  }

  #item<T>(topic: Topic<T>, key: string, value: string): Waiting<T>[] {
    const { entries, log } = this.#parts;
    const space = value.indexOf(' ');
    try {
      const message = topic.decode(value.slice(space + 1));
      const delivery = { sentAt: Number(value.slice(0, space)), redelivered: true };
      return [{ message, delivery, onHandled: () => entries.remove(key) }];
    } catch (error) {
      log.error(`dropped a message of topic ${topic.name} from an earlier run: it cannot be read`, { error });
      entries.remove(key);
      return [];
    }
  }
}

/** The message number in a key, which consists of the topic's name and the number. */
const numberOf = (key: string): number => Number(key.slice(key.lastIndexOf('/') + 1));
