import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { BegunJournal } from '../../../invoker/activations/BegunJournal.js';
import { ProcessDriver } from '../../../invoker/containers/process/ProcessDriver.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from '../../../invoker/Invoker.js';
import { InvokerMetrics } from '../../../invoker/pool/InvokerMetrics.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import { newTransactionId } from '../../../shared/entities/transaction.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { acknowledgedActivation } from '../../../shared/messages/acknowledgement.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { openKafka } from '../../../shared/messaging/clients/openKafka.js';
import type { Messaging } from '../../../shared/messaging/Messaging.js';
import { topics as makeTopics } from '../../../shared/messaging/topics.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import { BatchingActivationStore } from '../../../shared/store/BatchingActivationStore.js';
import { CachedEntityStore } from '../../../shared/store/CachedEntityStore.js';
import { openTemporaryStores, type EmbeddedStores } from '../../../shared/store/embedded/open.js';
import { eventually } from '../../e2e/eventually.js';
import { until } from '../../suites/messaging.js';
import { action, message } from '../../unit/invoker/pool/setup.js';
import { skipWithoutOwnBroker, startBroker, type Broker } from './broker.js';

/** The Node.js of this process needs no download. */
const KIND = `nodejs:${process.versions.node.split('.')[0]}`;
const MANIFEST = parseManifest({
  runtimes: { nodejs: [{ kind: KIND, default: true, image: { name: 'node' } }] },
});

describe('an invoker that stops while Kafka is frozen', function () {
  this.timeout(600_000);
  let broker: Broker;
  let folder: string;
  let stores: EmbeddedStores;
  let activations: BatchingActivationStore;
  const topics = makeTopics();
  const closing: (() => Promise<unknown>)[] = [];

  before(async function () {
    skipWithoutOwnBroker(this);
    broker = await startBroker();
    folder = mkdtempSync(join(tmpdir(), 'pw-stop-'));
    stores = await openTemporaryStores();
    activations = new BatchingActivationStore(stores.activations);
  });
  after(async () => {
    (broker as Broker | undefined)?.thaw();
    for (const close of closing.toReversed()) await close();
    await (activations as BatchingActivationStore | undefined)?.close();
    await (stores as EmbeddedStores | undefined)?.close();
    await (broker as Broker | undefined)?.close();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  async function connect(clientId: string): Promise<Messaging> {
    const messaging = await openKafka('kafkajs', { brokers: [broker.hosts], clientId, memberName: clientId });
    closing.push(() => messaging.close());
    return messaging;
  }

  /** Starts a run of the invoker, with the journal of the last one. */
  async function startInvoker(): Promise<{ invoker: Invoker; end: () => Promise<void> }> {
    const messaging = await connect('invoker0');
    const journal = new BegunJournal(join(folder, 'begun'));
    const driver = new ProcessDriver({ logger: silentLogger, owner: `stop-${process.pid}` });
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
      entities: new CachedEntityStore(stores.whisks),
      subjects: stores.subjects,
      activations,
      recorder: { record: (record) => activations.store(record), room: () => activations.room() },
      journal,
      driver,
      runtimes: MANIFEST,
      decrypt: (_, value) => value,
      metrics: new InvokerMetrics(new Registry()),
      log: silentLogger,
    });
    const end = async (): Promise<void> => {
      journal.close();
      await driver.close();
      await messaging.close();
    };
    await invoker.start();
    return { invoker, end };
  }

  it('gives up its last pings and acknowledgements in time, and its next run sends what was missing', async () => {
    const ran = join(folder, 'ran');
    const code = `function main({ id, ms }) {
      require('fs').appendFileSync(${JSON.stringify(ran)}, id + '\\n');
      return new Promise((resolve) => setTimeout(() => resolve({ id }), ms));
    }`;
    const { _rev: _, ...document } = action({ exec: { kind: KIND, code, binary: false } });
    await new CachedEntityStore(stores.whisks).putAction(document);
    const controller = await connect('controller0');
    const acknowledged: string[] = [];
    await controller.consume({
      topic: topics.completed('0'),
      group: 'completed0',
      maxInFlight: 100,
      handle: (ack) => void acknowledged.push(acknowledgedActivation(ack)),
    });
    const producer = await controller.producer();
    await controller.ensureTopic(topics.invoker(0));
    const send = async (ms: number): Promise<string> => {
      const activationId = newActivationId();
      const sent = message({
        activationId,
        transid: newTransactionId(),
        revision: null,
        blocking: false,
        content: { id: activationId, ms },
      });
      await producer.send(topics.invoker(0), sent, { lasting: true });
      return activationId;
    };
    const runs = (id: string): number =>
      readFileSync(ran, { encoding: 'utf8', flag: 'a+' })
        .split('\n')
        .filter((line) => line === id).length;

    const first = await startInvoker();
    const done = await send(0);
    await until(() => acknowledged.includes(done));
    const late = await send(1000);
    await until(() => runs(late) === 1);
    await broker.freeze();
    await eventually(async () => assert.ok(await activations.get('guest', late)));
    await first.invoker.stop(1000);
    await first.end();
    assert.ok(!acknowledged.includes(late), 'Kafka was frozen until here');
    broker.thaw();

    const second = await startInvoker();
    await until(() => acknowledged.includes(late));
    await second.invoker.stop(1000);
    await second.end();
    assert.deepEqual([runs(done), runs(late)], [1, 1]);
  });
});
