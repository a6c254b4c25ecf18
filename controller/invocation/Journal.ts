import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Identity } from '../../shared/entities/identity.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { UserEvents } from '../../shared/events/UserEvents.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';

/** Keeps accepted work beyond the end of this process: see `AcceptedRuns.ts`. */
export interface AcceptedWork {
  /** Resolves once the record is durable. It is stored by the next process unless `ended` is called. */
  accepted(record: ActivationRecord): Promise<void>;
  ended(activationId: string): void;
  /** Resolves once this record outlives this process; the next one stores it unless `ended` is called. */
  answered(record: ActivationRecord): Promise<void>;
}

export interface JournalParts {
  /** Missing: accepted work ends with this process. */
  readonly work?: AcceptedWork | undefined;
  readonly activations: Pick<ActivationStore, 'store'>;
  readonly events: Pick<UserEvents, 'activation'>;
  readonly log: Logger;
}

/**
 * Sends all records that the controller writes itself (of sequences, compositions, built-in actions, triggers, lost
 * activations) to users' monitoring and the store. It also tracks work that continues after its response, so that a
 * stop can wait for both.
 */
export class Journal {
  readonly #parts: JournalParts;
  /** Bounded by the limits on concurrent invocations, and by `ActivationStore.ready`. */
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: JournalParts) {
    this.#parts = parts;
  }

  /**
   * To be awaited before a caller gets the id of work that continues in this process. `interrupted` makes the work's
   * record for the case that the process ends before `keep` has stored another one.
   * @throws StoreError if the record cannot be kept. The work must not start then.
   */
  async accept(interrupted: () => ActivationRecord, user: Identity): Promise<void> {
    if (!this.#parts.work || user.limits.storeActivations === false) return;
    await this.#parts.work.accepted(interrupted());
  }

  /**
   * To be awaited before a caller gets a result, and before `keep`. If the installation keeps accepted work, the record
   * then outlives this process. Never rejects.
   */
  async beforeAnswer(record: ActivationRecord, user: Identity): Promise<void> {
    if (!this.#parts.work || user.limits.storeActivations === false) return;
    try {
      await this.#parts.work.answered(record);
    } catch (error) {
      this.#parts.log.warn(`could not keep the result of activation ${record.activationId}`, { error });
    }
  }

  /**
   * Sends the activation's event to users' monitoring, and stores its record unless the caller's namespace disables
   * records. Resolves once the record is stored, or once its failure is logged; never rejects.
   */
  keep(record: ActivationRecord, user: Identity, transid: TransactionId): Promise<void> {
    const { activations, events, log, work } = this.#parts;
    events.activation(record, user.namespace.uuid);
    if (user.limits.storeActivations === false) return Promise.resolve();
    const stored = activations.store(record).then(
      () => work?.ended(record.activationId),
      (error: unknown) => {
        log.error(`could not store the record of activation ${record.activationId}`, { transid, error });
      },
    );
    return this.track(stored);
  }

  /** Tracks work until it settles. Logs a rejection, since the work's request may be over. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    work
      .catch((error: unknown) => this.#parts.log.error('work failed after the response to its request', { error }))
      .finally(() => this.#running.delete(work));
    return work;
  }

  /** Resolves once no work is running and every record is stored, including work that starts in the meantime. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}
