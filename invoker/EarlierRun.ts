import type { ActivationRecord } from '../shared/entities/activation.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { ActivationMessage } from '../shared/messages/activation.js';
import type { Delivery } from '../shared/messaging/Messaging.js';
import type { ActivationJournal } from './activations/BegunJournal.js';
import { TaskLimit } from './containers/TaskLimit.js';
import { InvokerStopsError, type StoreWaits } from './pool/StoreWaits.js';

/** The most concurrent lookups of records. */
const LOOKUPS = 16;

/**
 * What an earlier run of the invoker did with an activation. `recorded`: it ran. `begun`: it may have run, and has no record. `new`:
 * it did not start, and must run. `left`: the invoker stops before the store has said so, and the next run decides.
 */
export type Earlier =
  | { readonly kind: 'recorded'; readonly record: ActivationRecord }
  | { readonly kind: 'begun' | 'new' | 'left' };

export interface EarlierRunParts {
  readonly read: (namespace: string, activationId: string) => Promise<ActivationRecord | undefined>;
  readonly journal: ActivationJournal;
  readonly waits: StoreWaits;
  readonly log: Logger;
}

/** Tells what an earlier run of the invoker had begun, since an action must not start twice. */
export class EarlierRun {
  readonly #parts: EarlierRunParts;
  readonly #lookups = new TaskLimit(LOOKUPS);
  /** The number of next redelivered messages without a record that the earlier run may have started. */
  #maybeBegun = 0;
  #endedAt = 0;
  /** Settles when all earlier messages are known to have started or not. */
  #decisions = Promise.resolve();

  constructor(parts: EarlierRunParts) {
    this.#parts = parts;
  }

  /**
   * Begins a new run. Without a journal, a killed run may have started as many activations as it had room for.
   * @param now in ms since the epoch.
   * @param room 0: the earlier run was not killed.
   */
  ended(now: number, room: number): void {
    this.#endedAt = now;
    this.#maybeBegun = this.#parts.journal.complete ? 0 : room;
  }

  /** To be asked in the order of the topic. */
  async of(message: ActivationMessage, { sentAt }: Delivery): Promise<Earlier> {
    const { journal, waits, log } = this.#parts;
    const earlier = this.#decisions;
    let decided = (): void => {};
    this.#decisions = new Promise((resolve) => (decided = resolve));
    let record: ActivationRecord | undefined;
    try {
      record = await waits.untilAnswered(() => this.record(message.user.namespace.name, message.activationId));
    } catch (error) {
      const stops = error instanceof InvokerStopsError;
      if (!stops) log.warn('could not look for an earlier record', { transid: message.transid, error });
    }
    // The topic keeps the order: the earlier run had the first of the messages that it did not record.
    await earlier;
    // At a stop an earlier message may be undecided, too.
    const left = !record && waits.stopped;
    // A message that was sent after the end of the earlier run cannot have started in it.
    const guessed = !record && !left && this.#maybeBegun > 0 && sentAt <= this.#endedAt;
    if (guessed) this.#maybeBegun--;
    decided();
    if (record) return { kind: 'recorded', record };
    if (left) return { kind: 'left' };
    return { kind: guessed || journal.hadBegun(message.activationId) ? 'begun' : 'new' };
  }

  /** Reads a record. Its place among the lookups is free when the store has answered, also if nobody waits for it any more. */
  record(namespace: string, activationId: string): Promise<ActivationRecord | undefined> {
    return this.#lookups.run(() => this.#parts.read(namespace, activationId));
  }
}
