/** A message as it goes to Kafka. */
export interface Outgoing {
  readonly key: string | null;
  readonly value: Buffer;
}

/**
 * The messages of one topic on their way out, in order: the first goes at once, those that come while a request is
 * under way go together with the next. So nothing waits for company, and a rush costs few requests.
 */
export class Outbox {
  readonly #transmit: (messages: Outgoing[]) => Promise<void>;
  readonly #maxBytes: number;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;

  /** @param maxBytes of one request: what the topic takes, since a broker judges a batch as a whole. */
  constructor(maxBytes: number, transmit: (messages: Outgoing[]) => Promise<void>) {
    this.#maxBytes = maxBytes;
    this.#transmit = transmit;
  }

  /** Resolves once the message was transmitted. */
  add(message: Outgoing): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject });
      this.#flushing ??= this.#flush();
    });
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#flushing ?? Promise.resolve();
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#transmit(batch.map(({ message }) => message));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#flushing = undefined;
  }

  #takeBatch(): Waiting[] {
    let bytes = BATCH_OVERHEAD_BYTES;
    let count = 0;
    for (const { message } of this.#waiting) {
      bytes += message.value.length + OVERHEAD_BYTES;
      if (count > 0 && bytes > this.#maxBytes) break;
      count++;
    }
    if (count === this.#waiting.length) {
      const all = this.#waiting;
      this.#waiting = [];
      return all;
    }
    return this.#waiting.splice(0, count);
  }
}

/** What a batch takes at most for itself, and for each record besides its value. */
const BATCH_OVERHEAD_BYTES = 64;
const OVERHEAD_BYTES = 32;

interface Waiting {
  readonly message: Outgoing;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
