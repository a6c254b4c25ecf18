import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { TransactionId } from '../../shared/entities/transaction.js';
import type { Logger } from '../../shared/logging/Logger.js';
import {
  combinedMessage,
  completionMessage,
  resultMessage,
  shrink,
  type Acknowledgement,
} from '../../shared/messages/acknowledgement.js';
import type { ActivationMessage } from '../../shared/messages/activation.js';
import type { InvokerInstance } from '../../shared/messages/instances.js';
import { BusFullError, MessageTooLargeError, type Producer, type Topic } from '../../shared/messaging/Messaging.js';
import type { Topics } from '../../shared/messaging/topics.js';
import type { UserEvents } from '../../shared/events/UserEvents.js';
import { isStored, type StoreLevels } from './storing.js';

/**
 * The longest delay in ms before a free slot is reported, to save a message on the bus. It is longer than a warm call takes:
 * otherwise the request with the completion would go just before a single caller's next result, which would wait for it.
 */
const COMPLETION_PATIENCE_MS = 15;

/** Stores the records of activations. */
export interface ActivationRecorder {
  /** Resolves once the record is durable. */
  record(record: ActivationRecord, context: { readonly transid: TransactionId }): Promise<void> | void;
  /** Resolves when there is room for more records, without a time limit; undefined: there is room. */
  room?(): Promise<void> | undefined;
}

/** Keeps the records of activations whose callers get the result before the record is stored. */
export interface AnsweredRecords {
  /** Resolves once the record outlives this process. The next one stores it unless another record is stored first. */
  answered(record: ActivationRecord): Promise<void>;
  /** The record is stored. */
  completed(activationId: string): void;
}

export interface ReporterParts {
  readonly instance: InvokerInstance;
  readonly producer: Producer;
  readonly topics: Topics;
  readonly recorder: ActivationRecorder;
  /** Keeps the record before the caller gets the result. Missing: the record is stored later. */
  readonly answers?: AnsweredRecords | undefined;
  readonly events: UserEvents;
  readonly storeLevels: StoreLevels;
  readonly log: Logger;
}

/**
 * Reports ended activations to the controller and the store: first the result, if a caller waits for it, then the
 * completion after the logs are read, or both in one message; then the record.
 */
export class Reporter {
  readonly #parts: ReporterParts;
  readonly #completed = new Map<string, Topic<Acknowledgement>>();
  /** Activations that could not be acknowledged or stored, until `wasReported` is called. */
  readonly #unreported = new Set<string>();

  constructor(parts: ReporterParts) {
    this.#parts = parts;
  }

  /**
   * Reports an activation without waiting for logs. Resolves once it is acknowledged and stored; never rejects.
   * @param combined sends the combined acknowledgement even if no caller waits, as OpenWhisk does if an activation
   * cannot start.
   */
  async report(message: ActivationMessage, record: ActivationRecord, combined = false): Promise<void> {
    const kept = message.blocking && (await this.#keepAnswered(message, record));
    await this.#reportWhole(message, record, combined, kept);
  }

  /** Sends one acknowledgement, and stores the record. @param kept whether the record was kept for the answer */
  async #reportWhole(
    message: ActivationMessage,
    record: ActivationRecord,
    combined: boolean,
    kept: boolean,
  ): Promise<void> {
    const { instance } = this.#parts;
    const { transid, blocking } = message;
    const whole = blocking || combined;
    const ack = whole ? combinedMessage(transid, record, instance) : completionMessage(transid, record, instance);
    const sent = this.#send(message, blocking ? ack : shrink(ack));
    this.#parts.events.activation(record, message.user.namespace.uuid);
    // Neither rejects.
    const stored = this.#store(message, record);
    await sent;
    await stored;
    if (kept) this.#parts.answers?.completed(message.activationId);
  }

