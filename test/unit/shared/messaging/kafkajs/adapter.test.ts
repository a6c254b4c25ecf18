import assert from 'node:assert/strict';
import type { Cluster, ConsumerConfig, ConsumerRunConfig, EachBatchPayload, Kafka, Logger } from 'kafkajs';
import { messageOf } from '../../../../../shared/errors/reasons.js';
import { kafkajsAdmin } from '../../../../../shared/messaging/kafkajs/admin.js';
import { classify } from '../../../../../shared/messaging/kafkajs/errors.js';
import { KafkajsFetcher } from '../../../../../shared/messaging/kafkajs/KafkajsFetcher.js';
import { kafkajsLibrary } from '../../../../../shared/messaging/kafkajs/kafkajs.js';
import { kafkajsTransport } from '../../../../../shared/messaging/kafkajs/transport.js';
import { until } from '../../../../suites/messaging.js';
import { RecordingSink } from '../kafka/RecordingSink.js';

const OPTIONS = { brokers: ['127.0.0.1:1'], clientId: 'c' };
const protocolError = (type: string, retriable = false): Error =>
  Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable });

/** A consumer as kafkajs makes it, whose events the test raises. */
class FakeClient {
  readonly calls: string[] = [];
  readonly listeners = new Map<string, (event: unknown) => void>();
  readonly committed: unknown[] = [];
  eachBatch: ConsumerRunConfig['eachBatch'];
  /** Whether the group lets it in at once. */
  joins = true;
  /** Whether its runner goes on. Without it, commits resolve without a request. */
  runs = true;
  onConnect: () => Promise<void> = () => Promise.resolve();

  on(event: string, listener: (event: unknown) => void): void {
    this.listeners.set(event, listener);
  }
  async connect(): Promise<void> {
    this.calls.push('connect');
    await this.onConnect();
  }
  subscribe({ fromBeginning }: { fromBeginning: boolean }): Promise<void> {
    this.calls.push(`subscribe ${fromBeginning}`);
    return Promise.resolve();
  }
  run(config: ConsumerRunConfig): Promise<void> {
    this.calls.push('run');
    this.eachBatch = config.eachBatch;
    if (this.joins) this.joined();
    return Promise.resolve();
  }
  /** Tells of a join. @param partitions that the group assigns to it. */
  joined(partitions: readonly number[] = [0]): void {
    this.listeners.get('consumer.group_join')?.({ payload: { memberAssignment: { t: partitions } } });
  }
  onSeek: () => void = () => undefined;
  seek({ partition, offset }: { partition: number; offset: string }): void {
    this.onSeek();
    this.calls.push(partition === 0 ? `seek ${offset}` : `seek ${offset} of ${partition}`);
  }
  commitOffsets(offsets: readonly object[]): Promise<void> {
    if (this.runs) {
      this.committed.push(offsets);
      this.listeners.get('consumer.commit_offsets')?.({ payload: { topics: [{ topic: 't', partitions: offsets }] } });
    }
    return Promise.resolve();
  }
  pause(): void {
    if (!this.calls.includes('run')) throw new Error('not running');
    this.calls.push('pause');
  }
  onDisconnect: () => Promise<unknown> = () => Promise.resolve();
  /** The last disconnect, which kafkajs also completes if the coordinator does not answer to its leave. */
  disconnected: Promise<void> = Promise.resolve();
  disconnect(): Promise<void> {
    this.calls.push('disconnect');
    this.disconnected = this.onDisconnect().then(
      () => undefined,
      () => undefined,
    );
    return this.disconnected;
  }
}

