import type { Logger } from '../../logging/Logger.js';
import type { ConsumerOptions, Delivery, Handled } from '../Messaging.js';
import { Queue } from '../../process/Queue.js';

/** A waiting message with its metadata. */
export interface Waiting<T> {
  readonly message: T;
  readonly delivery: Delivery;
  handled?: boolean;
  /** Called once it is handled. */
  onHandled?: ((message: unknown) => void) | undefined;
}

/** A consumer of a group with its number of messages in flight. */
export interface Member<T> {
  readonly options: ConsumerOptions<T>;
  inFlight: number;
  closed: boolean;
  /** Called when the last message in flight of a closed member is handled. */
  onIdle?: () => void;
}

/** A group of consumers that share a topic's messages, with the waiting messages. */
export class Group<T> {
  readonly #waiting = new Queue<Waiting<T>>();
  readonly #members: Member<T>[] = [];
  readonly #topic: string;
  readonly #maxWaiting: number;
  readonly #log: Logger;
  /** Bound once, to avoid a closure for each message. */
  readonly #drain = (): void => this.#deliver();
  #scheduled = false;
  #next = 0;
  #dropped = 0;

  constructor(topic: string, maxWaiting: number, log: Logger) {
    this.#topic = topic;
    this.#maxWaiting = maxWaiting;
    this.#log = log;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether so many more messages can wait without displacing others. */
  hasRoomFor(messages: number): boolean {
    return this.#waiting.size + messages <= this.#maxWaiting;
  }

  add(item: Waiting<T>): void {
    if (this.#waiting.size >= this.#maxWaiting) {
      this.#waiting.shift();
      if (this.#dropped++ % 10_000 === 0)
        this.#log.error(`topic ${this.#topic} is full: the oldest of ${this.#maxWaiting} messages are dropped`);
    }
    this.#waiting.push(item);
    this.#schedule();
  }

  join(options: ConsumerOptions<T>): Member<T> {
    const member: Member<T> = { options, inFlight: 0, closed: false };
    this.#members.push(member);
    this.#schedule();
    return member;
  }

  /** Removes a member. Resolves when its messages in flight are handled. */
  async leave(member: Member<T>): Promise<void> {
    if (!member.closed) {
      member.closed = true;
      this.#members.splice(this.#members.indexOf(member), 1);
    }
    if (member.inFlight > 0) {
      await new Promise<void>((resolve) => {
        const others = member.onIdle;
        member.onIdle = () => {
          others?.();
          resolve();
        };
      });
    }
  }

  /** Schedules delivery in a microtask, so that no handler runs inside `send`. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.size === 0 || this.#members.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(this.#drain);
  }

  #deliver(): void {
    this.#scheduled = false;
    for (let budget = DELIVERIES_PER_TURN; this.#waiting.size > 0; budget--) {
      const member = this.#memberWithRoom();
      if (!member) return;
      if (budget === 0) {
        // A long backlog must not block timers and sockets.
        this.#scheduled = true;
        setImmediate(this.#drain);
        return;
      }
      const item = this.#waiting.shift();
      if (item) this.#hand(member, item);
    }
  }

  /** The next member with room, in turns. */
  #memberWithRoom(): Member<T> | undefined {
    for (let i = 0; i < this.#members.length; i++) {
      const at = (this.#next + i) % this.#members.length;
      const member = this.#members[at];
      if (member && member.inFlight < member.options.maxInFlight) {
        this.#next = at + 1;
        return member;
      }
    }
    return undefined;
  }

  #hand(member: Member<T>, item: Waiting<T>): void {
    let handled: Promise<Handled> | Handled;
    try {
      handled = member.options.handle(item.message, item.delivery);
    } catch (error) {
      this.#failed(error);
      wasHandled(item);
      return;
    }
    if (!(handled instanceof Promise)) {
      if (handled !== 'left') wasHandled(item);
      return;
    }
    member.inFlight++;
    const settle = (how: Handled): void => {
      member.inFlight--;
      if (how !== 'left') wasHandled(item);
      if (member.inFlight === 0) member.onIdle?.();
      this.#schedule();
    };
    handled.then(settle, (error: unknown) => {
      this.#failed(error);
      settle();
    });
  }

  #failed(error: unknown): void {
    this.#log.error(`could not handle a message of topic ${this.#topic}`, { error });
  }
}

function wasHandled(item: Waiting<unknown>): void {
  item.handled = true;
  item.onHandled?.(item.message);
}

const DELIVERIES_PER_TURN = 256;
