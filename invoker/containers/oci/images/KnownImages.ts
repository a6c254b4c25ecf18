import type Docker from 'dockerode';
import type { Logger } from '../../../../shared/logging/Logger.js';
import type { RetryOptions } from '../../../../shared/process/retry.js';
import { ReadThroughCache } from '../../../../shared/store/ReadThroughCache.js';
import { EventStream } from '../../docker/EventStream.js';

/*
 * The answers of an engine about images. They are kept while the engine reports changes:
 *
 *   asking -> kept       the engine's events are received: an answer is good until the next event about an image, and at
 *                        most for KEPT_MS
 *   kept   -> asking     an event about any image, or the events are not received any more
 */

/** The longest time for which an answer is good, in ms. It counts if the engine loses an event. */
const KEPT_MS = 60_000;
const MAX_IMAGES = 500;

export interface KnownImagesParts {
  readonly docker: Docker;
  readonly log: Logger;
  /** Milliseconds, monotonic. */
  readonly now?: (() => number) | undefined;
  /** For tests. */
  readonly sleep?: RetryOptions['sleep'];
}

/** Remembers which image an engine has for a reference. @typeParam T what is remembered of an image. */
export class KnownImages<T extends object> {
  readonly #events: EventStream;
  readonly #now: () => number;
  #answers: ReadThroughCache<T>;

  constructor({ docker, log, now = () => performance.now(), sleep }: KnownImagesParts) {
    this.#now = now;
    this.#answers = this.#none();
    const forget = (): void => {
      this.#answers = this.#none();
    };
    this.#events = new EventStream({
      docker,
      log,
      filters: { type: ['image'] },
      sleep,
      onEvent: forget,
      onChange: forget,
    });
  }

  /** Begins to listen for changes. Answers before that are not kept. */
  open(): void {
    this.#events.open();
  }

  /** Whether answers are kept now. */
  get keeps(): boolean {
    return this.#events.listening;
  }

  /**
   * The kept answer, or else the result of `ask`.
   * @param changed whether the image was just pulled, so that no earlier answer counts.
   * @throws the error of `ask`
   */
  async get(reference: string, ask: () => Promise<T>, changed: boolean): Promise<T> {
    this.open();
    if (!this.keeps) return ask();
    const answers = this.#answers;
    return (await (changed ? answers.reload(reference, ask) : answers.getFresh(reference, ask))) ?? ask();
  }

  close(): void {
    this.#events.close();
  }

  #none(): ReadThroughCache<T> {
    return new ReadThroughCache<T>({ maxWeight: MAX_IMAGES, weigh: () => 1, maxAgeMs: KEPT_MS, now: this.#now });
  }
}
