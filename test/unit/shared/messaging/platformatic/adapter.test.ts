import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import * as real from '@platformatic/kafka';
import type { BaseOptions } from '@platformatic/kafka';
import { chain } from '../../../../../shared/messaging/kafka/causes.js';
import { platformaticAdmin } from '../../../../../shared/messaging/platformatic/admin.js';
import { classify } from '../../../../../shared/messaging/platformatic/errors.js';
import { expectTopics, type Library } from '../../../../../shared/messaging/platformatic/library.js';
import { platformaticLibrary } from '../../../../../shared/messaging/platformatic/platformatic.js';
import { PlatformaticFetcher } from '../../../../../shared/messaging/platformatic/PlatformaticFetcher.js';
import { platformaticTransport } from '../../../../../shared/messaging/platformatic/transport.js';
import { RecordingSink } from '../kafka/RecordingSink.js';

const OPTIONS = { brokers: ['127.0.0.1:1'], clientId: 'c' };
const BASE: BaseOptions = { clientId: 'c', bootstrapBrokers: ['127.0.0.1:1'] };
const kGetConnection = Symbol('the method of the library’s clients that connects to a broker');
const withId = (apiId: string): Error => Object.assign(new Error(apiId), { apiId });

interface Item {
  partition: number;
  offset: bigint;
  value: Buffer;
  timestamp: bigint;
}
const item = (offset: bigint): Item => ({ partition: 0, offset, value: Buffer.from(`m${offset}`), timestamp: 5n });

/** A stream that gives these, and then what the test says. */
function streamOf(items: Item[], end: Promise<void> = new Promise(() => undefined)) {
  return {
    paused: false,
    pause() {
      this.paused = true;
    },
    async *[Symbol.asyncIterator]() {
      yield* items;
      await end;
    },
  };
}

describe('the fetcher of platformatic', () => {
  function setup(stream: ReturnType<typeof streamOf>, from: 'earliest' | 'latest' = 'earliest', memberName?: string) {
    const made: Record<string, unknown>[] = [];
    const consumed: Record<string, unknown>[] = [];
    const committed: unknown[] = [];
    const listeners = new Map<string, (value?: unknown) => void>();
    let closes = 0;
    class Consumer {
      constructor(options: Record<string, unknown>) {
        made.push(options);
      }
      on(event: string, listener: (value?: unknown) => void): void {
        listeners.set(event, listener);
      }
      consume(options: Record<string, unknown>): Promise<unknown> {
        consumed.push(options);
        return Promise.resolve(stream);
      }
      commit(options: unknown): Promise<void> {
        return Promise.resolve(void committed.push(options));
      }
      metadata(): void {}
      fetch(): void {}
      close(_force: boolean, done: () => void): void {
        closes++;
        done();
      }
    }
    const sink = new RecordingSink();
    const library = { Consumer, kGetConnection } as unknown as Library;
    const fetcher = new PlatformaticFetcher(
      library,
      BASE,
      { ...OPTIONS, memberName },
      { topic: 't', group: 'g', member: 'm', from },
      sink,
    );
    return { fetcher, sink, made, consumed, committed, listeners, closes: () => closes };
  }

  const places = [{ partition: 0, committed: undefined, end: 7 }];

  it('joins under a name of its own, hands over, commits, pauses and leaves', async () => {
    const stream = streamOf([item(1n), item(2n)]);
    const { fetcher, sink, made, consumed, committed, listeners, closes } = setup(stream, 'earliest', 'one');
    await fetcher.join(places);
    assert.equal(made[0]?.['groupInstanceId'], 'one-g');
    assert.equal(consumed[0]?.['mode'], 'committed');
    await turn();
    assert.deepEqual(sink.messages[1], { partition: 0, offset: 2, value: Buffer.from('m2'), timestamp: 5 });
    listeners.get('consumer:heartbeat:end')?.();
    assert.deepEqual(sink.told, ['alive']);
    await fetcher.commit([{ partition: 0, offset: 3 }]);
    assert.deepEqual(committed, [{ offsets: [{ topic: 't', partition: 0, offset: 3n, leaderEpoch: -1 }] }]);
    fetcher.pause();
    assert.equal(stream.paused, true);
    await fetcher.close();
    assert.equal(closes(), 1);
  });

  it('goes to the end of the topic if a new group asks for the latest', async () => {
    const { fetcher, consumed } = setup(streamOf([]), 'latest');
    await fetcher.join(places);
    assert.deepEqual(consumed[0]?.['offsets'], [{ topic: 't', partition: 0, offset: 7n }]);
  });

  it('reports a stream that ends or breaks', async () => {
    const ended = setup(streamOf([], Promise.resolve()));
    await ended.fetcher.join(places);
    await turn();
    assert.match(String(ended.sink.lostWith[0]), /the stream ended/);
    const broken = setup(streamOf([], Promise.reject(new Error('broke'))));
    await broken.fetcher.join(places);
    await turn();
    assert.match(String(broken.sink.lostWith[0]), /broke/);
  });

  it('reports a group that the library cannot join again, which is an event of the client', async () => {
    const { fetcher, sink, listeners } = setup(streamOf([]));
    await fetcher.join(places);
    listeners.get('error')?.(new Error('rejoinGroup failed'));
    assert.match(String(sink.lostWith[0]), /rejoinGroup failed/);
  });

  it('stops when there is no more room', async () => {
    const { fetcher, sink } = setup(streamOf([item(1n), item(2n)]));
    sink.roomFor = 1;
    await fetcher.join(places);
    await turn();
    assert.equal(sink.messages.length, 1);
    assert.deepEqual(sink.lostWith, []);
  });

  it('leaves again if it was closed while it joined', async () => {
    const { fetcher, sink, closes } = setup(streamOf([item(1n)]));
    const joining = fetcher.join(places);
    await fetcher.close();
    await assert.rejects(joining, /closed during its start/);
    assert.equal(closes(), 2);
    assert.deepEqual(sink.messages, []);
  });
});

