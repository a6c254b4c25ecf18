import { randomUUID } from 'node:crypto';
import type { Logger } from '../../shared/logging/Logger.js';
import type { Consumer, Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import type { ColorMessage } from '../../shared/messages/color.js';
import { retry } from '../../shared/process/retry.js';
import { within } from '../../shared/process/within.js';

export type ColorUpdate = Extract<ColorMessage, { kind: 'update' }>;

export interface SharingParts {
  readonly messaging: Messaging;
  readonly topic: Topic<ColorMessage>;
  readonly logger: Logger;
  readonly self: string;
  /** Called with each update in the topic's order, including this controller's own updates. */
  readonly onUpdate: (update: ColorUpdate, ageMs: number) => void;
  /** Whether an update still matches the state of its policy. */
  readonly holds: (update: ColorUpdate) => boolean;
  readonly now: () => number;
  /** The delays between attempts to join the topic, in ms; the last one is repeated. */
  readonly delaysMs?: readonly number[];
  /** The longest replay at the start, in ms. Later messages are applied as they arrive. */
  readonly replayMs?: number;
}

const REPLAY_MS = 10_000;
const DELAYS_MS = [1000, 2000, 5000, 10_000, 30_000];
/**
 * The most updates that wait for the topic. The oldest ones are dropped then: an update that is not shared costs a hit.
 */
const MAX_WAITING = 10_000;

/**
 * Shares the updates of policies with the other controllers
 * ==========================================================
 *
 *             start                 consuming, mark sent            own mark came back, or 10 s
 *    idle ───────────▶ joining ────────────────────▶ replaying ────────────────────────────────▶ sharing
 *                       ▲   │ failed                  │ failed
 *                       │   ▼                         ▼
 *                       └─ waiting ◀──────────────────┘              every state ── close ──▶ closed
 *
 * An update before the state `sharing` waits. It is sent afterwards if it still holds: the replay may have replaced a
 * home by an earlier one. An update that the bus refuses waits for the next update.
 */
export class ColorSharing {
  readonly #parts: SharingParts;
  readonly #closed = new AbortController();
  readonly #waiting = new Map<string, ColorUpdate>();
  #joined: Promise<void> | undefined;
  #producer: Producer | undefined;
  #consumer: Consumer | undefined;

  constructor(parts: SharingParts) {
    this.#parts = parts;
  }

  /**
   * Joins the topic and retries without end, since an installation also works without sharing. Resolves once all
   * earlier updates are applied, or after the first failure; retries then run in the background.
   */
  start(): Promise<void> {
    return (this.#joined ??= new Promise((resolve) => void this.#joinAtLast(resolve).then(resolve)));
  }

  get isSharing(): boolean {
    return this.#producer !== undefined;
  }

  /** Sends an update without waiting, or keeps it until this controller has joined. */
  tell(update: ColorUpdate): void {
    const key = this.#parts.topic.key?.(update) ?? update.key;
    if (!this.#producer) {
      this.#wait(key, update);
      return;
    }
    if (this.#waiting.size > 0) this.#flush(this.#producer);
    this.#send(this.#producer, key, update);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#joined;
    await this.#leave();
  }

  /** Joins the topic. Retries until `close`, since an outage of the bus has no limit. Never rejects. */
  async #joinAtLast(onFirstFailure: () => void): Promise<void> {
    const { delaysMs = DELAYS_MS, logger } = this.#parts;
    const { signal } = this.#closed;
    try {
      const join = async (failures: number): Promise<void> => {
        await this.#join(randomUUID());
        if (failures > 0) logger.info('shares color assignments with the other controllers again');
      };
      await retry(join, {
        delayMs: (failures) => delaysMs[Math.min(failures, delaysMs.length) - 1],
        onFailure: (error, failures) => {
          if (failures === 1) {
            logger.warn('could not share color assignments with the other controllers; retrying', { error });
            onFirstFailure();
          } else logger.debug('could not join the topic of color assignments', { error });
        },
        signal,
        ref: false,
      });
    } catch (error) {
      logger.debug('closed before it shared color assignments', { error });
    }
  }

  async #join(nonce: string): Promise<void> {
    const { messaging, topic, logger, self, now, replayMs = REPLAY_MS } = this.#parts;
    let producer: Producer | undefined;
    try {
      await messaging.ensureTopic(topic);
      producer = await messaging.producer();
      let caughtUp: () => void = () => undefined;
      const replayed = new Promise<void>((resolve) => (caughtUp = resolve));
      this.#consumer = await messaging.consume<ColorMessage>({
        topic,
        // Use a new group for each attempt, so that it reads from the beginning.
        group: `${topic.name}-${self}-${nonce}`,
        from: 'earliest',
        maxInFlight: 1000,
        handle: (message, { sentAt }) => {
          if (message.kind === 'update') this.#parts.onUpdate(message, Math.max(0, now() - sentAt));
          else if (message.nonce === nonce) caughtUp();
        },
      });
      await producer.send(topic, { kind: 'mark', controller: self, nonce });
      this.#closed.signal.addEventListener('abort', () => caughtUp(), { once: true });
      await within(replayed, replayMs, () => {
        logger.warn(`did not read all color assignments within ${replayMs} ms; the rest follows`);
      });
      this.#closed.signal.throwIfAborted();
      this.#producer = producer;
      this.#flush(producer);
    } catch (error) {
      await this.#leave();
      await producer?.close();
      throw error;
    }
  }

  async #leave(): Promise<void> {
    const [consumer, producer] = [this.#consumer, this.#producer];
    this.#consumer = this.#producer = undefined;
    await consumer?.close();
    await producer?.close();
  }

  #flush(producer: Producer): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [key, update] of waiting) if (this.#parts.holds(update)) this.#send(producer, key, update);
  }

  #send(producer: Producer, key: string, update: ColorUpdate): void {
    producer.send(this.#parts.topic, update).catch((error: unknown) => {
      this.#parts.logger.debug('could not share a color assignment', { error });
      if (!this.#waiting.has(key)) this.#wait(key, update);
    });
  }

  #wait(key: string, update: ColorUpdate): void {
    this.#waiting.delete(key);
    this.#waiting.set(key, update);
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
  }
}
