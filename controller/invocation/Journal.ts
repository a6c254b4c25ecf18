import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { UserEvents } from '../../shared/events/UserEvents.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';

/** What outlives this process of work that was accepted and has not ended: see `AcceptedRuns.ts`. */
export interface AcceptedWork {
  /** Resolves once the record is durable. It is stored by the next process unless `ended` is called. */
  accepted(record: ActivationRecord): Promise<void>;
  ended(activationId: string): void;
  /** Resolves once this record is durable; it is stored by the next process unless `ended` is called. */
  answered(record: ActivationRecord): Promise<void>;
}

export interface JournalParts {
  /** Missing: work that was accepted ends with this process. */
  readonly work?: AcceptedWork | undefined;
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
   * To be awaited before a caller gets the id of work that goes on in this process. `interrupted` is the work's record if
   * the process ends before `keep` has stored another one.
   * @throws StoreError where that cannot be kept: the work must not begin.
   */
  async accept(interrupted: () => ActivationRecord, user: Identity): Promise<void> {
    if (!this.#parts.work || user.limits.storeActivations === false) return;
    await this.#parts.work.accepted(interrupted());
  }

  /**
   * To be awaited before a caller gets a result, and before `keep`: the record outlives this process, where it is to be sure
   * of that. Never rejects.
   */
  async beforeAnswer(record: ActivationRecord, user: Identity): Promise<void> {
    if (!this.#parts.work || user.limits.storeActivations === false) return;
    try {
      await this.#parts.work.answered(record);
    } catch (error) {
      this.#parts.log.warn(`the answer of ${record.activationId} could not be kept`, { error });
    }
  }

  /**
   * Tells users' monitoring of the activation, and stores its record unless the caller's namespace wants no records.
   * Resolves once the record is stored or could not be stored, which is logged; never rejects.
   */
  keep(record: ActivationRecord, user: Identity, transid: TransactionId): Promise<void> {
    const { activations, events, log, work } = this.#parts;
    events.activation(record, user.namespace.uuid);
    if (user.limits.storeActivations === false) return Promise.resolve();
    const stored = activations.store(record).then(
      () => work?.ended(record.activationId),
      (error: unknown) => {
        log.error(`the record of activation ${record.activationId} was not stored`, { transid, error });
      },
    );
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