describe('the producer of platformatic', () => {
  it('is idempotent and waits for all replicas, unless the leader is enough', async () => {
    const made: Record<string, unknown>[] = [];
    const sent: unknown[] = [];
    let connects = true;
    let closes = 0;
    class Producer {
      constructor(options: Record<string, unknown>) {
        made.push(options);
      }
      connectToBrokers(): Promise<void> {
        return connects ? Promise.resolve() : Promise.reject(new Error('refused'));
      }
      send(options: unknown): Promise<void> {
        return Promise.resolve(void sent.push(options));
      }
      close(_force: boolean, done: () => void): void {
        closes++;
        done();
      }
    }
    const library = { Producer, kGetConnection, ProduceAcks: { ALL: -1, LEADER: 1 } } as unknown as Library;
    const transport = await platformaticTransport(library, BASE, 'all');
    await transport.send('t', [
      { key: null, value: Buffer.from('a') },
      { key: 'k', value: Buffer.from('b') },
    ]);
    assert.deepEqual(sent, [
      {
        messages: [
          { topic: 't', value: Buffer.from('a') },
          { topic: 't', value: Buffer.from('b'), key: Buffer.from('k') },
        ],
      },
    ]);
    await transport.close();
    await platformaticTransport(library, BASE, '1');
    assert.deepEqual(
      made.map(({ acks, idempotent }) => [acks, idempotent]),
      [
        [-1, true],
        [1, false],
      ],
    );
    connects = false;
    await assert.rejects(platformaticTransport(library, BASE, 'all'), /refused/);
    assert.equal(closes, 2);
  });
});

describe('a client of platformatic, when the metadata does not name the broker', () => {
  /** The broker 7 coordinates the group and leads the partition, and restarts: the metadata names no broker. */
  const metadata = {
    brokers: new Map(),
    topics: new Map([['t', { partitions: [{ leader: 7, leaderEpoch: 1 }], partitionsCount: 1 }]]),
  };
  let asked: number;
  beforeEach(() => (asked = 0));

  function withoutBrokers<C extends real.Admin | real.Producer | real.Consumer>(client: C): C {
    const kMetadata: typeof real.kMetadata = real.kMetadata;
    return Object.assign(client, {
      [kMetadata]: (_options: unknown, callback: (error: null, found: typeof metadata) => void) => {
        asked++;
        // The library’s answers come later, so that an error in its callbacks has no caller.
        setImmediate(callback, null, metadata);
      },
      [real.kGetBootstrapConnection]: (callback: (error: null, connection: unknown) => void) => callback(null, {}),
      [real.kGetApi]: (_name: string, callback: (error: null, api: (...values: unknown[]) => void) => void) =>
        callback(null, (...values) => {
          const done = values.at(-1) as (error: null, response: unknown) => void;
          done(null, { coordinators: [{ key: 'g', nodeId: 7 }] });
        }),
    });
  }

  it('lets a consumer fail to join its group, so that it tries again', async () => {
    class Consumer extends real.Consumer {
      constructor(options: real.ConsumerOptions<Buffer, Buffer, Buffer, Buffer>) {
        super(options);
        withoutBrokers(this);
      }
    }
    const fetcher = new PlatformaticFetcher(
      { ...real, Consumer } as Library,
      { ...BASE, retries: 0 },
      OPTIONS,
      { topic: 't', group: 'g', member: 'm', from: 'earliest' },
      new RecordingSink(),
    );
    await assert.rejects(fetcher.join([{ partition: 0, committed: 0, end: 7 }]), (error) => {
      assert.equal(classify(error), 'transient');
      assert.match(chain(error).join(), /missing in the metadata/);
      return true;
    });
    assert.ok(asked > 0);
    await fetcher.close();
  });
});

