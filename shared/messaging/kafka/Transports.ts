import type { Failure, Outgoing, Transport } from './library.js';

/** The connected producers of one `KafkaProducer`: the one that new requests use, and former ones until they are done. */
export class Transports {
  readonly #open: () => Promise<Transport>;
  /** Former ones that a doubtful request still needs, and by how many topics. */
  readonly #users = new Map<Transport, number>();
  #current: Transport;
  #renewing: Promise<Transport> | undefined;

  /** @param open makes one try to connect another. */
  constructor(first: Transport, open: () => Promise<Transport>) {
    this.#current = first;
    this.#open = open;
  }

  /** The one to use now. `release` it. */
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

  /** Puts another one in the place of `old`, unless that has been done already. @throws where it cannot connect. */
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
 * Sends the requests of one topic, one at a time, so that each is written once.
 *
 * A broker recognizes a request that an idempotent producer sends again by its number, and does not look into it. A request
 * without an answer may have been written: so the same messages go again through the same transport, with the same number.
 * Other messages under that number would be taken for those that were written, and lost. They go through a new transport.
 */
export class TopicSender {
  readonly #topic: string;
  readonly #transports: Transports;
  readonly #classify: (error: unknown) => Failure;
  /** A request whose outcome is not known. */
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
  /** The broker does not know the transport's numbers any more. */
  broken: boolean;
}

const sameMessages = (a: readonly Outgoing[], b: readonly Outgoing[]): boolean =>
  a.length === b.length && a.every((message, i) => message === b[i]);