describe('the fetcher of kafkajs', () => {
  function setup(from: 'earliest' | 'latest' = 'earliest') {
    const client = new FakeClient();
    const sink = new RecordingSink();
    const made: ConsumerConfig[] = [];
    const consumer = (config: ConsumerConfig): FakeClient => {
      made.push(config);
      return client;
    };
    const kafka = { consumer } as unknown as Kafka;
    const fetcher = new KafkajsFetcher(kafka, OPTIONS, { topic: 't', group: 'g', member: 'm', from }, sink);
    return { client, sink, fetcher, made };
  }

  /** Lets the fetcher stand before the coordinator, as kafkajs does, and joins. */
  async function joinAsStatic({ client, fetcher, made }: ReturnType<typeof setup>): Promise<{ asked: string[] }> {
    const asked: string[] = [];
    const answered = (what: string, answer?: object) => (): Promise<unknown> =>
      Promise.resolve(asked.push(what) && answer);
    const broker = {
      isConnected: () => true,
      lookupRequest: () => () => ({ request: { apiVersion: 5 } }),
      joinGroup(this: { lookupRequest: () => (fields: object) => unknown }) {
        this.lookupRequest()({});
        return answered('join', { generationId: 1, memberId: 'm' })();
      },
      syncGroup: answered('sync'),
      heartbeat: answered('heartbeat'),
      leaveGroup: answered('leave'),
      offsetCommit: answered('commit'),
      offsetFetch: answered('offsets'),
    };
    const cluster = { findGroupCoordinator: () => Promise.resolve(broker) };
    const [config] = made;
    const [assigner] = config?.partitionAssigners ?? [];
    assert.ok(assigner);
    assigner({ cluster: cluster as unknown as Cluster, groupId: 'g', logger: null as unknown as Logger });
    await fetcher.join(places);
    const coordinator = await cluster.findGroupCoordinator();
    client.onDisconnect = () => coordinator.leaveGroup();
    await coordinator.joinGroup();
    await coordinator.syncGroup();
    return { asked };
  }

  const places = [{ partition: 0, committed: undefined, end: 7 }];

  /** What kafkajs gives to `eachBatch`. */
  const batch = (offsets: readonly number[]): EachBatchPayload =>
    ({
      batch: {
        partition: 0,
        messages: offsets.map((n) => ({ offset: String(n), value: Buffer.from(`m${n}`), timestamp: '5' })),
        lastOffset: () => String(offsets.at(-1)),
      },
      isRunning: () => true,
      isStale: () => false,
      resolveOffset: () => undefined,
      heartbeat: () => Promise.resolve(),
    }) as unknown as EachBatchPayload;

  it("joins, reports the coordinator's answers, commits, pauses and leaves", async () => {
    const { client, sink, fetcher } = setup();
    fetcher.pause();
    await fetcher.join(places);
    assert.deepEqual(client.calls, ['connect', 'subscribe true', 'run']);
    for (const apiName of ['Metadata', 'Fetch']) {
      client.listeners.get('consumer.network.request')?.({ payload: { apiName } });
    }
    client.listeners.get('consumer.heartbeat')?.({});
    assert.deepEqual(sink.told, ['assigned 0', 'fetched', 'alive', 'responded', 'responded', 'fetched', 'alive']);
    client.joined([2, 3]);
    assert.deepEqual(sink.told.slice(7), ['assigned 2,3', 'fetched', 'alive']);
    assert.equal(client.listeners.has('consumer.fetch'), false, 'kafkajs tells also fetches that had no response');
    await fetcher.commit([{ partition: 0, offset: 3 }]);
    assert.deepEqual(client.committed, [[{ topic: 't', partition: 0, offset: '3' }]]);
    fetcher.pause();
    await Promise.all([fetcher.close(), fetcher.close()]);
    assert.deepEqual(client.calls.slice(3), ['pause', 'disconnect']);
  });

  it('leaves a group when it closes, and keeps its place for its next membership', async () => {
    const leaving = setup();
    const { asked } = await joinAsStatic(leaving);
    await leaving.fetcher.close();
    assert.deepEqual(asked, ['join', 'sync', 'leave']);
    assert.deepEqual(
      leaving.sink.told,
      ['assigned 0', 'fetched', 'alive', 'alive'],
      'after kafkajs and after the coordinator',
    );

    const rejoining = setup();
    const place = await joinAsStatic(rejoining);
    await rejoining.fetcher.close(true);
    await rejoining.client.disconnected;
    assert.deepEqual(place.asked, ['join', 'sync']);
    // No other membership has followed.
    await rejoining.fetcher.close();
    assert.deepEqual(place.asked, ['join', 'sync', 'leave']);

    // kafkajs itself leaves only while it runs.
    const crashed = setup();
    const lost = await joinAsStatic(crashed);
    crashed.client.onDisconnect = () => Promise.resolve();
    await crashed.fetcher.close();
    assert.deepEqual(lost.asked, ['join', 'sync', 'leave']);
  });

  it('goes to the end of the topic if a new group asks for the latest', async () => {
    const { client, fetcher } = setup('latest');
    await fetcher.join(places);
    assert.deepEqual(client.calls.slice(1), ['subscribe false', 'run', 'seek 7']);
  });

  it('continues where it was if kafkajs joins again before the first commit, and where the group is after it', async () => {
    const { client, fetcher, sink } = setup('latest');
    await fetcher.join(places);
    const seeks = (): string[] => client.calls.filter((call) => call.startsWith('seek'));
    const rejoin = (): void => client.joined();
    rejoin();
    assert.deepEqual(seeks(), ['seek 7', 'seek 7']);
    sink.roomFor = 2;
    await client.eachBatch?.(batch([7, 8, 9]));
    rejoin();
    assert.deepEqual(seeks().slice(2), ['seek 9'], 'the message without room is fetched again');
    client.runs = false;
    await assert.rejects(fetcher.commit([{ partition: 0, offset: 9 }]));
    rejoin();
    assert.deepEqual(seeks().slice(3), ['seek 9']);
    client.runs = true;
    await fetcher.commit([{ partition: 0, offset: 8 }]);
    rejoin();
    assert.equal(seeks().length, 4);
  });

  it('goes only to its own place in a partition that the group assigns to it, since other members commit theirs', async () => {
    const { client, fetcher } = setup('latest');
    client.joins = false;
    const joining = fetcher.join([...places, { partition: 1, committed: undefined, end: 4 }]);
    await until(() => client.calls.includes('run'));
    const seeks = (): string[] => client.calls.splice(0).filter((call) => call.startsWith('seek'));
    client.joined([1]);
    await joining;
    assert.deepEqual(seeks(), ['seek 4 of 1']);
    client.joined([0, 1]);
    assert.deepEqual(seeks(), ['seek 4 of 1'], 'another member had partition 0');
    client.joined([0]);
    client.joined([0, 1]);
    client.listeners.get('consumer.group_join')?.({ payload: { memberAssignment: {} } });
    assert.deepEqual(seeks(), [], 'another member had partition 1 meanwhile');
  });

  it('fails a join in which it cannot go to its place, and takes none for a closed consumer', async () => {
    const failing = setup('latest');
    failing.client.onSeek = () => {
      throw new Error('no consumer group');
    };
    await assert.rejects(failing.fetcher.join(places), /no consumer group/);
    assert.deepEqual(failing.sink.lostWith.map(messageOf), ['no consumer group']);

    const closed = setup('latest');
    await closed.fetcher.join(places);
    closed.client.onSeek = failing.client.onSeek;
    await closed.fetcher.close();
    closed.client.joined();
    assert.deepEqual(closed.sink.lostWith, []);
  });

  it('takes no offsets for committed that kafkajs has not sent, since its runner had crashed', async () => {
    const { client, fetcher } = setup();
    await fetcher.join(places);
    await fetcher.commit([{ partition: 0, offset: 8 }]);
    // kafkajs tells its crash only once it has disconnected.
    client.runs = false;
    await assert.rejects(fetcher.commit([{ partition: 0, offset: 9 }]), /did not send the commit/);
  });

  it('fails a join in which kafkajs crashes, and tells of a crash later', async () => {
    const { client, sink, fetcher } = setup();
    client.joins = false;
    const joining = fetcher.join(places);
    const crash = new Error('crash');
    await new Promise(setImmediate);
    client.listeners.get('consumer.crash')?.({ payload: { error: crash } });
    await assert.rejects(joining, /crash/);
    assert.deepEqual(sink.lostWith, [crash]);
  });

  it('does not join after it was closed, and leaves again if kafkajs joined meanwhile', async () => {
    const { client, fetcher } = setup();
    client.onConnect = () => fetcher.close();
    await assert.rejects(fetcher.join(places), /closed during its start/);
    assert.deepEqual(client.calls, ['connect', 'disconnect', 'disconnect']);
  });

  it('passes on a batch while there is room, and keeps the membership alive without room', async () => {
    const { client, sink, fetcher } = setup();
    await fetcher.join(places);
    let beats = 0;
    const resolved: string[] = [];
    const payload = (running = true): EachBatchPayload => ({
      ...batch([1, 2, 3]),
      isRunning: () => running,
      resolveOffset: (offset: string) => resolved.push(offset),
      heartbeat: () => Promise.resolve(void beats++),
    });
    await client.eachBatch?.(payload());
    assert.deepEqual(sink.messages[2], { partition: 0, offset: 3, value: Buffer.from('m3'), timestamp: 5 });
    assert.deepEqual([resolved, beats], [['3'], 1]);
    sink.roomFor = 4;
    await client.eachBatch?.(payload());
    assert.equal(sink.messages.length, 4);
    assert.deepEqual([resolved, beats], [['3'], 2], 'the rest is fetched again by the next member');
    sink.roomFor = 100;
    await client.eachBatch?.(payload(false));
    assert.equal(sink.messages.length, 4);
  });
});