  /** Reports an activation whose logs are being read. Resolves once it is acknowledged and stored; never rejects. */
  async reportWithLogs(message: ActivationMessage, record: ActivationRecord, logs: Promise<string[]>): Promise<void> {
    const { transid, blocking } = message;
    // Logs usually follow the response at once. Then one message is enough, and costs half as much.
    const atHand = blocking ? await withinTurn(logs) : undefined;
    if (atHand) {
      await this.report(message, withLogs(record, atHand));
      return;
    }
    let late: string[] | undefined;
    void logs.then((lines) => (late = lines));
    const kept = blocking && (await this.#keepAnswered(message, record));
    // They may have come while the record was kept.
    if (blocking && late) return this.#reportWhole(message, withLogs(record, late), false, kept);
    const result = blocking ? this.#send(message, resultMessage(transid, record)) : undefined;
    const whole = withLogs(record, await logs);
    // An outage of the bus does not delay the record. The completion waits for the result's message.
    const stored = this.#store(message, whole);
    await result;
    // After the result no caller waits for the completion: it may be sent with the next result.
    const patienceMs = blocking ? COMPLETION_PATIENCE_MS : 0;
    const completion = this.#send(message, completionMessage(transid, whole, this.#parts.instance), patienceMs);
    this.#parts.events.activation(whole, message.user.namespace.uuid);
    await Promise.all([completion, stored]);
    if (kept) this.#parts.answers?.completed(message.activationId);
  }

  /** Acknowledges an activation without a record, so that no caller waits for it. */
  async acknowledgeOnly(message: ActivationMessage, record: ActivationRecord): Promise<void> {
    const ack = combinedMessage(message.transid, record, this.#parts.instance);
    this.#parts.events.activation(record, message.user.namespace.uuid);
    await this.#send(message, shrink(ack));
  }

  /** Reports an activation of an earlier run of this invoker. It does not count against this invoker's health. */
  async reportLeftBehind(message: ActivationMessage, record: ActivationRecord): Promise<void> {
    const { instance, events } = this.#parts;
    const ack = { ...combinedMessage(message.transid, record, instance), isSystemError: false };
    const sent = this.#send(message, message.blocking ? ack : shrink(ack));
    events.activation(record, message.user.namespace.uuid);
    await Promise.all([sent, this.#store(message, record)]);
  }

  /** Whether an ended activation was acknowledged and stored. To be called once. */
  wasReported(activationId: string): boolean {
    return !this.#unreported.delete(activationId);
  }

  /** Acknowledges an activation again that was reported or recorded before. */
  async acknowledge(message: ActivationMessage, record: ActivationRecord): Promise<void> {
    const { transid, blocking } = message;
    const { instance } = this.#parts;
    const ack = blocking ? combinedMessage(transid, record, instance) : completionMessage(transid, record, instance);
    await this.#send(message, ack);
  }

  async #send(message: ActivationMessage, ack: Acknowledgement, patienceMs = 0): Promise<void> {
    const { producer, log } = this.#parts;
    const topic = this.#topic(message.rootControllerIndex.asString);
    try {
      try {
        await producer.send(topic, ack, { patienceMs, lasting: true });
      } catch (error) {
        // Without the result, which is in the store, the message fits, even if many messages wait during an outage of
        // the bus.
        if (!(error instanceof MessageTooLargeError || error instanceof BusFullError)) throw error;
        await producer.send(topic, shrink(ack), { lasting: true });
      }
      if (log.debugEnabled) {
        log.debug(`posted ${ack.kind} of activation ${message.activationId}`, { transid: message.transid });
      }
    } catch (error) {
      log.error(`could not acknowledge activation ${message.activationId}`, { transid: message.transid, error });
      this.#unreported.add(message.activationId);
    }
  }

  #topic(controller: string): Topic<Acknowledgement> {
    let topic = this.#completed.get(controller);
    if (!topic) this.#completed.set(controller, (topic = this.#parts.topics.completed(controller)));
    return topic;
  }

  /** Whether the record was kept. The caller of a component is this server, so its record may be stored later. */
  async #keepAnswered(message: ActivationMessage, record: ActivationRecord): Promise<boolean> {
    const { answers, storeLevels, log } = this.#parts;
    if (!answers || message.cause !== undefined || !isStored(message, record.response, storeLevels)) return false;
    try {
      await answers.answered(record);
      return true;
    } catch (error) {
      log.warn(`could not keep the result of activation ${message.activationId}`, { transid: message.transid, error });
      return false;
    }
  }

  async #store(message: ActivationMessage, record: ActivationRecord): Promise<void> {
    const { recorder, storeLevels, log } = this.#parts;
    if (!isStored(message, record.response, storeLevels)) return;
    try {
      await recorder.record(record, { transid: message.transid });
    } catch (error) {
      log.error(`could not store activation ${message.activationId}`, { transid: message.transid, error });
      this.#unreported.add(message.activationId);
    }
  }
}

/** The lines if they are there in this turn of the event loop; otherwise undefined. */
function withinTurn(logs: Promise<string[]>): Promise<string[] | undefined> {
  return new Promise((resolve, reject) => {
    let over = false;
    const turn = setImmediate(() => {
      over = true;
      resolve(undefined);
    });
    logs.then((lines) => {
      if (over) return;
      clearImmediate(turn);
      resolve(lines);
    }, reject);
  });
}

const withLogs = (record: ActivationRecord, lines: string[]): ActivationRecord =>
  lines.length === 0 ? record : { ...record, logs: lines };
