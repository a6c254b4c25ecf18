import type {
  Admin,
  Failure,
  Fetched,
  Fetcher,
  KafkaLibrary,
  Outgoing,
  PartitionOffset,
  Place,
  Sink,
  Subscription,
  TopicFacts,
  Transport,
} from '../../../../../shared/messaging/kafka/library.js';

/** An error whose meaning is its message. */
export class FakeError extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure);
    this.failure = failure;
  }
}

export const classify = (error: unknown): Failure => (error instanceof FakeError ? error.failure : 'other');

/** A broker in memory, with one partition for each topic, that fails as the test says. */
export class FakeKafka implements KafkaLibrary {
  readonly topics = new Map<string, { messages: Fetched[]; facts: TopicFacts }>();
  /** By group. */
  readonly committed = new Map<string, number>();
  readonly members: FakeFetcher[] = [];
  readonly transports: FakeTransport[] = [];
  /** How often each part was asked for. */
  readonly calls: string[] = [];
  /** What the next call of a part does instead of its work; kept until it is deleted. */
  readonly faults = new Map<
    'admin' | 'createTopic' | 'places' | 'join' | 'commit' | 'transport' | 'send',
    () => void
  >();
  /** Holds up each commit that begins while it is set. */
  heldCommit: Promise<void> | undefined;
  facts: TopicFacts = { replicas: 3, minInsyncReplicas: 2, maxMessageBytes: 1_048_588 };
  classify = classify;

  admin(): Promise<Admin> {
    return this.#call('admin', () => ({
      createTopic: (name) =>
        this.#call('createTopic', () => {
          if (this.topics.has(name)) return false;
          this.topics.set(name, { messages: [], facts: this.facts });
          return true;
        }),
      describeTopic: (name) => Promise.resolve(this.topics.get(name)?.facts),
      places: (topic, group) => this.#call('places', () => this.places(topic, group)),
      close: () => Promise.resolve(),
    }));
  }

  transport(): Promise<Transport> {
    return this.#call('transport', () => {
      const transport = new FakeTransport((topic, messages) =>
        this.#call('send', () =>
          this.append(
            topic,
            messages.map(({ value }) => value.toString()),
          ),
        ),
      );
      this.transports.push(transport);
      return transport;
    });
  }

  fetcher(subscription: Subscription, sink: Sink): FakeFetcher {
    const fetcher = new FakeFetcher(this, subscription, sink);
    this.members.push(fetcher);
    return fetcher;
  }

  append(topic: string, values: readonly string[]): void {
    const log = this.topics.get(topic) ?? { messages: [], facts: this.facts };
    this.topics.set(topic, log);
    for (const value of values) {
      log.messages.push({ partition: 0, offset: log.messages.length, value: Buffer.from(value), timestamp: 1 });
    }
  }

  places(topic: string, group: string): Place[] {
    const end = this.topics.get(topic)?.messages.length ?? 0;
    return [{ partition: 0, committed: this.committed.get(group), end }];
  }

  fault(part: Parameters<typeof this.faults.get>[0]): void {
    this.calls.push(part);
    this.faults.get(part)?.();
  }

  #call<R>(part: Parameters<typeof this.faults.get>[0], work: () => R): Promise<R> {
    try {
      this.fault(part);
      return Promise.resolve(work());
    } catch (error) {
      return Promise.reject(error);
    }
  }
}

export class FakeTransport implements Transport {
  closed = false;
  /** Every request, with what came of it left to `work`. */
  readonly requests: (readonly Outgoing[])[] = [];

  readonly #work: (topic: string, messages: readonly Outgoing[]) => Promise<void>;

  constructor(work: (topic: string, messages: readonly Outgoing[]) => Promise<void>) {
    this.#work = work;
  }

  send(topic: string, messages: readonly Outgoing[]): Promise<void> {
    this.requests.push(messages);
    return this.#work(topic, messages);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

/** A membership that fetches when the test says so. */
export class FakeFetcher implements Fetcher {
  state: 'new' | 'joined' | 'paused' | 'closed' = 'new';
  /** Resolves a join that the test holds up. */
  finishJoin: (() => void) | undefined;
  holdJoin = false;
  /** Whether it was closed for another membership. */
  rejoins: boolean | undefined;
  #next = 0;

  readonly subscription: Subscription;
  readonly sink: Sink;
  readonly #kafka: FakeKafka;

  constructor(kafka: FakeKafka, subscription: Subscription, sink: Sink) {
    this.#kafka = kafka;
    this.subscription = subscription;
    this.sink = sink;
  }

  get keepsPlace(): boolean {
    return this.rejoins === true;
  }

  async join(places: readonly Place[]): Promise<void> {
    this.#kafka.fault('join');
    if (this.#kafka.members.some(({ holdJoin }) => holdJoin)) {
      await new Promise<void>((resolve) => (this.finishJoin = resolve));
    }
    const [place] = places;
    this.#next = place?.committed ?? (this.subscription.from === 'latest' ? (place?.end ?? 0) : 0);
    this.state = 'joined';
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    this.#kafka.fault('commit');
    await this.#kafka.heldCommit;
    const [first] = offsets;
    if (first) this.#kafka.committed.set(this.subscription.group, first.offset);
    await Promise.resolve();
  }

  pause(): void {
    if (this.state === 'joined') this.state = 'paused';
  }

  close(rejoins = false): Promise<void> {
    this.state = 'closed';
    this.rejoins = rejoins;
    return Promise.resolve();
  }

  /** Hands over all that the topic has, as far as there is room. Resolves to how many. */
  async fetch(keepAlive?: () => Promise<void>): Promise<number> {
    let handed = 0;
    const messages = this.#kafka.topics.get(this.subscription.topic)?.messages ?? [];
    for (; this.#next < messages.length; handed++) {
      if (!(await this.sink.room(keepAlive))) break;
      const message = messages[this.#next++];
      if (message) this.sink.hand(message);
    }
    return handed;
  }
}
