import { randomUUID } from 'node:crypto';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { AcceptedMessage } from '../../shared/messages/accepted.js';
import type { Consumer, Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import { lastRecord } from './AcceptedRuns.js';
import type { AcceptedWork } from './Journal.js';

/*
 * The accepted work of a controller, on its own topic: see docs/decisions/0013. The states of a run on the topic:
 *
 *   sent           → running    the controller consumes its own message, and keeps it unhandled
 *   running        → handled    the run has its record: the group may commit past the message
 *   sent, running  → orphaned   the process ended: the bus delivers the message to the next member of the group. That is the
 *                               same controller after its restart, or its stand-in (`StandIns.ts`)
 *   orphaned       → handled    the run has a record: an earlier one, or the one that says that it was interrupted
 */

export type AcceptedRun = Extract<AcceptedMessage, { readonly kind: 'run' }>;

export interface SharedRunsParts {
  readonly messaging: Pick<Messaging, 'ensureTopic' | 'producer' | 'consume'>;
  /** `acceptedN` of this controller. */
  readonly topic: Topic<AcceptedMessage>;
  readonly activations: Pick<ActivationStore, 'store'>;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface Running {
  readonly record: ActivationRecord;
  /** Whether it is the final record, which is being stored. */
  readonly final: boolean;
  /** Settles once the bus has the message. */
  readonly sent: Promise<void>;
  readonly stored: Promise<void>;
  readonly onStored: () => void;
}

/** The most unhandled messages. Beyond that no further messages are read. */
const MAX_IN_FLIGHT = 1000;

/** Keeps this controller's accepted work on the bus, beyond the end of its process. */
export class SharedRuns implements AcceptedWork {
  readonly #parts: SharedRunsParts;
  readonly #producer: Producer;
  readonly #life = randomUUID();
  /** Bounded by the limits on concurrent invocations. */
  readonly #running = new Map<string, Running>();
  #consumer: Consumer | undefined;

  private constructor(parts: SharedRunsParts, producer: Producer) {
    this.#parts = parts;
    this.#producer = producer;
  }

  /** Resolves once it takes work. Work of an earlier process of this controller is recorded in the meantime. */
  static async start(parts: SharedRunsParts): Promise<SharedRuns> {
    const { messaging, topic } = parts;
    await messaging.ensureTopic(topic);
    const runs = new SharedRuns(parts, await messaging.producer());
    runs.#consumer = await messaging.consume({
      topic,
      group: topic.name,
      maxInFlight: MAX_IN_FLIGHT,
      handle: (message) => runs.#handle(message),
    });
    return runs;
  }

  /** @throws BusUnavailableError if the bus does not accept it. The work must not start then. */
  async accepted(record: ActivationRecord): Promise<void> {
    try {
      await this.#keep(record, false);
    } catch (error) {
      // The message may be on the topic nevertheless.
      this.ended(record.activationId);
      throw error;
    }
  }

  ended(activationId: string): void {
    this.#running.get(activationId)?.onStored();
    this.#running.delete(activationId);
  }

  /** Does not send work again that was accepted before: a successor would record it as interrupted. */
  answered(record: ActivationRecord): Promise<void> {
    return this.#keep(record, true);
  }

  /** Records unfinished work as interrupted and leaves the bus. */
  async close(): Promise<void> {
    const { activations, log, now } = this.#parts;
    const left = [...this.#running.values()].filter(({ final }) => !final);
    const interrupted = left.map(async ({ record }) => {
      await activations.store(lastRecord(record, false, now()));
      this.ended(record.activationId);
    });
    await Promise.all([...interrupted, ...[...this.#running.values()].map(({ stored }) => stored)]);
    if (left.length > 0) log.warn(`recorded ${left.length} unfinished activations as interrupted`);
    await this.#consumer?.close();
    await this.#producer.close();
  }

  #keep(record: ActivationRecord, final: boolean): Promise<void> {
    const { activationId } = record;
    // The caller's wait may time out while the result arrives.
    const before = this.#running.get(activationId);
    if (before) return before.sent;
    let onStored = (): void => undefined;
    const stored = new Promise<void>((resolve) => (onStored = resolve));
    const sent = this.#producer.send(this.#parts.topic, { kind: 'run', life: this.#life, record, ended: final });
    // The message may be consumed before the send resolves.
    this.#running.set(activationId, { record, final, sent, stored, onStored });
    return sent;
  }

  #handle(message: AcceptedMessage): Promise<void> | undefined {
    if (message.kind === 'mark') return undefined;
    if (message.life === this.#life) return this.#running.get(message.record.activationId)?.stored;
    const { activations, log, now } = this.#parts;
    const { activationId } = message.record;
    if (message.ended) log.info(`made sure of the record of activation ${activationId}, which had ended`);
    else log.warn(`recorded activation ${activationId}, which an earlier process accepted and did not finish`);
    return recordOrphan(message, activations, now());
  }
}

/** Stores the record of work whose process has ended. An existing record stays unchanged. */
export function recordOrphan(
  { record, ended }: AcceptedRun,
  activations: Pick<ActivationStore, 'store'>,
  now: number,
): Promise<void> {
  return activations.store(lastRecord(record, ended, now));
}
