import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { BegunJournal, noJournal, type ActivationJournal } from '../../../invoker/activations/BegunJournal.js';
import { DEFAULT_INVOKER_CONFIG, Invoker, maxInFlight, stemCells } from '../../../invoker/Invoker.js';
import { InvokerMetrics } from '../../../invoker/pool/InvokerMetrics.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { LargeCode } from '../../../shared/entities/LargeCode.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { ActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import type { ConsumerOptions, Delivery, Handled, Messaging } from '../../../shared/messaging/Messaging.js';
import { EmbeddedMessaging } from '../../../shared/messaging/embedded/EmbeddedMessaging.js';
import { KeptMessages } from '../../../shared/messaging/embedded/KeptMessages.js';
import { topics } from '../../../shared/messaging/topics.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import { StoreUnavailableError, type ArtifactStore, type ViewRow } from '../../../shared/store/ArtifactStore.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';
import { until } from '../../suites/messaging.js';
import { FakeDriver, ok } from './pool/FakeDriver.js';
import { action, Gate, Heard, message, settle } from './pool/setup.js';

const MANIFEST = parseManifest({
  runtimes: {
    nodejs: [
      {
        kind: 'nodejs:20',
        default: true,
        image: { name: 'node' },
        stemCells: [{ initialCount: 1, memory: '128 MB' }],
      },
    ],
  },
});
const CONFIG = {
  ...DEFAULT_INVOKER_CONFIG,
  instance: invokerInstance(2, 'test', 1024),
  limits: DEFAULT_LIMITS,
  apiHost: 'http://api',
};

/** An invoker whose bus hands out what the test wants, the way Kafka would after a crash. */
class Fixture {
  /** What an earlier run had begun. */
  readonly earlier = new Set<string>();
  readonly journal: { -readonly [K in keyof ActivationJournal]: ActivationJournal[K] } = {
    ...noJournal,
    hadBegun: (id) => this.earlier.has(id),
  };
  readonly driver = new FakeDriver();
  readonly heard = new Heard();
  readonly stored = new Map<string, ActivationRecord>();
  readonly fetching = new Gate();
  readonly lookingUp = new Gate();
  found = action();
  blocked: ViewRow[] = [];
  readonly #inFlight = new Set<Promise<unknown>>();
  #consumer: ConsumerOptions<ActivationMessage> | undefined;
  readonly invoker: Invoker;

  /** @param used instead of `journal` */
  constructor(used?: ActivationJournal) {
    this.invoker = new Invoker({
      config: CONFIG,
      messaging: {
        ensureTopic: () => Promise.resolve(),
        producer: () => Promise.resolve(this.heard.producer),
        consume: (options: unknown) => {
          this.#consumer = options as ConsumerOptions<ActivationMessage>;
          return Promise.resolve({ close: async () => void (await Promise.all(this.#inFlight)) });
        },
        isHealthy: () => true,
        health: () => ({ up: true, since: Number.NEGATIVE_INFINITY, answeredAt: 0 }),
        close: () => Promise.resolve(),
      } as Messaging,
      topics: topics(),
      entities: {
        getActionWithCode: async () => {
          await this.fetching.pass();
          return this.found;
        },
      },
      subjects: { query: () => Promise.resolve(this.blocked) } as Partial<ArtifactStore> as ArtifactStore,
      activations: {
        get: async (_, id) => {
          await this.lookingUp.pass();
          return this.stored.get(id);
        },
      },
      recorder: { record: (record) => void this.heard.records.push(record) },
      journal: used ?? this.journal,
      driver: this.driver,
      runtimes: MANIFEST,
      decrypt: (_, value) => value,
      metrics: new InvokerMetrics(new Registry()),
      log: silentLogger,
    });
    this.fetching.open();
    this.lookingUp.open();
  }

  deliver(sent: ActivationMessage, redelivered = false, sentAt = 0): Promise<Handled> {
    return this.hand(sent, { sentAt, redelivered });
  }

  hand(sent: ActivationMessage, delivery: Delivery): Promise<Handled> {
    const handled = Promise.resolve(this.#consumer?.handle(sent, delivery));
    this.#inFlight.add(handled);
    return handled;
  }
}

describe('Invoker', () => {
  let f: Fixture;
  beforeEach(async () => {
    f = new Fixture();
    await f.invoker.start();
  });
  afterEach(() => f.invoker.stop());

  it('asks its topic for no more than it can run, keep waiting, and record', () => {
    assert.equal(maxInFlight({ ...CONFIG, userMemoryMB: 1024 }), 32);
    assert.equal(maxInFlight({ ...CONFIG, userMemoryMB: 100 }), 4);
    const concurrency = { min: 1, max: 50, std: 1 };
    assert.equal(maxInFlight({ ...CONFIG, userMemoryMB: 1024, limits: { ...DEFAULT_LIMITS, concurrency } }), 800);
  });

  it('starts the stem cells of the manifest', async () => {
    await settle();
    assert.deepEqual(
      stemCells(MANIFEST).map(({ kind, memoryMB, initialCount }) => [kind, memoryMB, initialCount]),
      [['nodejs:20', 128, 1]],
    );
    assert.equal(f.invoker.counts()?.containers.prewarmed, 1);
    assert.equal(f.driver.containers[0]?.spec.environment['__OW_API_HOST'], 'http://api');
    assert.match(f.driver.containers[0]?.spec.name ?? '', /^wsk2_\w+_1_prewarm_nodejs20$/);
  });

  it('notes each activation in its journal, also one whose message is not durable yet', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'invoker-'));
    const stores = await openTemporaryStores();
    const kept = new KeptMessages({ entries: stores.messages, keeps: () => true, log: silentLogger });
    const bus = new EmbeddedMessaging({ kept });
    try {
      const journal = new BegunJournal(join(folder, 'begun'));
      await f.invoker.stop();
      f = new Fixture(journal);
      await f.invoker.start();
      const topic = topics().invoker(2);
      const handle = (received: ActivationMessage, delivery: Delivery): Promise<Handled> => f.hand(received, delivery);
      await bus.consume({ topic, group: 'g', maxInFlight: 1, handle });
      const sent = message();
      await (await bus.producer()).send(topic, sent, { volatile: true });
      while (f.heard.records.length === 0) await settle();
      journal.close();
      const next = new BegunJournal(join(folder, 'begun'));
      assert.ok(next.hadBegun(sent.activationId) || next.hadEnded(sent.activationId));
      next.close();
    } finally {
      rmSync(folder, { recursive: true });
      await bus.close();
      await stores.close();
    }
  });

  it('runs a redelivered activation without a record, and repeats the acknowledgement of one with a record', async () => {
    const lost = message();
    await f.deliver(lost, true);
    assert.equal(f.heard.records.length, 1);
    const [record] = f.heard.records;
    assert.ok(record);
    const done = message();
    f.stored.set(done.activationId, { ...record, activationId: done.activationId });
    const runs = f.driver.containers.flatMap(({ posts }) => posts).length;
    f.heard.acks.length = 0;
    await f.deliver(done, true);
    assert.equal(f.driver.containers.flatMap(({ posts }) => posts).length, runs);
    assert.equal(f.heard.records.length, 1);
    assert.deepEqual(
      f.heard.acks.map(({ kind }) => kind),
      ['combined'],
    );
    const unwatched = message({ blocking: false });
    f.stored.set(unwatched.activationId, { ...record, activationId: unwatched.activationId });
    await f.deliver(unwatched, true);
    assert.equal(f.heard.acks.at(-1)?.kind, 'completion');
  });

  it('runs activations that an earlier run did not hand to a container, and ends the others with an error', async () => {
    const [begun, waited] = [message(), message()];
    f.earlier.add(begun.activationId);
    await f.deliver(begun, true);
    await f.deliver(waited, true);
    const statuses = f.heard.records.map(({ activationId, response }) => [activationId, response.statusCode]);
    assert.deepEqual(statuses, [
      [begun.activationId, 3],
      [waited.activationId, 0],
    ]);
  });

  it('without a journal begins nothing twice that a killed run of it may have begun, and runs what that cannot have had', async () => {
    await f.invoker.stop();
    f.driver.removeLeftovers = () => Promise.resolve(3);
    await f.invoker.start();
    const left = Array.from({ length: maxInFlight(CONFIG) }, () => message({ blocking: false }));
    await f.deliver(message(), true, Date.now() + 1000);
    assert.equal(f.heard.records.pop()?.response.statusCode, 0, 'it was sent later');
    f.heard.acks.length = 0;
    const runs = f.driver.containers.flatMap(({ posts }) => posts).length;
    for (const sent of left) await f.deliver(sent, true);
    assert.equal(f.driver.containers.flatMap(({ posts }) => posts).length, runs);
    assert.deepEqual(
      f.heard.records.map(({ activationId, response }) => [activationId, response.statusCode]),
      left.map(({ activationId }) => [activationId, 3]),
    );
    for (const ack of f.heard.acks) assert.ok(ack.kind === 'combined' && ack.isSystemError === false);
    await f.deliver(message(), true);
    assert.equal(f.heard.records.at(-1)?.response.statusCode, 0);
  });

  it('does not count recorded activations among those that a killed run may have begun', async () => {
    await f.invoker.stop();
    f.driver.removeLeftovers = () => Promise.resolve(3);
    await f.invoker.start();
    await f.deliver(message(), false);
    const [record] = f.heard.records.splice(0);
    assert.ok(record);
    for (let i = 0; i < maxInFlight(CONFIG); i++) {
      const done = message();
      f.stored.set(done.activationId, { ...record, activationId: done.activationId });
      await f.deliver(done, true);
    }
    const begun = message();
    await f.deliver(begun, true);
    assert.deepEqual(
      f.heard.records.map(({ activationId, response }) => [activationId, response.statusCode]),
      [[begun.activationId, 3]],
    );
  });

  it('runs activations that were not delivered before, whatever an earlier run left behind', async () => {
    await f.invoker.stop();
    f.driver.removeLeftovers = () => Promise.resolve(3);
    await f.invoker.start();
    await f.deliver(message());
    assert.equal(f.heard.records[0]?.response.statusCode, 0);
  });

  it('runs an activation once that is delivered twice at the same time', async () => {
    const sent = message();
    await Promise.all([f.deliver(sent), f.deliver(sent, true)]);
    assert.equal(f.heard.records.length, 1);
  });

  it('runs an activation once that is delivered again after its end, as by a producer without an answer', async () => {
    f.driver.answer = () => ok({ done: true });
    const sent = message();
    await f.deliver(sent);
    await f.deliver({ ...sent });
    assert.equal(f.heard.records.length, 1);
    const runs = f.driver.containers.flatMap(({ posts }) => posts.filter(({ path }) => path === '/run'));
    assert.equal(runs.length, 1);
  });

  it('runs nothing of a blocked namespace, and records nothing', async () => {
    f.blocked = [{ id: 'guest/limits', key: 'guest', value: 1 }];
    await f.invoker.stop();
    await f.invoker.start();
    const sent = message();
    await f.deliver(sent);
    assert.equal(f.heard.records.length, 0);
    const [ack] = f.heard.acks;
    assert.equal(ack?.kind === 'combined' && ack.response, sent.activationId);
  });

  it('runs to their end also activations that it had only just got when it was stopped', async () => {
    f.driver.answer = () => ok({ done: true });
    const held = new Gate();
    Object.assign(f.fetching, { pass: () => held.pass() });
    const handled = f.deliver(message());
    await settle();
    const stopped = f.invoker.stop();
    await settle();
    held.open();
    await stopped;
    await handled;
    assert.deepEqual(f.heard.records[0]?.response.result, { done: true });
    assert.equal(f.driver.alive.length, 0);
  });

  it('leaves activations to its next run that wait for the store when it is stopped', async () => {
    Object.assign(f.fetching, { pass: () => Promise.reject(new StoreUnavailableError('away')) });
    const handled = f.deliver(message());
    await f.invoker.stop(10);
    assert.equal(await handled, 'left');
    assert.deepEqual([f.heard.records, f.heard.acks], [[], []]);
  });

  it('leaves also activations that come to need the store after it was stopped', async () => {
    const lookingUp = new Gate();
    Object.assign(f.lookingUp, { pass: () => lookingUp.pass() });
    Object.assign(f.fetching, { pass: () => Promise.reject(new StoreUnavailableError('away')) });
    await until(() => f.driver.alive.length > 0);
    const handled = f.deliver(message(), true);
    const stopped = f.invoker.stop(10);
    await until(() => f.driver.alive.length === 0);
    lookingUp.open();
    assert.equal(await handled, 'left');
    await stopped;
    assert.deepEqual([f.heard.records, f.heard.acks], [[], []]);
  });

  it('leaves redelivered activations when it is stopped before it found out whether they ran, and decides after that', async () => {
    f.driver.answer = () => ok({ done: true });
    let lookups = 0;
    Object.assign(f.lookingUp, {
      pass: () => {
        lookups++;
        return new Promise(() => {});
      },
    });
    const [waited, begun] = [message(), message()];
    f.earlier.add(begun.activationId);
    const handled = [f.deliver(waited, true), f.deliver(begun, true)];
    await until(() => lookups === 2);
    await f.invoker.stop(10);
    assert.deepEqual(await Promise.all(handled), ['left', 'left']);
    assert.deepEqual([f.heard.records, f.heard.acks], [[], []]);

    await f.invoker.start();
    Object.assign(f.lookingUp, { pass: () => Promise.resolve() });
    await f.deliver(waited, true);
    await f.deliver(begun, true);
    const runs = f.driver.containers.flatMap(({ posts }) => posts.filter(({ path }) => path === '/run'));
    assert.equal(runs.length, 1);
    assert.deepEqual(
      f.heard.records.map(({ activationId, response }) => [activationId, response.statusCode]),
      [
        [waited.activationId, 0],
        [begun.activationId, 3],
      ],
    );
  });

  it('waits for a store that is away before it decides whether an earlier run recorded an activation', async () => {
    const sent = message();
    await f.deliver(sent);
    const [record] = f.heard.records.splice(0);
    assert.ok(record);
    const again = message();
    f.stored.set(again.activationId, { ...record, activationId: again.activationId });
    let away = 2;
    Object.assign(f.lookingUp, {
      pass: () => (away-- > 0 ? Promise.reject(new StoreUnavailableError('away')) : Promise.resolve()),
    });
    await f.deliver(again, true);
    assert.deepEqual(f.heard.records, [], 'it has a record');
  });

  it('does not run an activation that waited for so long that its controller has recorded it as failed', async () => {
    const [lost, other] = [message(), message()];
    await f.deliver(message());
    const [record] = f.heard.records.splice(0);
    assert.ok(record);
    f.stored.set(lost.activationId, { ...record, activationId: lost.activationId });
    const runs = f.driver.containers.flatMap(({ posts }) => posts).length;
    await f.deliver(lost);
    assert.equal(f.driver.containers.flatMap(({ posts }) => posts).length, runs);
    assert.deepEqual(f.heard.records, []);
    await f.deliver(other);
    assert.deepEqual(
      f.heard.records.map(({ activationId }) => activationId),
      [other.activationId],
    );
  });

  it('leaves activations whose container waits for their large code when it is stopped, and removes the container', async () => {
    const unread: (() => Promise<Uint8Array>)[] = [
      () => Promise.reject(new StoreUnavailableError('away')),
      () => new Promise(() => {}),
    ];
    for (const read of unread) {
      let reads = 0;
      const code = new LargeCode(3, () => {
        reads++;
        return read();
      });
      f.found = action({ exec: { kind: 'nodejs:20', code, binary: false } });
      const handled = f.deliver(message());
      await until(() => reads > 0);
      await f.invoker.stop(10);
      assert.equal(await handled, 'left');
      assert.deepEqual([f.heard.records, f.heard.acks], [[], []]);
      assert.equal(f.driver.alive.length, 0);
      await f.invoker.start();
    }
    f.found = action();
    await f.deliver(message());
    assert.equal(f.heard.records[0]?.response.statusCode, 0, 'it waits for the store again after its start');
  });
});
