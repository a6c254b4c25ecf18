import { randomUUID } from 'node:crypto';
import type { Logger } from '../../shared/logging/Logger.js';
import type { Consumer, Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import type { Assignment } from '../../shared/messages/assignment.js';

export interface SharingParts {
  readonly messaging: Messaging;
  readonly topic: Topic<Assignment>;
  readonly logger: Logger;
  readonly self: string;
  /** A color or a table, in the topic's order; this controller's own ones too. */
  readonly onAssignment: (assignment: Assignment) => void;
}

/** The replay at the start takes no longer than this; what comes later is taken over as it comes. */
const REPLAY_MS = 10_000;

/** Tells the other controllers of assignments, and hears of theirs. */
export class AssignmentSharing {
  readonly #parts: SharingParts;
  readonly #producer: Producer;
  readonly #consumer: Consumer;

  private constructor(parts: SharingParts, producer: Producer, consumer: Consumer) {
    this.#parts = parts;
    this.#producer = producer;
    this.#consumer = consumer;
  }

  /** Resolves once everything that was assigned before was taken over. */
  static async start(parts: SharingParts): Promise<AssignmentSharing> {
    const { messaging, topic, logger, self } = parts;
    const nonce = randomUUID();
    await messaging.ensureTopic(topic);
    const producer = await messaging.producer();
    let caughtUp: () => void = () => undefined;
    const replayed = new Promise<void>((resolve) => (caughtUp = resolve));
    const consumer = await messaging.consume<Assignment>({
      topic,
      // A group of its own for each start: it has read nothing, so it reads from the beginning.
      group: `${topic.name}-${self}-${nonce}`,
      from: 'earliest',
      maxInFlight: 1000,
      handle: (assignment) => {
        if (assignment.kind !== 'mark') parts.onAssignment(assignment);
        else if (assignment.nonce === nonce) caughtUp();
      },
    });
    await producer.send(topic, { kind: 'mark', controller: self, nonce });
    const patience = setTimeout(() => {
      logger.warn(`went on after ${REPLAY_MS} ms without all color assignments; the rest follows`);
      caughtUp();
    }, REPLAY_MS);
    await replayed;
    clearTimeout(patience);
    return new AssignmentSharing(parts, producer, consumer);
  }

  /** Sends without waiting: an assignment that does not reach the others costs a hit, no more. */
  tell(assignment: Assignment): void {
    this.#producer.send(this.#parts.topic, assignment).catch((error: unknown) => {
      this.#parts.logger.debug('could not share a color assignment', { error });
    });
  }

  async close(): Promise<void> {
    await this.#consumer.close();
    await this.#producer.close();
  }
}
