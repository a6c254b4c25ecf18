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
 * Keeps accepted work beyond the end of this process: sequences, compositions, fired triggers, and results that were
 * sent before their record was stored. For each it keeps the record that the next process stores if this process ends
 * first. See docs/decisions/0013.
 */

const entrySchema = z.object({ record: activationRecordSchema, ended: z.boolean() });

/** An entry of an earlier process: its work had begun, or had ended, maybe with a stored record, or it cannot be read. */
type Recovered = 'unfinished' | 'ended' | 'unreadable';

/** The response of work whose process ended first. */
export function interrupted(): ActivationResponse {
  const error = 'The server stopped before this activation ended. Parts of it may have run.';
  return { statusCode: StatusCode.whiskError, result: { error } };
}

/** The record of work that its process did not store. @param ended whether the work had ended by then. @param now ms since the epoch. */
export function lastRecord(record: ActivationRecord, ended: boolean, now: number): ActivationRecord {
  // The record of a trigger has no end.
  if (ended || record.duration === undefined) return record;
  return { ...record, end: now, duration: now - record.start };
}

export class AcceptedRuns implements AcceptedWork {
  readonly #entries: KeptEntries;

  constructor(entries: KeptEntries) {
    this.#entries = entries;
  }

  accepted(record: ActivationRecord): Promise<void> {
    return this.#put(record, false, 'flushed');
  }

  ended(activationId: string): void {
    this.#entries.remove(activationId);
  }

  /**
   * The activation ended with this record; the same record with logs may follow. Resolves once the record outlives this
   * process. It does not wait for the disk: the caller gets the result itself, and the record is stored soon.
   */
  answered(record: ActivationRecord): Promise<void> {
    return this.#put(record, true, 'written');
  }

  /** The record is stored. After a kill, an entry that remains leaves the record as it is. */
  completed(activationId: string): void {
    this.#entries.remove(activationId, 'later');
  }

  /**
   * Stores the records of work that an earlier process did not finish. Existing records stay unchanged. To be called
   * before work is accepted.
   * @param now ms since the epoch.
   * @throws StoreError
   */
  async recover(activations: Pick<ActivationStore, 'store'>, now: number, log: Logger): Promise<void> {
    const left = this.#entries.list();
    const outcomes = await Promise.all(left.map((entry) => this.#recoverOne(entry, activations, now, log)));
    const count = (wanted: Recovered): number => outcomes.filter((outcome) => outcome === wanted).length;
    const unfinished = count('unfinished');
    const ended = count('ended');
    if (unfinished > 0)
      log.warn(`recorded ${unfinished} activations that an earlier run of this server did not finish`);
    if (ended > 0) log.info(`made sure of the records of ${ended} activations that had ended when the server did`);
  }

  async #recoverOne(
    { key, value }: { readonly key: string; readonly value: string },
    activations: Pick<ActivationStore, 'store'>,
    now: number,
    log: Logger,
  ): Promise<Recovered> {
    const entry = entrySchema.safeParse(JSON.parse(value));
    if (entry.success) {
      const { record, ended } = entry.data;
      await activations.store(lastRecord(record, ended, now));
    } else log.error(`dropped the entry of activation ${key}: it cannot be read`, { error: entry.error });
    this.#entries.remove(key);
    if (!entry.success) return 'unreadable';
    return entry.data.ended ? 'ended' : 'unfinished';
  }

  #put(record: ActivationRecord, ended: boolean, until: 'flushed' | 'written'): Promise<void> {
    return this.#entries.put(record.activationId, JSON.stringify({ record, ended }), until);
  }
}