describe('the producer of kafkajs', () => {
  function setup(connects = true) {
    const made: Record<string, unknown>[] = [];
    const sent: Record<string, unknown>[] = [];
    let disconnects = 0;
    const kafka = {
      producer: (options: Record<string, unknown>) => {
        made.push(options);
        return {
          connect: () => (connects ? Promise.resolve() : Promise.reject(new Error('refused'))),
          send: (request: Record<string, unknown>) => Promise.resolve(void sent.push(request)),
          disconnect: () => Promise.resolve(void disconnects++),
        };
      },
    } as unknown as Kafka;
    return { kafka, made, sent, disconnects: () => disconnects };
  }

  it('is idempotent and waits for all replicas, unless the leader is enough', async () => {
    const { kafka, made, sent, disconnects } = setup();
    const messages = [{ key: null, value: Buffer.from('a') }];
    const safe = await kafkajsTransport(kafka, 'all');
    await safe.send('t', messages);
    const quick = await kafkajsTransport(kafka, '1');
    await quick.send('t', messages);
    assert.deepEqual(
      made.map(({ idempotent }) => idempotent),
      [true, false],
    );
    assert.deepEqual(
      sent.map(({ acks }) => acks),
      [-1, 1],
    );
    await safe.close();
    assert.equal(disconnects(), 1);
  });

  it('leaves nothing behind if it cannot connect', async () => {
    const { kafka, disconnects } = setup(false);
    await assert.rejects(kafkajsTransport(kafka, 'all'), /refused/);
    assert.equal(disconnects(), 1);
  });
});

