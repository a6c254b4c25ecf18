import { randomUUID } from 'node:crypto';
import type { Logger } from '../../shared/logging/Logger.js';
import type { AcceptedMessage } from '../../shared/messages/accepted.js';
import type { Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import { within } from '../../shared/process/within.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import { recordOrphan } from './SharedRuns.js';

/*
 * The states of another controller that has stopped sending heartbeats:
 *
 *   silent       → forgotten     it sends heartbeats again
 *                → standing in   it was silent for `afterMs`, and this controller is the first of the live ones
 *                → silent        it was silent for `afterMs`, and another controller is the first: check again later
 *   standing in  → forgotten     every message on its topic before our mark has a record
 *                → silent        the bus did not deliver its topic in time: the controller may be alive and consume it
 *
 * A controller that announces its end has recorded its unfinished work and does not count as silent.
 */

export interface StandInsParts {
  readonly messaging: Pick<Messaging, 'producer' | 'consume'>;
  /** `acceptedN` of a controller. */
  readonly topic: (controller: string) => Topic<AcceptedMessage>;
  readonly activations: Pick<ActivationStore, 'store'>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly self: string;
  /** The time without heartbeats after which another controller stands in, in ms. */
  readonly afterMs: number;
  /** The limit for the delivery of the topic, in ms: a killed consumer keeps its membership for some seconds. */
  readonly deliveryMs?: number;
}

const DELIVERY_MS = 60_000;

/** Records the accepted work of controllers that died and do not return. */
export class StandIns {
  readonly #parts: StandInsParts;
  /** A timer for each silent controller: bounded by the number of controllers so far. */
  readonly #silent = new Map<string, NodeJS.Timeout>();
  #members: readonly string[] = [];
  #producer: Promise<Producer> | undefined;
  #closed = false;

  constructor(parts: StandInsParts) {
    this.#parts = parts;
  }

  /**
   * @param members the present controllers, in ascending order
   * @param silent the controllers that left without an announcement
   */
  changed(members: readonly string[], silent: readonly string[]): void {
    this.#members = members;
    for (const controller of members) this.#forget(controller);
    for (const controller of silent) this.#lookLater(controller);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const controller of this.#silent.keys()) this.#forget(controller);
    await (await this.#producer)?.close();
  }

  #forget(controller: string): void {
    clearTimeout(this.#silent.get(controller));
    this.#silent.delete(controller);
  }

  #lookLater(controller: string): void {
    this.#forget(controller);
    if (this.#closed) return;
    const timer = setTimeout(() => void this.#look(controller), this.#parts.afterMs);
    timer.unref();
    this.#silent.set(controller, timer);
  }

  /** Never rejects. */
  async #look(controller: string): Promise<void> {
    const { self, log } = this.#parts;
    if (this.#members[0] !== self) return this.#lookLater(controller);
    const timer = this.#silent.get(controller);
    try {
      const recorded = await this.#standIn(controller);
      log.warn(
        `controller${controller} is gone: recorded ${recorded} activations that it had accepted but not finished`,
      );
      if (this.#silent.get(controller) === timer) this.#forget(controller);
    } catch (error) {
      if (this.#closed) return;
      log.warn(`cannot stand in for controller${controller} yet`, { error });
      if (this.#silent.get(controller) === timer) this.#lookLater(controller);
    }
  }

  /** Resolves to the number of stored records. @throws if the bus does not deliver the topic in time. */
  async #standIn(controller: string): Promise<number> {
    const { messaging, topic: topicOf, activations, now, deliveryMs = DELIVERY_MS } = this.#parts;
    const topic = topicOf(controller);
    const producer = await (this.#producer ??= messaging.producer());
    const nonce = randomUUID();
    let recorded = 0;
    let marked = false;
    let onMark = (): void => undefined;
    const mark = new Promise<void>((resolve) => (onMark = resolve));
    const consumer = await messaging.consume({
      topic,
      group: topic.name,
      maxInFlight: 128,
      handle: async (message) => {
        // The controller is back. It gets its messages again.
        if (marked) return producer.send(topic, message);
        if (message.kind === 'run') {
          recorded += 1;
          return recordOrphan(message, activations, now());
        }
        if (message.nonce !== nonce) return;
        marked = true;
        onMark();
      },
    });
    try {
      await producer.send(topic, { kind: 'mark', nonce });
      await within(mark, deliveryMs, () => {
        throw new Error(`the bus did not deliver topic ${topic.name} within ${deliveryMs / 1000} s`);
      });
    } finally {
      await consumer.close();
    }
    return recorded;
  }
}
