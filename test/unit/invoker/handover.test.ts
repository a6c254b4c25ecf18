import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import { BegunJournal } from '../../../invoker/activations/BegunJournal.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from '../../../invoker/Invoker.js';
import { InvokerMetrics } from '../../../invoker/pool/InvokerMetrics.js';
import { DEFAULT_LIMITS } from '../../../shared/config/limits.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import { acknowledgedActivation, decodeAcknowledgement } from '../../../shared/messages/acknowledgement.js';
import { encodeActivationMessage } from '../../../shared/messages/activation.js';
import { invokerInstance } from '../../../shared/messages/instances.js';
import { KafkaMessaging } from '../../../shared/messaging/kafka/KafkaMessaging.js';
import type { KafkaLibrary } from '../../../shared/messaging/kafka/library.js';
import { topics } from '../../../shared/messaging/topics.js';
import { parseManifest } from '../../../shared/runtimes/manifest.js';
import type { ArtifactStore } from '../../../shared/store/ArtifactStore.js';
import { FakeKafka } from '../shared/messaging/kafka/FakeKafka.js';
import { FakeDriver, ok } from './pool/FakeDriver.js';
import { action, message, settle } from './pool/setup.js';

const MANIFEST = parseManifest({
  runtimes: { nodejs: [{ kind: 'nodejs:20', default: true, image: { name: 'node' } }] },
});
const TOPIC = topics().invoker(0);
/** How long a stop takes at the most. */
const STOP_MS = 20;

/** One life of the invoker process. */
interface Life {
  readonly invoker: Invoker;
  readonly bus: KafkaMessaging;
  readonly journal: BegunJournal;
  readonly running: Map<string, () => void>;
  killed: boolean;
}

/** An invoker with memory for two containers, on a topic, a journal and a store that outlive it. */
class Succession {
  readonly kafka = new FakeKafka();
  readonly folder = mkdtempSync(join(tmpdir(), 'handover-'));
  readonly records = new Map<string, ActivationRecord>();
  /** How often each activation was handed to a container. */
  readonly runs = new Map<string, number>();
  readonly sent: string[] = [];
  /** Activations that were at work when a life of the invoker was cut short. */
  readonly cutOff = new Set<string>();
  life: Life | undefined;
  /** Whether the namespace stores no records. */
  readonly #unstored: boolean;

  constructor(unstored: boolean) {
    this.#unstored = unstored;
  }

  async start(): Promise<void> {
    const running = new Map<string, () => void>();
    const driver = new FakeDriver();
    driver.answer = ({ path, body }) => {
      if (path === '/init') return ok({});
      const id = String(body['activation_id']);
      this.runs.set(id, (this.runs.get(id) ?? 0) + 1);
      return new Promise((resolve) => running.set(id, () => resolve(ok({ done: true }))));
    };
    const journal = new BegunJournal(join(this.folder, 'invoker0.begun'));
    const life: { killed: boolean } = { killed: false };
    const bus = new KafkaMessaging(mortal(this.kafka, life), { brokers: ['fake'], clientId: 'invoker0' });
    const invoker = new Invoker({
      config: {
        ...DEFAULT_INVOKER_CONFIG,
        instance: invokerInstance(0, 'test', 512),
        userMemoryMB: 512,
        limits: DEFAULT_LIMITS,
        apiHost: 'http://api',
      },
      messaging: bus,
      topics: topics(),
      entities: { getActionWithCode: () => Promise.resolve(action()) },
      subjects: { query: () => Promise.resolve([]) } as Partial<ArtifactStore> as ArtifactStore,
      activations: { get: (_, id) => Promise.resolve(this.records.get(id)) },
      recorder: {
        record: (record) => {
          if (life.killed) return;
          assert.ok(!this.records.has(record.activationId), 'it has one record');
          this.records.set(record.activationId, record);
        },
      },
      journal,
      driver,
      runtimes: MANIFEST,
      decrypt: (_, value) => value,
      metrics: new InvokerMetrics(new Registry()),
      log: silentLogger,
    });
    this.life = Object.assign(life, { invoker, bus, journal, running });
    await invoker.start();
  }

