import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { BegunJournal } from '../../../invoker/activations/BegunJournal.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from '../../../invoker/Invoker.js';
import { InvokerMetrics } from '../../../invoker/pool/InvokerMetrics.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { topics as makeTopics } from '../../../shared/messaging/topics.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import type { ArtifactStore } from '../../../shared/store/ArtifactStore.js';
import { eventually } from '../../e2e/eventually.js';
import { FakeDriver, ok } from '../../unit/invoker/pool/FakeDriver.js';
import { action, message } from '../../unit/invoker/pool/setup.js';
import { recordingLogger } from '../../unit/shared/messaging/kafka/recordingLogger.js';
import { skipWithoutBroker } from './broker.js';
import { startKafka, type TestKafka } from './kafka.js';

const MANIFEST = parseManifest({
  runtimes: { nodejs: [{ kind: 'nodejs:20', default: true, image: { name: 'node' } }] },
});
const QUEUED = 500;

/** Two containers, whose activations end when the test says so. */
class Running {
  readonly driver = new FakeDriver();
  readonly #gates: { readonly namespace: string; readonly open: () => void }[] = [];
  open = false;

  constructor(began: string[]) {
    this.driver.answer = ({ path, body }) => {
      if (path === '/init') return ok({});
      began.push(String(body['activation_id']));
      if (this.open) return ok({});
      const namespace = String(body['namespace']);
      return new Promise((resolve) => this.#gates.push({ namespace, open: () => resolve(ok({})) }));
    };
  }

  get namespaces(): string[] {
    return this.#gates.map(({ namespace }) => namespace);
  }

  /** The one that has run for the longest time ends. */
  endOne(): void {
    this.#gates.shift()?.open();
  }

  endAll(): void {
    this.open = true;
    for (const { open } of this.#gates.splice(0)) open();
  }
}

describe('an invoker on Kafka', function () {
  let kafka: TestKafka;
  before(async function () {
    skipWithoutBroker(this);
    kafka = await startKafka();
  });
  after(() => (kafka as TestKafka | undefined)?.close());

  it('serves a namespace in its turn though 500 calls of another wait in its topic, and leaves those to its successor', async () => {
    const topics = makeTopics(kafka.prefix);
    const folder = mkdtempSync(join(tmpdir(), 'palette-whisk-fairness-'));
    const records = new Map<string, ActivationRecord>();
    const began: string[] = [];
    const { log, lines } = recordingLogger();
    const connect = (clientId: string): Promise<Messaging> =>
      openKafka('kafkajs', { brokers: kafka.hosts.split(','), clientId });
    const start = async (driver: FakeDriver) => {
      const messaging = await connect('invoker0');
      const journal = new BegunJournal(join(folder, 'invoker0.begun'));
      const invoker = new Invoker({
        config: {
          ...DEFAULT_INVOKER_CONFIG,
          instance: invokerInstance(0, 'test', 512),
          userMemoryMB: 512,
          limits: DEFAULT_LIMITS,
          apiHost: 'http://localhost:1',
        },
        messaging,
        topics,
        entities: { getActionWithCode: () => Promise.resolve(action()) },
        subjects: { query: () => Promise.resolve([]) } as Partial<ArtifactStore> as ArtifactStore,
        activations: { get: (_, id) => Promise.resolve(records.get(id)) },
        recorder: { record: (record) => void records.set(record.activationId, record) },
        journal,
        driver,
        runtimes: MANIFEST,
        decrypt: (_, value) => value,
        metrics: new InvokerMetrics(new Registry()),
        log,
      });
      await invoker.start();
      return {
        invoker,
        close: async () => {
          await invoker.stop(2000);
          await messaging.close();
          journal.close();
        },
      };
    };

    const controller = await connect('controller0');
    const producer = await controller.producer();
    const sent: string[] = [];
    const send = async (namespace: string): Promise<void> => {
      const { user, ...rest } = message({ blocking: false });
      sent.push(rest.activationId);
      await producer.send(topics.invoker(0), {
        ...rest,
        user: { ...user, namespace: { name: namespace, uuid: namespace } },
      });
    };
    await controller.ensureTopic(topics.invoker(0));
    await controller.ensureTopic(topics.completed('0'));
    const first = new Running(began);
    const life = await start(first.driver);
    try {
      await Promise.all(Array.from({ length: QUEUED }, () => send('neighbour')));
      await eventually(async () => assert.deepEqual(first.namespaces, ['neighbour', 'neighbour']));
      await send('victim');
      await eventually(async () => assert.equal(life.invoker.counts()?.activations, QUEUED + 1));
      // What runs ends: of the two places the neighbour and the victim get one each.
      first.endOne();
      first.endOne();
      await eventually(async () => assert.ok(first.namespaces.includes('victim'), first.namespaces.join()));
    } finally {
      const stopped = life.close();
      await eventually(async () => assert.match(lines.join(), /to the next run: they have not started/));
      first.endAll();
      await stopped;
    }
    const left = sent.filter((id) => !records.has(id));
    assert.ok(left.length > QUEUED - 20, `${left.length} were left`);

    const second = new Running(began);
    second.endAll();
    const successor = await start(second.driver);
    try {
      await eventually(async () => assert.equal(records.size, sent.length));
    } finally {
      await successor.close();
      await controller.close();
      rmSync(folder, { recursive: true, force: true });
    }
    assert.deepEqual(began.toSorted(), [...sent].toSorted(), 'each ran once');
    assert.ok([...records.values()].every(({ response }) => response.statusCode === 0));
  });
});
