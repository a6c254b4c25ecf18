import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../shared/logging/Logger.js';
import type { Consumer, Messaging, Producer, Topic } from '../../shared/messaging/Messaging.js';
import type { ColorMessage } from '../../shared/messages/color.js';

export type ColorUpdate = Extract<ColorMessage, { kind: 'update' }>;

export interface SharingParts {
  readonly messaging: Messaging;
  readonly topic: Topic<ColorMessage>;
  readonly logger: Logger;
  readonly self: string;
  /** An update, in the topic's order; this controller's own ones too. */
  readonly onUpdate: (update: ColorUpdate, ageMs: number) => void;
  /** Whether an update still says what its policy knows. */
  readonly holds: (update: ColorUpdate) => boolean;
  readonly now: () => number;
  /** The delays between attempts to join the topic, in ms; the last one is repeated. */
  readonly delaysMs?: readonly number[];
}

/** The replay at the start takes no longer than this; what comes later is taken over as it comes. */
const REPLAY_MS = 10_000;
const DELAYS_MS = [1000, 2000, 5000, 10_000, 30_000];
/** Updates that wait for the topic. Beyond that the oldest are dropped: a color that is not shared costs a hit. */
const MAX_WAITING = 10_000;

/**
 * Tells the other controllers of a policy's updates, and hears of theirs
 * =======================================================================
 *
 *             start                 consuming, mark sent            own mark came back, or 10 s
 *    idle ───────────▶ joining ────────────────────▶ replaying ────────────────────────────────▶ sharing
 *                       ▲   │ failed                  │ failed
 *                       │   ▼                         ▼
 *                       └─ waiting ◀──────────────────┘              every state ── close ──▶ closed
 *
 * What is told before `sharing` waits, and is sent then if it still holds: a home that was given in ignorance of an earlier one
 * has given way to it. An update that the bus refuses waits too, for the next one.
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
   * Joins the topic, however often that fails. Resolves once everything that was told before was taken over, or after the first
   * failure: then the rest goes on by itself.
   */
  start(): Promise<void> {
    return (this.#joined ??= this.#join(randomUUID()).catch((error: unknown) => {
      if (this.#closed.signal.aborted) return;
      this.#parts.logger.warn('color assignments are not shared with the other controllers; trying again', { error });
      void this.#retry();
    }));
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

  async #retry(): Promise<void> {
    const delays = this.#parts.delaysMs ?? DELAYS_MS;
    for (let attempt = 0; !this.#closed.signal.aborted; attempt++) {
      try {
        await sleep(delays[Math.min(attempt, delays.length - 1)], undefined, {
          signal: this.#closed.signal,
          ref: false,
        });
        await this.#join(randomUUID());
        this.#parts.logger.info('color assignments are shared with the other controllers again');
        return;
      } catch (error) {
        this.#parts.logger.debug('could not join the topic of color assignments', { error });
      }
    }
  }

  async #join(nonce: string): Promise<void> {
    const { messaging, topic, logger, self, now } = this.#parts;
    let producer: Producer | undefined;
    try {
      await messaging.ensureTopic(topic);
      producer = await messaging.producer();
      let caughtUp: () => void = () => undefined;
      const replayed = new Promise<void>((resolve) => (caughtUp = resolve));
      this.#consumer = await messaging.consume<ColorMessage>({
        topic,
        // A group of its own for each attempt: it has read nothing, so it reads from the beginning.
        group: `${topic.name}-${self}-${nonce}`,
        from: 'earliest',
        maxInFlight: 1000,
        handle: (message, { sentAt }) => {
          if (message.kind === 'update') this.#parts.onUpdate(message, Math.max(0, now() - sentAt));
          else if (message.nonce === nonce) caughtUp();
        },
      });
      await producer.send(topic, { kind: 'mark', controller: self, nonce });
      const deadline = setTimeout(() => {
        logger.warn(`went on after ${REPLAY_MS} ms without all color assignments; the rest follows`);
        caughtUp();
      }, REPLAY_MS);
      this.#closed.signal.addEventListener('abort', () => caughtUp(), { once: true });
      await replayed;
      clearTimeout(deadline);
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