  send(namespace: string): void {
    const { user, ...rest } = message({ blocking: false });
    const limits = this.#unstored ? { storeActivations: false } : {};
    const sent = { ...rest, user: { ...user, limits, namespace: { name: namespace, uuid: namespace } } };
    this.sent.push(sent.activationId);
    this.kafka.append(TOPIC.name, [encodeActivationMessage(sent)]);
  }

  async fetch(): Promise<void> {
    await this.kafka.members.at(-1)?.fetch();
    await settle();
  }

  async finish(which: number): Promise<void> {
    const running = this.life?.running ?? new Map<string, () => void>();
    const id = [...running.keys()][which % Math.max(1, running.size)];
    if (id === undefined) return;
    running.get(id)?.();
    running.delete(id);
    await settle();
  }

  /** @param finishing whether what runs ends by itself; else it is cut off. */
  async stop(finishing: boolean): Promise<void> {
    const { life } = this;
    if (!life) return;
    const stopped = life.invoker.stop(STOP_MS);
    if (finishing) {
      // What begins within the first half of the limit, too.
      const timer = setInterval(() => {
        for (const [id, resolve] of life.running) {
          life.running.delete(id);
          resolve();
        }
      }, 1);
      await stopped;
      clearInterval(timer);
    } else await stopped;
    for (const id of life.running.keys()) this.cutOff.add(id);
    await life.bus.close();
    life.journal.close();
  }

  kill(): void {
    const { life } = this;
    if (!life) return;
    life.killed = true;
    // Its timers end; what it says is not heard.
    void life.invoker.disable();
    for (const id of life.running.keys()) this.cutOff.add(id);
  }

  /** The outcomes that the controllers heard, by activation. */
  acknowledged(): Set<string> {
    const acks = this.kafka.topics.get(topics().completed('0').name)?.messages ?? [];
    return new Set(acks.map(({ value }) => acknowledgedActivation(decodeAcknowledgement(String(value)))));
  }
}

/** What a process that was killed asks of the broker is never answered, and changes nothing. */
function mortal(kafka: FakeKafka, life: { readonly killed: boolean }): KafkaLibrary {
  const never = new Promise<never>(() => {});
  return {
    admin: () => kafka.admin(),
    classify: kafka.classify,
    transport: async () => {
      const transport = await kafka.transport();
      return {
        send: (topic, messages) => (life.killed ? never : transport.send(topic, messages)),
        close: () => transport.close(),
      };
    },
    fetcher: (subscription, sink) => {
      const fetcher = kafka.fetcher(subscription, sink);
      const commit = fetcher.commit.bind(fetcher);
      fetcher.commit = (offsets) => (life.killed ? never : commit(offsets));
      return fetcher;
    },
  };
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      namespace: fc.constantFrom('many', 'few'),
      times: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('finish' as const), which: fc.nat(10) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stop' as const), finishing: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const) }) },
);

describe('an invoker and its successors', function () {
  it('run each activation at most once, and each that was not cut off, whether they are stopped or killed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fc.boolean(), async (steps, unstored) => {
        const all = new Succession(unstored);
        try {
          await all.start();
          for (const one of steps) {
            if (one.do === 'send') for (let i = 0; i < one.times; i++) all.send(one.namespace);
            else if (one.do === 'finish') await all.finish(one.which);
            else {
              if (one.do === 'stop') await all.stop(one.finishing);
              else all.kill();
              await all.start();
            }
            await all.fetch();
          }
          // The last life runs whatever is left.
          while ((all.life?.running.size ?? 0) > 0) await all.finish(0);
          await all.stop(true);
          for (const id of all.sent) {
            const runs = all.runs.get(id) ?? 0;
            assert.ok(runs <= 1, `it ran ${runs} times`);
            const statusCode = all.records.get(id)?.response.statusCode;
            if (!all.cutOff.has(id)) assert.equal(runs, 1, 'it ran');
            if (!unstored) assert.equal(statusCode, all.cutOff.has(id) ? 3 : 0);
          }
          assert.deepEqual(all.acknowledged(), new Set(all.sent));
          assert.equal(all.kafka.committed.get(TOPIC.name) ?? 0, all.sent.length);
        } finally {
          rmSync(all.folder, { recursive: true, force: true });
        }
      }),
      { numRuns: 25 },
    );
  });
});
