import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import type { Pacer } from '../../process/Pacer.js';
import { BusUnavailableError } from '../Messaging.js';
import type { Failure, Outgoing } from './library.js';

/*
 * The outgoing messages of one topic, in order.
 *
 *   empty    -> pending   a message with patience (`patienceMs`) is added
 *   empty, pending -> sending   a message without patience is added, a patience ends, or `idle` is called
 *   sending  -> retrying  the request fails; it is retried after a pause, without expired messages
 *   sending  -> sending   the next batch: all messages that were added meanwhile
 *   empty, pending, sending -> resting   in a rush, instead of `sending`
 *   resting  -> sending   the pacer's pause and the current turn of the event loop end
 *   sending  -> empty, pending   no message is due
 *
 * The first message is sent at once. Messages that arrive during a request, or before the time of the next request, are
 * sent together: a rush needs few requests, and fewer the busier the bus is. In a rush, so are the messages of all events
 * that one turn of the event loop handles, such as the results of several containers. A request with several due messages begins a
 * rush, and some requests with at most one end it: a single caller sends one message after the other, and a pause would
 * only delay its next call.
 *
 * Every message has a deadline, counted from `add`. It holds in the queue, in a request without a response, and between
 * two attempts.
 */
export interface OutboxParts {
  /** The size limit of a request: the topic's limit, since a broker checks a batch as a whole. */
  readonly maxBytes: number;
  /** Makes one attempt. A retried batch has the same messages in the same order, without expired ones. */
  readonly transmit: (messages: readonly Outgoing[]) => Promise<void>;
  readonly classify: (error: unknown) => Failure;
  /** Called after each failure that is retried. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
  /** The distance between requests in a rush; missing: the next one starts at the end of the last. */
  readonly pacer?: Pacer | undefined;
  /** In ms. */
  readonly retryMs?: number | undefined;
}

export interface Handover {
  /** The longest time in ms that the message may wait to share a request. */
  readonly patienceMs?: number | undefined;
  /** The time limit until Kafka has it; infinite: no limit. */
  readonly limitMs: number;
}

