import { setTimeout as sleep } from 'node:timers/promises';
import { activationDocument, type ActivationRecord } from '../entities/activation.js';
import type { Logger } from '../logging/Logger.js';
import { Pacer } from '../process/Pacer.js';
import { backOff, retry } from '../process/retry.js';
import { within } from '../process/within.js';
import { TooManyRecordsError } from './ActivationStore.js';
import { RefusedByStoreError, StoreError, type ArtifactStore, type WriteRefusal } from './ArtifactStore.js';
import { BatchStarts } from './BatchStarts.js';

/*
 * The states of a record until it is stored:
 *
 *   from        to          when
 *   queued      under way   its batch begins
 *   under way   stored      the store has it, or had it before
 *               under way   the store took nothing of the batch: the same batch again, after a pause, until the end
 *               queued      the store refused this record with its logs: again, without them
 *               set aside   the store took others of the batch and gave no reason that is final for this one
 *               lost        the store refused this record for good, or the process ends
 *   set aside   under way   after a pause, alone
 *               lost        it failed MAX_ATTEMPTS_ASIDE times while others were stored, or the process ends
 *
 * A record that is queued, under way or set aside counts in the backlog. `stored` and `lost` are final: `store`
 * resolves or rejects. A record that is set aside occupies no place of a batch, so it holds up no other record.
 */

/** The metrics of the writer. */
export interface ActivationWriteObserver {
  /** A batch is durable. @param ms the duration of the store's operation. */
  stored(records: number, ms: number): void;
  /** A batch failed and is retried. */
  failed(): void;
  /** The number of waiting records, and their approximate bytes. */
  backlog(records: number, bytes: number): void;
}

export interface WriterOptions {
  readonly maxBatchRecords: number;
  readonly maxBatchBytes: number;
  /** The number of waiting bytes from which `ready` and `room` wait. */
  readonly maxBacklogBytes: number;
  /** The longest wait of `ready`, in ms. */
  readonly patienceMs: number;
  /** The most concurrent batches. */
  readonly concurrency: number;
  /** The smallest interval between the starts of two batches, in ms: fewer and larger batches cost less. */
  readonly intervalMs: number;
  /** The longest such interval, in ms. Between the bounds it is five times the duration of the last batch. */
  readonly maxIntervalMs: number;
  /** The first and the longest delay before a batch is retried, in ms. */
  readonly retryDelayMs: number;
  readonly maxRetryDelayMs: number;
  /** Throws if new work must be refused. `ready` fails with the error at once. */
  readonly requireRoom: () => void;
  readonly log: Logger;
  readonly observer: ActivationWriteObserver | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** A record that is not stored yet. */
interface Pending {
  readonly record: ActivationRecord;
  readonly updated: number;
  /** The estimated size in bytes. */
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** The number of attempts alone, and the number of stored records when it was set aside. */
  attemptsAside: number;
  storedBefore: number;
}

const MAX_ATTEMPTS_ASIDE = 8;
const CLOSED = 'closed before it was stored';

/** Writes activation records in batches. See `BatchingActivationStore`. */
export class ActivationWriter {
  readonly #store: Pick<ArtifactStore, 'putMany'>;
  readonly #options: WriterOptions;
  readonly #pace: Pacer;
  readonly #starts: BatchStarts;
  /** The records by document id, from `write` until they are durable or lost. */
  readonly #waiting = new Map<string, ActivationRecord>();
  #queue: Pending[] = [];
  #queuedBytes = 0;
  #backlogRecords = 0;
  #backlogBytes = 0;
  #batchesUnderWay = 0;
  #storedRecords = 0;
  #away = false;
  #closed = false;
  /** Aborted at the end of retries. */
  readonly #end = new AbortController();
  /** Called when the backlog has room, and at the close. */
  readonly #onRoom = new Set<() => void>();
  #onIdle: (() => void)[] = [];
  /** Called after each batch. */
  readonly #onWritten = new Set<() => void>();

