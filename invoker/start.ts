import { collectDefaultMetrics, Registry } from 'prom-client';
import { ConfigurationError } from '../shared/config/Setting.js';
import type { InvokerProcessConfig } from '../shared/config/invokerConfig.js';
import { assignInvokerId } from '../shared/invokers/invokerIds.js';
import type { Logger } from '../shared/logging/Logger.js';
import { invokerInstance, type InvokerInstance } from '../shared/messages/instances.js';
import { openKafka } from '../shared/messaging/openKafka.js';
import { topics } from '../shared/messaging/topics.js';
import { activationWriteMetrics, measuredMessaging, measuredStores } from '../shared/metrics/measured.js';
import { parameterEncryption } from '../shared/parameters/encryption.js';
import { stopAll, type Stoppable } from '../shared/process/shutdown.js';
import { configuredRuntimes } from '../shared/runtimes/configured.js';
import type { ArtifactStore } from '../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../shared/store/BatchingActivationStore.js';
import { CachedEntityStore } from '../shared/store/CachedEntityStore.js';
import { COMMIT_PACE, openCouchStores } from '../shared/store/couchdb/open.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from './Invoker.js';
import type { ContainerDriver } from './containers/ContainerDriver.js';
import { limitStarts } from './containers/limitStarts.js';
import { invokerServer } from './http.js';
import { InvokerMetrics } from './pool/metrics.js';

/**
 * Starts an invoker as a process of its own, on CouchDB and Kafka: waits for both, and says so. Resolves to what has to
 * be stopped, in this order; nothing is left behind where it fails.
 */
export async function startInvoker(config: InvokerProcessConfig, log: Logger): Promise<Stoppable[]> {
  const parts: Stoppable[] = [];
  const opened = (name: string, stop: () => Promise<void>): void => void parts.unshift({ name, stop });
  try {
    const runtimes = configuredRuntimes(config.runtimes);
    const encryption = parameterEncryption(config.encryption);
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });

    const stores = measuredStores(await openCouchStores(config.couchDb, log.component('couchdb')), registry);
    opened('store', () => stores.close());
    const activations = new BatchingActivationStore(stores.activations, {
      ...COMMIT_PACE,
      log: log.component('activations'),
      observer: activationWriteMetrics(registry),
    });
    opened('activation records', () => activations.close());
    const instance = await instanceOf(config, stores.whisks);
    const driver = await containerDriver(config, instance, log);
    opened('containers', () => driver.close());
    const kafka = await openKafka(config.kafkaClient, { ...config.kafka, log: log.component('kafka') });
    const messaging = measuredMessaging(kafka, registry);
    opened('bus', () => messaging.close());

    const invoker = new Invoker({
      config: { ...DEFAULT_INVOKER_CONFIG, ...config, instance },
      messaging,
      topics: topics(config.topicsPrefix, {
        eventsPrefix: config.userEventPrefix,
        maxPayloadBytes: config.limits.maxPayloadBytes,
        limits: config.topicLimits,
      }),
      entities: new CachedEntityStore(stores.whisks),
      subjects: stores.subjects,
      activations,
      recorder: { record: (record) => activations.store(record) },
      driver,
      runtimes,
      decrypt: (cipher, value) => encryption.decrypt(cipher, value),
      metrics: new InvokerMetrics(registry),
      log,
    });
    opened(invoker.displayName, () => invoker.stop(config.drainTimeoutMs));
    await invoker.start();

    const server = invokerServer({ invoker, registry, operator: config.operator, tls: config.tls });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(config.port, config.host, resolve);
    });
    parts.push({
      name: 'server',
      stop: async () => {
        server.close();
        server.closeAllConnections();
      },
    });
    return parts;
  } catch (error) {
    await stopAll(parts, log);
    throw error;
  }
}

async function instanceOf(config: InvokerProcessConfig, whisks: ArtifactStore): Promise<InvokerInstance> {
  const { uniqueName, displayedName, overwriteId, tags, dedicatedNamespaces, userMemoryMB } = config;
  const id = config.id ?? (await assignInvokerId(whisks, uniqueName, overwriteId));
  return {
    ...invokerInstance(id, uniqueName, userMemoryMB),
    ...(displayedName === undefined ? {} : { displayedName }),
    tags: [...tags],
    dedicatedNamespaces: [...dedicatedNamespaces],
  };
}

/** Dockerode is loaded only where it is needed. */
async function containerDriver(
  { containers, topicsPrefix }: InvokerProcessConfig,
  { instance, uniqueName }: InvokerInstance,
  log: Logger,
): Promise<ContainerDriver> {
  const owner = `${topicsPrefix}invoker${instance}-${uniqueName ?? ''}`.replaceAll(/[^\w-]/g, '-');
  if (containers.driver === 'process') {
    const { ProcessDriver } = await import('./containers/process/ProcessDriver.js');
    return new ProcessDriver({ logger: log.component('process'), owner });
  }
  const { detectDocker } = await import('./containers/docker/detect.js');
  const found = await detectDocker();
  if (!found.usable) throw new ConfigurationError(found.reason);
  const { DockerDriver } = await import('./containers/docker/DockerDriver.js');
  const { actionNetwork, warnOfOpenNetwork } = await import('./containers/docker/network.js');
  const network = await actionNetwork(found.docker, containers.network).catch((error: Error) => {
    throw new ConfigurationError(error.message);
  });
  warnOfOpenNetwork(network, log);
  const { driver: _, parallelRuns, openFiles, ...dockerSettings } = containers;
  const driver = new DockerDriver({
    docker: found.docker,
    reach: found.reach,
    logger: log.component('docker'),
    owner,
    ...dockerSettings,
    ulimits: [{ name: 'nofile', soft: openFiles, hard: openFiles }],
  });
  return limitStarts(driver, parallelRuns);
}
