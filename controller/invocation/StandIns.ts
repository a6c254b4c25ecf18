import { randomUUID } from 'node:crypto';
import type { Logger } from '../../shared/logging/Logger.js';
import type { AcceptedMessage } from '../../shared/messages/accepted.js';
import type { Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import { within } from '../../shared/process/within.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import { recordOrphan } from './SharedRuns.js';

/*
 * What this controller knows of another one that has fallen silent:
 *
 *   silent       → forgotten     it is there again
 *                → standing in   it was silent for long, and this controller is the first of those that are there
 *                → silent        the same, and another one is the first: this one looks again after the same time
 *   standing in  → forgotten     everything on its topic up to our mark has a record
 *                → silent        the bus did not hand out its topic in time: the controller may be alive, and read it itself
 *
 * A controller that says goodbye has recorded what it had not ended, and is not silent.
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
  /** How long a controller is silent before another stands in for it, in ms. */
  readonly afterMs: number;
}

/** A killed consumer holds its group's place for some seconds. */
const HANDOUT_MS = 60_000;

/** Records what controllers had accepted that died and do not come back. */
export class StandIns {
  readonly #parts: StandInsParts;
  /** One for each controller that is silent: bounded by the controllers that there have been. */
  readonly #silent = new Map<string, NodeJS.Timeout>();
  #members: readonly string[] = [];
  #producer: Promise<Producer> | undefined;
  #closed = false;

  constructor(parts: StandInsParts) {
    this.#parts = parts;
  }

  /**
   * @param members the controllers that are there, in ascending order
   * @param silent those that were there until now, and did not say goodbye
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
      log.warn(`controller${controller} is gone: recorded ${recorded} activations that it had accepted and not ended`);
      if (this.#silent.get(controller) === timer) this.#forget(controller);
    } catch (error) {
      if (this.#closed) return;
      log.warn(`cannot stand in for controller${controller} yet`, { error });
      if (this.#silent.get(controller) === timer) this.#lookLater(controller);
    }
  }

  /** Resolves to how many activations it has stored. @throws where the bus does not hand out the topic in time. */
  async #standIn(controller: string): Promise<number> {
    const { messaging, topic: topicOf, activations, now } = this.#parts;
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
        // The controller is back: what it accepts now is its own, and it gets this again.
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
      await within(mark, HANDOUT_MS, () => {
        throw new Error(`the bus did not hand out topic ${topic.name} within ${HANDOUT_MS / 1000} s`);
      });
    } finally {
      await consumer.close();
    }
    return recorded;
  }
}