  constructor(store: Pick<ArtifactStore, 'putMany'>, options: WriterOptions) {
    this.#store = store;
    this.#options = options;
    this.#pace = new Pacer({ factor: 5, minMs: options.intervalMs, maxMs: options.maxIntervalMs });
    this.#starts = new BatchStarts(this.#pace, () => {
      void this.#writeBatch(this.#takeBatch());
      this.#schedule();
    });
  }

  /** The waiting record of an activation; undefined if it does not wait. */
  waiting(namespace: string, activationId: string): ActivationRecord | undefined {
    return this.#waiting.get(idOf(namespace, activationId));
  }

  /** Writes the namespace's waiting records without an interval. Resolves when they are stored, or after `maxWaitMs`. */
  async stored(namespace: string, maxWaitMs: number): Promise<void> {
    const prefix = `${namespace}/`;
    const ids = [...this.#waiting.keys()].filter((id) => id.startsWith(prefix));
    if (ids.length === 0) return;
    const end = performance.now() + maxWaitMs;
    await this.#starts.hurry(async () => {
      while (ids.some((id) => this.#waiting.has(id)) && performance.now() < end) await this.#writtenUntil(end);
    });
  }

  /** Resolves when a batch is written, or at `end`. */
  async #writtenUntil(end: number): Promise<void> {
    let onWritten = (): void => {};
    const written = new Promise<void>((resolve) => (onWritten = resolve));
    this.#onWritten.add(onWritten);
    await within(written, end - performance.now(), () => undefined);
    this.#onWritten.delete(onWritten);
  }

  /** See `ActivationStore.ready`. Rejects with TooManyRecordsError. */
  async ready(): Promise<void> {
    this.#options.requireRoom();
    if (this.#isFull()) await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    const end = performance.now() + this.#options.patienceMs;
    while (this.#isFull()) {
      if (!(await this.#roomUntil(end))) throw new TooManyRecordsError(this.#backlogBytes);
    }
  }

  /** See `BatchingActivationStore.room`. */
  room(): Promise<void> | undefined {
    return this.#isFull() && !this.#closed ? this.#untilRoom() : undefined;
  }

  async #untilRoom(): Promise<void> {
    while (this.#isFull() && !this.#closed) await this.#roomUntil(Number.POSITIVE_INFINITY);
  }

  /**
   * Writes a record. Resolves once it is durable.
   * @throws RefusedByStoreError if the store refuses the record; StoreError if the writer closes first.
   */
  write(record: ActivationRecord): Promise<void> {
    if (this.#closed) return Promise.reject(new StoreError('the store of activations is closed'));
    return new Promise((resolve, reject) => {
      const bytes = roughSize(record);
      const updated = this.#options.now();
      this.#enqueue({ record, updated, bytes, resolve, reject, attemptsAside: 0, storedBefore: 0 });
      this.#waiting.set(idOf(record.namespace, record.activationId), record);
      this.#backlogRecords++;
      this.#backlogBytes += bytes;
      this.#schedule();
    });
  }

  /** Resolves when no record waits. */
  flush(): Promise<void> {
    return this.#starts.hurry(async () => {
      while (this.#backlogRecords > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    });
  }

  /** Takes no more records, waits up to `maxWaitMs` for the waiting ones, and gives up the rest. */
  async close(maxWaitMs: number): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#tellOfRoom();
    await within(this.flush(), maxWaitMs, () => undefined);
    this.#end.abort();
    await this.flush();
  }

  #isFull(): boolean {
    return this.#backlogBytes >= this.#options.maxBacklogBytes;
  }

  /** Resolves to true when records are stored or at the close, to false at `end`, which may be infinite. */
  #roomUntil(end: number): Promise<boolean> {
    let onRoom = (): void => {};
    const room = new Promise<true>((resolve) => (onRoom = () => resolve(true)));
    this.#onRoom.add(onRoom);
    return within(room, end - performance.now(), () => {
      this.#onRoom.delete(onRoom);
      return false;
    });
  }

  #tellOfRoom(): void {
    const waiting = [...this.#onRoom];
    this.#onRoom.clear();
    for (const onRoom of waiting) onRoom();
  }

  #enqueue(pending: Pending): void {
    this.#queue.push(pending);
    this.#queuedBytes += pending.bytes;
  }

  #schedule(): void {
    const { concurrency, maxBatchRecords, maxBatchBytes } = this.#options;
    if (this.#batchesUnderWay >= concurrency || this.#queue.length === 0) return;
    this.#starts.schedule(this.#queue.length >= maxBatchRecords || this.#queuedBytes >= maxBatchBytes);
  }

  #takeBatch(): Pending[] {
    const { maxBatchRecords, maxBatchBytes } = this.#options;
    let bytes = 0;
    let count = 0;
    for (const pending of this.#queue) {
      bytes += pending.bytes;
      if (count > 0 && (count >= maxBatchRecords || bytes > maxBatchBytes)) break;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    for (const pending of batch) this.#queuedBytes -= pending.bytes;
    return batch;
  }

  /** Never rejects. */
  async #writeBatch(batch: readonly Pending[]): Promise<void> {
    this.#batchesUnderWay++;
    try {
      await this.#writeUntilTaken(batch);
    } finally {
      this.#batchesUnderWay--;
      this.#schedule();
    }
  }

  async #writeUntilTaken(batch: readonly Pending[]): Promise<void> {
    const { retryDelayMs, maxRetryDelayMs, observer } = this.#options;
    const { signal } = this.#end;
    const pause = backOff(retryDelayMs, maxRetryDelayMs);
    let refused: ReadonlyMap<string, WriteRefusal>;
    try {
      refused = await retry(() => this.#putAll(batch), {
        isFinal: (error) => !isWorthAnotherTry(error),
        onFailure: (error) => {
          observer?.failed();
          this.#reportAway(error);
        },
        // A batch that starts after the end has only one attempt.
        delayMs: (failures) => (signal.aborted ? undefined : pause(failures)),
        signal: signal.aborted ? undefined : signal,
      });
    } catch (error) {
      if (error === signal.reason || isWorthAnotherTry(error)) return this.#lose(batch, new StoreError(CLOSED));
      observer?.failed();
      return this.#findRefused(batch, error);
    }
    this.#settle(batch, refused);
  }

  async #putAll(batch: readonly Pending[]): Promise<ReadonlyMap<string, WriteRefusal>> {
    const begin = performance.now();
    const documents = batch.map(({ record, updated }) => activationDocument(record, updated));
    const { refused } = await this.#store.putMany(documents);
    const took = performance.now() - begin;
    if (refused.length === batch.length && batch.length > 1 && !refused.some(({ final }) => final)) {
      throw new StoreError(refused[0]?.reason);
    }
    this.#pace.took(took);
    if (refused.length < batch.length) this.#options.observer?.stored(batch.length - refused.length, took);
    return new Map(refused.map((refusal) => [refusal.id, refusal]));
  }

  /** Settles a batch of which the store accepted all or some records. */
  #settle(batch: readonly Pending[], refused: ReadonlyMap<string, WriteRefusal>): void {
    const refusalOf = ({ record }: Pending): WriteRefusal | undefined =>
      refused.get(idOf(record.namespace, record.activationId));
    const taken = refused.size === 0 ? batch : batch.filter((pending) => !refusalOf(pending));
    if (taken.length > 0) this.#taken(taken);
    if (refused.size === 0) return;
    this.#options.observer?.failed();
    for (const pending of batch) {
      const refusal = refusalOf(pending);
      if (!refusal) continue;
      if (refusal.final) this.#refused(pending, new RefusedByStoreError(refusal.reason));
      else this.#setAside(pending, refusal.reason, taken.length > 0);
    }
  }

  /**
   * Finds the faulty record of a batch that the store refused as a whole: halves the batch until the record is alone.
   */
  async #findRefused(batch: readonly Pending[], error: unknown): Promise<void> {
    const [pending, ...more] = batch;
    if (!pending) return;
    if (more.length === 0) return this.#refused(pending, error);
    const half = batch.length >> 1;
    await this.#writeUntilTaken(batch.slice(0, half));
    return this.#writeUntilTaken(batch.slice(half));
  }

  #refused(pending: Pending, error: unknown): void {
    const { record } = pending;
    if (record.logs.length === 0 || record.logs[0] === LOGS_LEFT_OUT) {
      this.#lose([pending], error instanceof Error ? error : new StoreError(String(error)));
      return;
    }
    // Logs are the largest part of a large record. Without them the record still has the result.
    this.#options.log.warn('the store refused a record: storing it without its logs', { error, ...idFields(record) });
    this.#enqueue({ ...pending, record: { ...record, logs: [LOGS_LEFT_OUT] } });
    this.#schedule();
  }

  /** Retries a record alone, in parallel to the others. */
  #setAside(pending: Pending, reason: string, othersTaken: boolean): void {
    const { log, maxRetryDelayMs, retryDelayMs } = this.#options;
    const error = new StoreError(reason);
    if (othersTaken)
      log.warn('the store accepted other records but not this one', { error, ...idFields(pending.record) });
    else this.#reportAway(error);
    if (pending.attemptsAside === 0) pending.storedBefore = this.#storedRecords;
    // While the store accepts no record at all, this record is not the cause.
    const othersStored = this.#storedRecords > pending.storedBefore;
    if (pending.attemptsAside >= MAX_ATTEMPTS_ASIDE && othersStored) {
      this.#refused(pending, new RefusedByStoreError(reason));
      return;
    }
    const delay = Math.min(retryDelayMs * 2 ** Math.min(pending.attemptsAside, 20), maxRetryDelayMs);
    pending.attemptsAside++;
    void this.#tryAside(pending, delay);
  }

  async #tryAside(pending: Pending, delayMs: number): Promise<void> {
    if (!(await this.#pause(delayMs))) return this.#lose([pending], new StoreError(CLOSED));
    return this.#writeUntilTaken([pending]);
  }

  #taken(batch: readonly Pending[]): void {
    if (this.#away) this.#options.log.info('activation records are stored again');
    this.#away = false;
    this.#storedRecords += batch.length;
    for (const { record } of batch) this.#waiting.delete(idOf(record.namespace, record.activationId));
    this.#release(batch);
    for (const pending of batch) pending.resolve();
  }

  #lose(batch: readonly Pending[], error: Error): void {
    for (const { record } of batch) {
      this.#options.log.error('lost an activation record', { error, ...idFields(record) });
      this.#waiting.delete(idOf(record.namespace, record.activationId));
    }
    this.#release(batch);
    for (const pending of batch) pending.reject(error);
  }

  #release(batch: readonly Pending[]): void {
    for (const { bytes } of batch) this.#backlogBytes -= bytes;
    this.#backlogRecords -= batch.length;
    this.#options.observer?.backlog(this.#backlogRecords, this.#backlogBytes);
    if (!this.#isFull()) this.#tellOfRoom();
    for (const onWritten of this.#onWritten) onWritten();
    if (this.#backlogRecords === 0) for (const onIdle of this.#onIdle.splice(0)) onIdle();
  }

  #reportAway(error: unknown): void {
    this.#options.observer?.backlog(this.#backlogRecords, this.#backlogBytes);
    if (this.#away) return;
    this.#away = true;
    this.#options.log.warn('activation records wait: the store does not accept them', { error });
  }

  /** Waits before a retry. Resolves to false if the writer ends. */
  async #pause(ms: number): Promise<boolean> {
    const { signal } = this.#end;
    await sleep(ms, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  }
}

/**
 * Whether a retry may help. An error of this program, such as a TypeError, would repeat and must not block other
 * records.
 */
function isWorthAnotherTry(error: unknown): boolean {
  return error instanceof StoreError && !(error instanceof RefusedByStoreError);
}

/** The line that replaces refused logs. */
const LOGS_LEFT_OUT = 'The logs were omitted: with them the activation record was too large for the store.';

const idOf = (namespace: string, activationId: string): string => `${namespace}/${activationId}`;

const idFields = ({ namespace, activationId }: ActivationRecord): object => ({ namespace, activationId });

/** The estimated size of a record's JSON in bytes. */
function roughSize({ response, logs }: ActivationRecord): number {
  let size = 1000 + (response.size ?? 0);
  for (const line of logs) size += line.length;
  return size;
}
