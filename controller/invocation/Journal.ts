import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { UserEvents } from '../../shared/events/UserEvents.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';

export interface JournalParts {
  readonly activations: Pick<ActivationStore, 'store'>;
  readonly events: Pick<UserEvents, 'activation'>;
  readonly log: Logger;
}

/**
 * The one way of the controller's own records (sequences, compositions, built-in actions, triggers, lost activations) to
 * users' monitoring and into the store. It also counts work that goes on after its request was answered, so that a stop
 * can wait for both.
 */
export class Journal {
  readonly #parts: JournalParts;
  /** Bounded by the limits on concurrent invocations, and by `ActivationStore.ready`. */
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  /**
   * Tells users' monitoring of the activation, and stores its record unless the caller's namespace wants no records.
   * Resolves once the record is stored or could not be stored, which is logged; never rejects.
   */
  keep(record: ActivationRecord, user: Identity, transid: TransactionId): Promise<void> {
    const { activations, events, log } = this.#parts;
    events.activation(record, user.namespace.uuid);
    if (user.limits.storeActivations === false) return Promise.resolve();
    const stored = activations.store(record).catch((error: unknown) => {
      log.error(`the record of activation ${record.activationId} was not stored`, { transid, error });
    });
    return this.track(stored);
  }

  /** Counts work as running until it settles. A rejection is logged, since the work's request may be over. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    work
      .catch((error: unknown) => this.#parts.log.error('work that goes on after its request failed', { error }))
      .finally(() => this.#running.delete(work));
    return work;
  }

  /** Resolves once nothing is running and every record is stored, what begins meanwhile included. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
