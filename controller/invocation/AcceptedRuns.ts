import * as z from 'zod';
import {
  activationRecordSchema,
  StatusCode,
  type ActivationRecord,
  type ActivationResponse,
} from '../../shared/entities/activation.js';
import type { Logger } from '../../shared/logging/Logger.js';
import type { ActivationStore } from '../../shared/store/ActivationStore.js';
import type { KeptEntries } from '../../shared/store/KeptEntries.js';
import type { AcceptedWork } from './Journal.js';

/*
 * Work that was accepted and has not ended, beyond the end of this process: sequences, compositions, fired triggers, and
 * results that were answered before their record was stored. What is kept of each is the record that it gets if the
 * process ends first. See docs/decisions/0013.
 */

const entrySchema = z.object({ record: activationRecordSchema, ended: z.boolean() });

/** The response of work whose process ended before it. */
export function interrupted(): ActivationResponse {
  const error = 'The server ended before this activation. What it had begun may have taken place.';
  return { statusCode: StatusCode.whiskError, result: { error } };
}

export class AcceptedRuns implements AcceptedWork {
  readonly #entries: KeptEntries;

  constructor(entries: KeptEntries) {
    this.#entries = entries;
  }

  accepted(record: ActivationRecord): Promise<void> {
    return this.#put(record, false);
  }

  ended(activationId: string): void {
    this.#entries.remove(activationId);
  }

  /** The activation ended with this record; the same with logs may follow. Resolves once that is durable. */
  answered(record: ActivationRecord): Promise<void> {
    return this.#put(record, true);
  }

  /** The record is stored. */
  completed(activationId: string): void {
    this.#entries.remove(activationId);
  }

  /**
   * Stores the records of what an earlier process left. A record that exists is left alone. To be called before work is
   * accepted.
   * @param now ms since the epoch.
   * @throws StoreError
   */
  async recover(activations: Pick<ActivationStore, 'store'>, now: number, log: Logger): Promise<void> {
    const left = this.#entries.list();
    await Promise.all(left.map((entry) => this.#recoverOne(entry, activations, now, log)));
    if (left.length > 0)
      log.warn(`recorded ${left.length} activations that an earlier run of this server left unended`);
  }

  async #recoverOne(
    { key, value }: { readonly key: string; readonly value: string },
    activations: Pick<ActivationStore, 'store'>,
    now: number,
    log: Logger,
  ): Promise<void> {
    const entry = entrySchema.safeParse(JSON.parse(value));
    if (entry.success) {
      const { record, ended } = entry.data;
      // A trigger's record has no end.
      const end = ended || record.duration === undefined ? {} : { end: now, duration: now - record.start };
      await activations.store({ ...record, ...end });
    } else log.error(`the entry of activation ${key} cannot be read: it is dropped`, { error: entry.error });
    this.#entries.remove(key);
  }

  #put(record: ActivationRecord, ended: boolean): Promise<void> {
    return this.#entries.put(record.activationId, JSON.stringify({ record, ended }));
  }
}