describe('the metadata of platformatic', () => {
  it('is an error of the network without a topic that was asked for, instead of the end of the process', () => {
    let cleared = 0;
    const found = { topics: new Map([['there', {}]]).set('lost', undefined as unknown as object) };
    const client = {
      metadata: (_options: object, callback: (error: null, metadata: object) => void) => callback(null, found),
      clearMetadata: () => cleared++,
    } as unknown as real.Consumer;
    expectTopics(real, client);
    const failures: (Error | null)[] = [];
    const ask = (topics: string[]): void => client.metadata({ topics }, (error) => void failures.push(error));
    ask(['there']);
    assert.deepEqual([failures, cleared], [[null], 0]);
    for (const missing of ['lost', 'unknown']) ask(['there', missing]);
    assert.deepEqual(
      failures.slice(1).map((error) => classify(error)),
      ['transient', 'transient'],
    );
    assert.equal(cleared, 2);
  });
});

describe('the administration through platformatic', () => {
  it('asks for places, settings and topics', async () => {
    let fault: Error | undefined;
    const orFault = <R>(result: R): Promise<R> => (fault ? Promise.reject(fault) : Promise.resolve(result));
    class Admin {
      createTopics = (): Promise<unknown> => orFault([]);
      metadata = (): Promise<unknown> =>
        orFault({ topics: new Map([['t', { partitions: [{ replicas: [1, 2] }, { replicas: [1, 2, 3] }] }]]) });
      describeConfigs = (): Promise<unknown> => orFault([{ configs: [{ name: 'min.insync.replicas', value: '2' }] }]);
      listOffsets = (): Promise<unknown> =>
        orFault([
          {
            partitions: [
              { partitionIndex: 0, offset: 9n },
              { partitionIndex: 1, offset: 4n },
            ],
          },
        ]);
      listConsumerGroupOffsets = (): Promise<unknown> =>
        orFault([
          {
            topics: [
              {
                name: 't',
                partitions: [
                  { partitionIndex: 0, committedOffset: 5n },
                  { partitionIndex: 1, committedOffset: -1n },
                ],
              },
            ],
          },
        ]);
      close = (done: () => void): void => done();
    }
    const library = {
      Admin,
      kGetConnection,
      ConfigResourceTypes: { TOPIC: 2 },
      ListOffsetTimestamps: { LATEST: -1n },
    } as unknown as Library;
    const admin = platformaticAdmin(library, BASE);
    assert.equal(await admin.createTopic('t', { 'retention.ms': '1' }, 3), true);
    assert.deepEqual(await admin.describeTopic('t'), {
      replicas: 2,
      minInsyncReplicas: 2,
      maxMessageBytes: undefined,
    });
    assert.deepEqual(await admin.places('t', 'g'), [
      { partition: 0, committed: 5, end: 9 },
      { partition: 1, committed: undefined, end: 4 },
    ]);
    fault = withId('TOPIC_ALREADY_EXISTS');
    assert.equal(await admin.createTopic('t', {}, 3), false);
    fault = withId('UNKNOWN_TOPIC_OR_PARTITION');
    assert.equal(await admin.describeTopic('t'), undefined);
    await assert.rejects(admin.createTopic('t', {}, 3));
    fault = withId('TOPIC_AUTHORIZATION_FAILED');
    await assert.rejects(admin.describeTopic('t'));
    await admin.close();
  });

  it('is made of the options of the installation', async () => {
    const sasl = { mechanism: 'plain', username: 'u', password: 'p' } as const;
    const library = await platformaticLibrary({ ...OPTIONS, tls: { rejectUnauthorized: false }, sasl });
    const admin = await library.admin();
    await admin.close();
    const sink = new RecordingSink();
    const fetcher = library.fetcher({ topic: 't', group: 'g', member: 'm', from: 'latest' }, sink);
    await fetcher.close();
    assert.deepEqual(sink.lostWith, []);
  });
});

describe('an error of platformatic', () => {
  const cases: [string, Error, ReturnType<typeof classify>][] = [
    ['a broken connection', Object.assign(new Error('x'), { code: 'PLT_KFK_NETWORK' }), 'transient'],
    ['one of several', new AggregateError([withId('NOT_LEADER_OR_FOLLOWER')], 'several'), 'transient'],
    ['any that may be tried again', Object.assign(new Error('x'), { canRetry: true }), 'transient'],
    ['a group without rights', new Error('x', { cause: withId('GROUP_AUTHORIZATION_FAILED') }), 'refused'],
    ['a wrong password', Object.assign(new Error('x'), { code: 'PLT_KFK_AUTHENTICATION' }), 'refused'],
    ['a message that is too large', withId('RECORD_LIST_TOO_LARGE'), 'tooLarge'],
    ['a forgotten producer', withId('UNKNOWN_PRODUCER_ID'), 'sequence'],
    ['an own fault', new TypeError('x is undefined'), 'other'],
  ];
  for (const [what, error, failure] of cases) {
    it(`says ${failure} of ${what}`, () => assert.equal(classify(error), failure));
  }
});