export class Outbox {
  readonly #parts: OutboxParts;
  #maxBytes: number;
  #queue: Submission[] = [];
  /** The messages of the current batch. */
  #batch: readonly Submission[] = [];
  #flushing: Promise<void> | undefined;
  /** The end of the shortest patience, if all waiting messages have patience. */
  #patience: { readonly until: number; readonly timer: NodeJS.Timeout } | undefined;
  /** Whether a message in the queue has no patience left. */
  #due = false;
  /** The number of next requests that still count as a rush, since one before them carried several due messages. */
  #rush = 0;
  /** The next look for expired messages; `at` by `performance.now()`. */
  #overdue: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  /** Called when messages of the current batch expire. */
  #onExpiry: (() => void) | undefined;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
    this.#maxBytes = parts.maxBytes;
  }

  /**
   * Adds a message. Resolves once it was transmitted.
   * @throws BusUnavailableError after its time limit; the error of `transmit` if a retry does not help.
   */
  add(message: Outgoing, { patienceMs = 0, limitMs }: Handover): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + limitMs;
      this.#queue.push({ message, deadline, patient: patienceMs > 0, settled: false, resolve, reject });
      if (deadline < (this.#overdue?.at ?? Number.POSITIVE_INFINITY)) this.#expireIn(limitMs);
      if (patienceMs === 0) this.#start();
      else if (!this.#due) this.#wait(patienceMs);
    });
  }

  /** Sends all waiting messages. Resolves when all are done. @param limitMs the limit, after which messages fail. */
  async idle(limitMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (limitMs !== Number.POSITIVE_INFINITY) {
      const latest = performance.now() + limitMs;
      for (const entry of [...this.#batch, ...this.#queue]) entry.deadline = Math.min(entry.deadline, latest);
      this.#expireIn(limitMs);
    }
    if (this.#queue.length > 0) this.#start();
    await this.#flushing;
    clearTimeout(this.#overdue?.timer);
    this.#overdue = undefined;
  }

  /** Lowers the size limit of requests. */
  shrink(maxBytes: number): void {
    this.#maxBytes = Math.min(this.#maxBytes, maxBytes);
  }

  #wait(patienceMs: number): void {
    const until = performance.now() + patienceMs;
    if (this.#patience && this.#patience.until <= until) return;
    clearTimeout(this.#patience?.timer);
    this.#patience = { until, timer: setTimeout(() => this.#start(), patienceMs) };
  }

  #start(): void {
    this.#due = true;
    clearTimeout(this.#patience?.timer);
    this.#patience = undefined;
    this.#flushing ??= this.#flush();
  }

  async #flush(): Promise<void> {
    const { pacer } = this.#parts;
    while (this.#due) {
      if (this.#rush > 0) await this.#rest();
      this.#batch = this.#takeBatch();
      if (this.#queue.length === 0) this.#due = false;
      if (this.#batch.length === 0) continue;
      this.#rush = dueMessages(this.#batch) > 1 ? RUSH_REQUESTS : Math.max(0, this.#rush - 1);
      const began = performance.now();
      pacer?.began(began);
      await this.#deliver(this.#batch);
      this.#batch = [];
      pacer?.took(performance.now() - began);
    }
    this.#flushing = undefined;
  }

  /** Waits for the pacer's pause, and then for the messages of all events that have already happened. */
  async #rest(): Promise<void> {
    const rest = this.#parts.pacer?.rest(performance.now()) ?? 0;
    if (rest > NEGLIGIBLE_MS) await sleep(rest);
    await turn();
  }

  /** Retries until every message of the batch succeeded or failed. */
  async #deliver(batch: readonly Submission[]): Promise<void> {
    for (;;) {
      const open = batch.filter(isOpen);
      if (open.length === 0) return;
      try {
        await this.#transmit(open);
        for (const entry of open) succeed(entry);
        return;
      } catch (error) {
        const failure = this.#parts.classify(error);
        if (failure === 'tooLarge' && open.length > 1) {
          // The broker's limit may be lower than the topic's setting. Halve the batch, so that messages that fit
          // succeed.
          const half = Math.ceil(open.length / 2);
          await this.#deliver(open.slice(0, half));
          await this.#deliver(open.slice(half));
          return;
        }
        if (failure !== 'transient' && failure !== 'sequence') {
          for (const entry of open) fail(entry, error);
          return;
        }
        for (const entry of open) entry.lastError = error;
        this.#parts.onFailure?.(error);
        if (open.some(isOpen)) await this.#pause(this.#parts.retryMs ?? RETRY_MS, open);
      }
    }
  }

  /** Sends a request. Abandons a request that hangs when all of its messages have expired. */
  async #transmit(open: readonly Submission[]): Promise<void> {
    const overdue = new Promise<never>((_, reject) => {
      this.#onExpiry = () => {
        if (!open.some(isOpen)) reject(new Error('the request was not answered'));
      };
    });
    try {
      await Promise.race([this.#parts.transmit(open.map(({ message }) => message)), overdue]);
    } finally {
      this.#onExpiry = undefined;
    }
  }

  /** Waits, but only while one of these messages is open. */
  async #pause(ms: number, open: readonly Submission[]): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
      this.#onExpiry = () => {
        if (!open.some(isOpen)) resolve();
      };
    });
    clearTimeout(timer);
    this.#onExpiry = undefined;
  }

  /** Sets one timer for the whole outbox instead of one for each message, since messages nearly always end in time. */
  #expireIn(ms: number): void {
    clearTimeout(this.#overdue?.timer);
    const timer = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(ms)));
    timer.unref();
    this.#overdue = { at: performance.now() + ms, timer };
  }

  #expire(): void {
    this.#overdue = undefined;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#batch, ...this.#queue]) {
      if (entry.settled) continue;
      if (entry.deadline > now) next = Math.min(next, entry.deadline);
      else {
        const cause = entry.lastError ?? new Error('the request was not answered');
        fail(entry, new BusUnavailableError('Kafka did not take a message in time', { cause }));
      }
    }
    if (this.#queue.some(({ settled }) => settled)) this.#queue = this.#queue.filter(isOpen);
    if (next !== Number.POSITIVE_INFINITY) this.#expireIn(next - now);
    this.#onExpiry?.();
  }

  #takeBatch(): Submission[] {
    let bytes = BATCH_OVERHEAD_BYTES;
    let count = 0;
    for (const { message } of this.#queue) {
      bytes += message.value.length + OVERHEAD_BYTES;
      if (count > 0 && bytes > this.#maxBytes) break;
      count++;
    }
    if (count === this.#queue.length) {
      const all = this.#queue;
      this.#queue = [];
      return all;
    }
    return this.#queue.splice(0, count);
  }
}

const dueMessages = (batch: readonly Submission[]): number =>
  batch.reduce((count, { patient }) => (patient ? count : count + 1), 0);

const isOpen = ({ settled }: Submission): boolean => !settled;

function succeed(entry: Submission): void {
  entry.settled = true;
  entry.resolve();
}

function fail(entry: Submission, error: unknown): void {
  if (entry.settled) return;
  entry.settled = true;
  entry.reject(error);
}

/** The number of requests with at most one due message that end a rush. */
const RUSH_REQUESTS = 3;

/** Timers have a resolution of 1 ms: skip shorter waits. */
const NEGLIGIBLE_MS = 0.5;

const RETRY_MS = 100;

/** The most overhead of a batch, and of each record in addition to its value. */
const BATCH_OVERHEAD_BYTES = 64;
const OVERHEAD_BYTES = 32;

interface Submission {
  readonly message: Outgoing;
  /** By `performance.now()`. */
  deadline: number;
  /** Whether it was added with patience: nobody waits for it. */
  readonly patient: boolean;
  settled: boolean;
  lastError?: unknown;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
