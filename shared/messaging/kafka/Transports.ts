import type { Failure, Outgoing, Transport } from './library.js';

/**
 * The connected producers of one `KafkaProducer`: the current one for new requests, and old ones until they are done.
 */
export class Transports {
  readonly #open: () => Promise<Transport>;
  /** The number of topics that still use each transport. */
  readonly #users = new Map<Transport, number>();
  #current: Transport;
  #renewing: Promise<Transport> | undefined;

  /** @param open makes one attempt to connect a new transport. */
  constructor(first: Transport, open: () => Promise<Transport>) {
    this.#current = first;
    this.#open = open;
  }

  /** The current transport. The caller must `release` it. */
  acquire(): Transport {
    const transport = this.#current;
    this.#users.set(transport, (this.#users.get(transport) ?? 0) + 1);
    return transport;
  }

  release(transport: Transport): void {
    const users = (this.#users.get(transport) ?? 1) - 1;
    if (users > 0) this.#users.set(transport, users);
    else {
      this.#users.delete(transport);
      if (transport !== this.#current) void transport.close().catch(() => undefined);
    }
  }

  /** Replaces `old` by a new transport, unless it is already replaced. @throws if it cannot connect. */
  async renew(old: Transport): Promise<void> {
    if (this.#current !== old) return;
    this.#renewing ??= this.#open().finally(() => (this.#renewing = undefined));
    const fresh = await this.#renewing;
    if (this.#current !== old) return;
    this.#current = fresh;
    if (!this.#users.has(old)) void old.close().catch(() => undefined);
  }

  async close(): Promise<void> {
    const former = [...this.#users.keys()].filter((transport) => transport !== this.#current);
    await Promise.all([this.#current, ...former].map((transport) => transport.close().catch(() => undefined)));
  }
}

/**
 * Sends the requests of one topic, one at a time, so that each message is written once.
 *
 * A broker recognizes a repeated request of an idempotent producer by its sequence number, without a look at its
 * content. A request without a response may have been written, so a retry sends the same messages through the same
 * transport with the same number. Other messages with that number would be lost as duplicates, so they use a new
 * transport.
 */
export class TopicSender {
  readonly #topic: string;
  readonly #transports: Transports;
  readonly #classify: (error: unknown) => Failure;
  /** A request with an unknown outcome. */
  #doubtful: Request | undefined;

  constructor(topic: string, transports: Transports, classify: (error: unknown) => Failure) {
    this.#topic = topic;
    this.#transports = transports;
    this.#classify = classify;
  }

  async send(messages: readonly Outgoing[]): Promise<void> {
    const former = this.#doubtful;
    if (former && (former.broken || !sameMessages(former.messages, messages))) {
      await this.#transports.renew(former.transport);
      this.#forget(former);
    }
    this.#doubtful ??= { messages, transport: this.#transports.acquire(), broken: false };
    const request = this.#doubtful;
    try {
      await request.transport.send(this.#topic, messages);
    } catch (error) {
      const failure = this.#classify(error);
      if (failure === 'tooLarge' || failure === 'refused') this.#forget(request);
      else if (failure === 'sequence') request.broken = true;
      throw error;
    }
    this.#forget(request);
  }

  #forget(request: Request): void {
    if (this.#doubtful !== request) return;
    this.#doubtful = undefined;
    this.#transports.release(request.transport);
  }
}

interface Request {
  readonly messages: readonly Outgoing[];
  readonly transport: Transport;
  /** Whether the broker no longer knows the transport's sequence numbers. */
  broken: boolean;
}

const sameMessages = (a: readonly Outgoing[], b: readonly Outgoing[]): boolean =>
  a.length === b.length && a.every((message, i) => message === b[i]);