describe('the administration through kafkajs', () => {
  it('asks for places, settings and topics', async () => {
    let missing = false;
    let closed = 0;
    const kafka = {
      admin: () => ({
        connect: () => Promise.resolve(),
        disconnect: () => Promise.resolve(void closed++),
        createTopics: () => Promise.resolve(true),
        fetchTopicMetadata: () =>
          missing
            ? Promise.reject(protocolError('UNKNOWN_TOPIC_OR_PARTITION', true))
            : Promise.resolve({ topics: [{ partitions: [{ replicas: [1, 2, 3] }] }] }),
        describeConfigs: () =>
          Promise.resolve({
            resources: [{ configEntries: [{ configName: 'max.message.bytes', configValue: '99' }] }],
          }),
        fetchTopicOffsets: () =>
          Promise.resolve([
            { partition: 0, high: '9' },
            { partition: 1, high: '4' },
          ]),
        fetchOffsets: () =>
          Promise.resolve([
            {
              partitions: [
                { partition: 0, offset: '5' },
                { partition: 1, offset: '-1' },
              ],
            },
          ]),
      }),
    } as unknown as Kafka;
    const admin = await kafkajsAdmin(kafka);
    assert.equal(await admin.createTopic('t', { 'retention.ms': '1' }, 3), true);
    assert.deepEqual(await admin.describeTopic('t'), {
      replicas: 3,
      minInsyncReplicas: undefined,
      maxMessageBytes: 99,
    });
    missing = true;
    assert.equal(await admin.describeTopic('t'), undefined);
    assert.deepEqual(await admin.places('t', 'g'), [
      { partition: 0, committed: 5, end: 9 },
      { partition: 1, committed: undefined, end: 4 },
    ]);
    await admin.close();
    assert.equal(closed, 1);
  });

  it('reports a refused connection at once, as transient', async () => {
    const library = kafkajsLibrary({ ...OPTIONS, tls: { rejectUnauthorized: false } });
    const error: unknown = await library.admin().catch((failure: unknown) => failure);
    assert.equal(library.classify(error), 'transient');
  });
});

describe('an error of kafkajs', () => {
  const named = (name: string, cause?: Error): Error => Object.assign(new Error(name, { cause }), { name });
  const cases: [string, Error, ReturnType<typeof classify>][] = [
    ['a broken connection', named('KafkaJSConnectionError'), 'transient'],
    ['a broker that does not answer', named('KafkaJSRequestTimeoutError'), 'transient'],
    ['too few replicas in sync', protocolError('NOT_ENOUGH_REPLICAS'), 'transient'],
    ['any that kafkajs calls retriable', protocolError('SOMETHING_NEW', true), 'transient'],
    [
      'a topic without rights, after many tries',
      named('KafkaJSNumberOfRetriesExceeded', protocolError('TOPIC_AUTHORIZATION_FAILED')),
      'refused',
    ],
    ['a wrong password', named('KafkaJSSASLAuthenticationError'), 'refused'],
    [
      'a certificate that is not trusted',
      Object.assign(named('KafkaJSConnectionError'), { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
      'refused',
    ],
    ['a message that is too large', protocolError('MESSAGE_TOO_LARGE'), 'tooLarge'],
    ['a forgotten producer', protocolError('OUT_OF_ORDER_SEQUENCE_NUMBER'), 'sequence'],
    ['an own fault', new TypeError('x is undefined'), 'other'],
  ];
  for (const [what, error, failure] of cases) {
    it(`says ${failure} of ${what}`, () => assert.equal(classify(error), failure));
  }
});
