import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Messaging, Producer } from '../messaging/Messaging.js';
import type { ArtifactStore, Stores } from '../store/ArtifactStore.js';
import type { Logger } from '../logging/Logger.js';
import type { DiskSpace } from '../store/embedded/DiskSpace.js';
import { StoreHealth } from '../store/StoreHealth.js';
import type { ActivationWriteObserver } from '../store/ActivationWriter.js';

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The same stores, with the time that each call takes in `store_operation_seconds`, by database and operation. */
export function measuredStores(stores: Stores, registry: Registry, log?: Logger): Stores {
  const health = new StoreHealth(log);
  storeHealthMetrics(health, registry);
  const seconds = new Histogram({
    name: 'store_operation_seconds',
    help: 'Time that the store takes, by database and operation',
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
 * The same bus, with metrics of it: the time until it has a message by topic (a message's patience is part of it), whether
 * it answers, and when it did last.
 */
export function measuredMessaging(messaging: Messaging, registry: Registry): Messaging {
  const seconds = new Histogram({
    name: 'bus_send_seconds',
    help: 'Time until the bus has taken a message, by topic',
    labelNames: ['topic'] as const,
    buckets: SECONDS,
    registers: [registry],
  });
  const up = new Gauge({
    name: 'bus_up',
    help: '1 while the bus answers, 0 while it is away',
    registers: [],
    collect() {
      this.set(messaging.health().up ? 1 : 0);
    },
  });
  const age = new Gauge({
    name: 'bus_answer_age_seconds',
    help: 'Time since the bus answered last; it is asked at least each second where something is consumed',
    registers: [],
    collect() {
      const { answeredAt } = messaging.health();
      if (answeredAt !== undefined) this.set((Date.now() - answeredAt) / 1000);
    },
  });
  registry.registerMetric(up);
  registry.registerMetric(age);
  const measured = (producer: Producer): Producer => ({
    send: async (topic, message, options) => {
      const begun = performance.now();
      await producer.send(topic, message, options);
      seconds.observe({ topic: topic.name }, (performance.now() - begun) / 1000);
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
  gauge(registry, 'store_up', 'Whether the store answers (1) or is away (0)', () => (health.isUp ? 1 : 0));
  gauge(registry, 'store_last_answer_age_seconds', 'Time since the store answered last', () => health.ageMs / 1000);
}

/** The room on the disk of a data folder. */
export function diskMetrics(disk: Pick<DiskSpace, 'isFull' | 'freeBytes'>, registry: Registry): void {
  const full = 'Whether new work is refused since the disk of the data folder is full (1)';
  gauge(registry, 'data_folder_full', full, () => (disk.isFull ? 1 : 0));
  gauge(registry, 'data_folder_free_bytes', 'Free bytes on the disk of the data folder', () => disk.freeBytes);
}

/** A gauge that is read when the metrics are. */
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

/** Counts the records of activations that wait to be stored, and times their batches. */
export function activationWriteMetrics(registry: Registry): ActivationWriteObserver {
  const registers = [registry];
  const batch = new Histogram({
    name: 'activation_batch_seconds',
    help: 'Time until a batch of activation records is durable',
    buckets: SECONDS,
    registers,
  });
  const records = new Gauge({ name: 'activation_backlog_records', help: 'Activation records that wait', registers });
  const bytes = new Gauge({ name: 'activation_backlog_bytes', help: 'About how many bytes they have', registers });
  const failures = new Counter({
    name: 'activation_batch_failures_total',
    help: 'Batches that the store did not take and that were tried again',
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
