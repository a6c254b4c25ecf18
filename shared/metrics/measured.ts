import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { CheapHistogram } from './CheapHistogram.js';
import type { Messaging, Producer } from '../messaging/Messaging.js';
import type { ArtifactStore, Stores } from '../store/ArtifactStore.js';
import type { Logger } from '../logging/Logger.js';
import type { DiskSpace } from '../store/embedded/DiskSpace.js';
import { StoreHealth } from '../store/StoreHealth.js';
import type { ActivationWriteObserver } from '../store/ActivationWriter.js';

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Wraps stores to measure the duration of each call (`store_operation_seconds`). */
export function measuredStores(stores: Stores, registry: Registry, log?: Logger): Stores {
  const health = new StoreHealth(log);
  storeHealthMetrics(health, registry);
  const seconds = new Histogram({
    name: 'store_operation_seconds',
    help: 'Duration of store operations, by database and operation',
    labelNames: ['database', 'operation'] as const,
    buckets: SECONDS,
    registers: [registry],
  });
  const measured = (database: 'whisks' | 'activations' | 'subjects'): ArtifactStore => {
    const store = stores[database];
    const timed = async <T>(operation: string, work: Promise<T>): Promise<T> => {
      const begun = performance.now();
      try {
        return await health.watch(work);
      } finally {
        seconds.observe({ database, operation }, (performance.now() - begun) / 1000);
      }
    };
    return {
      get: (id) => timed('get', store.get(id)),
      put: (document, attachment) => timed('put', store.put(document, attachment)),
      putMany: (documents) => timed('putMany', store.putMany(documents)),
      delete: (id, revision) => timed('delete', store.delete(id, revision)),
      deleteMany: (ids) => timed('deleteMany', store.deleteMany(ids)),
      query: (view, query) => timed('query', store.query(view, query)),
      count: (view, query) => timed('count', store.count(view, query)),
      readAttachment: (id, name) => timed('readAttachment', store.readAttachment(id, name)),
      listDocuments: (after, limit) => timed('listDocuments', store.listDocuments(after, limit)),
      close: () => store.close(),
    };
  };
  return {
    whisks: measured('whisks'),
    activations: measured('activations'),
    subjects: measured('subjects'),
    close: () => stores.close(),
  };
}

/**
 * Wraps the bus to measure the time until it has accepted a message, including the message's patience, and the bus's
 * health.
 */
export function measuredMessaging(messaging: Messaging, registry: Registry): Messaging {
  const seconds = new CheapHistogram({
    name: 'bus_send_seconds',
    help: 'Time until the bus has accepted a message, by topic',
    labelNames: ['topic'] as const,
    buckets: SECONDS,
    registers: [registry],
  });
  const up = new Gauge({
    name: 'bus_up',
    help: 'Whether the bus answers (1) or not (0)',
    registers: [],
    collect() {
      this.set(messaging.health().up ? 1 : 0);
    },
  });
  const age = new Gauge({
    name: 'bus_answer_age_seconds',
    help: 'Time since the last response of the bus; consumers cause at least one request each second',
    registers: [],
    collect() {
      const { answeredAt } = messaging.health();
      if (answeredAt !== undefined) this.set((Date.now() - answeredAt) / 1000);
    },
  });
  registry.registerMetric(up);
  registry.registerMetric(age);
  gauge(
    registry,
    'bus_unreadable_consumers',
    'Consumers that cannot read their next message, since it is damaged; the log says how to go on',
    () => messaging.health().unreadable ?? 0,
  );
  const byTopic = new Map<string, (value: number) => void>();
  const observerOf = (topic: string): ((value: number) => void) => {
    let known = byTopic.get(topic);
    if (!known) byTopic.set(topic, (known = seconds.bind({ topic })));
    return known;
  };
  const measured = (producer: Producer): Producer => ({
    send: (topic, message, options) => {
      const begun = performance.now();
      return producer
        .send(topic, message, options)
        .then(() => observerOf(topic.name)((performance.now() - begun) / 1000));
    },
    ...(producer.keep ? { keep: (topic, message) => producer.keep?.(topic, message) ?? Promise.resolve() } : {}),
    close: () => producer.close(),
  });
  return {
    ensureTopic: (topic) => messaging.ensureTopic(topic),
    producer: async () => measured(await messaging.producer()),
    consume: (options) => messaging.consume(options),
    isHealthy: () => messaging.isHealthy(),
    health: () => messaging.health(),
    close: () => messaging.close(),
  };
}

function storeHealthMetrics(health: StoreHealth, registry: Registry): void {
  gauge(registry, 'store_up', 'Whether the store answers (1) or not (0)', () => (health.isUp ? 1 : 0));
  gauge(
    registry,
    'store_last_answer_age_seconds',
    'Time since the last response of the store',
    () => health.ageMs / 1000,
  );
}

/** Adds gauges of the disk of a data folder. */
export function diskMetrics(disk: Pick<DiskSpace, 'isFull' | 'freeBytes'>, registry: Registry): void {
  const full = 'Whether new work is refused because the disk of the data folder is full (1)';
  gauge(registry, 'data_folder_full', full, () => (disk.isFull ? 1 : 0));
  gauge(registry, 'data_folder_free_bytes', 'Free bytes on the disk of the data folder', () => disk.freeBytes);
}

/** Adds a gauge that is read at each collection. */
function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      collect() {
        this.set(read());
      },
    }),
  );
}

/** Counts the activation records that wait for the store, and measures the duration of batches. */
export function activationWriteMetrics(registry: Registry): ActivationWriteObserver {
  const registers = [registry];
  const batch = new Histogram({
    name: 'activation_batch_seconds',
    help: 'Time until a batch of activation records is durable',
    buckets: SECONDS,
    registers,
  });
  const records = new Gauge({
    name: 'activation_backlog_records',
    help: 'Activation records that wait for the store',
    registers,
  });
  const bytes = new Gauge({
    name: 'activation_backlog_bytes',
    help: 'Approximate bytes of the activation records that wait for the store',
    registers,
  });
  const failures = new Counter({
    name: 'activation_batch_failures_total',
    help: 'Batches of activation records that failed and were retried',
    registers,
  });
  return {
    stored: (_records, ms) => batch.observe(ms / 1000),
    failed: () => failures.inc(),
    backlog: (waiting, size) => {
      records.set(waiting);
      bytes.set(size);
    },
  };
}
