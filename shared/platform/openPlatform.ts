import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Logger } from '../logging/Logger.js';
import type { Messaging } from '../messaging/Messaging.js';
import type { Topics } from '../messaging/topics.js';
import { activationWriteMetrics, measuredMessaging, measuredStores } from '../metrics/measured.js';
import { parameterEncryption, type EncryptionConfig } from '../parameters/encryption.js';
import type { Lifecycle } from '../process/Lifecycle.js';
import type { Runtimes } from '../runtimes/manifest.js';
import type { Stores } from '../store/ArtifactStore.js';
import { BatchingActivationStore, type ActivationWriteOptions } from '../store/BatchingActivationStore.js';

/** The configuration of the platform. The distributed and the standalone server differ in it. */
export interface PlatformConfig {
  readonly log: Logger;
  readonly runtimes: Runtimes;
  readonly topics: Topics;
  readonly encryption: EncryptionConfig;
  /** The registry of metrics; missing: a new one. */
  readonly registry?: Registry | undefined;
  readonly openStores: () => Promise<Stores>;
  readonly openMessaging: () => Promise<Messaging>;
  /** The interval of writes of activation records; missing: none. */
  /** Throws if new work must be refused: see `WriterOptions`. */
  readonly requireRoom?: (() => void) | undefined;
  readonly recordPace?: Pick<ActivationWriteOptions, 'intervalMs' | 'maxIntervalMs'> | undefined;
}

/** The common parts of controllers and invokers. The lifecycle closes them. */
export interface Platform {
  readonly log: Logger;
  readonly registry: Registry;
  readonly stores: Stores;
  readonly activations: BatchingActivationStore;
  readonly messaging: Messaging;
  readonly topics: Topics;
  readonly runtimes: Runtimes;
  readonly encryption: ReturnType<typeof parameterEncryption>;
}

/**
 * Opens metrics, stores, activation records and bus, in this order.
 * @throws the errors of opening the stores or the bus.
 */
export async function openPlatform(life: Lifecycle, config: PlatformConfig): Promise<Platform> {
  const { log, runtimes, topics } = config;
  const encryption = parameterEncryption(config.encryption);
  const registry = config.registry ?? new Registry();
  collectDefaultMetrics({ register: registry });

  const stores = measuredStores(await config.openStores(), registry, log.component('store'));
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= stores.close());
  life.opened('store', close);
  life.beforeExit('store', close);
  const activations = new BatchingActivationStore(stores.activations, {
    ...config.recordPace,
    ...(config.requireRoom ? { requireRoom: config.requireRoom } : {}),
    log: log.component('activations'),
    observer: activationWriteMetrics(registry),
  });
  life.opened('activation records', () => activations.close());
  const messaging = measuredMessaging(await config.openMessaging(), registry);
  life.opened('bus', () => messaging.close());
  return { log, registry, stores, activations, messaging, topics, runtimes, encryption };
}
