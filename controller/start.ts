import { collectDefaultMetrics, Registry } from 'prom-client';
import type { ControllerConfig } from '../shared/config/controllerConfig.js';
import type { Logger } from '../shared/logging/Logger.js';
import { openKafka } from '../shared/messaging/openKafka.js';
import { topics } from '../shared/messaging/topics.js';
import { activationWriteMetrics, measuredMessaging, measuredStores } from '../shared/metrics/measured.js';
import { stopAll, type Stoppable } from '../shared/process/shutdown.js';
import { configuredRuntimes } from '../shared/runtimes/configured.js';
import { BatchingActivationStore } from '../shared/store/BatchingActivationStore.js';
import { COMMIT_PACE, openCouchStores } from '../shared/store/couchdb/open.js';
import { SubjectStore } from '../shared/store/SubjectStore.js';
import { Controller } from './controller.js';
import { balancerOptions } from './loadbalancer/ShardingBalancer.js';

/** How long requests, and sequences that nobody waits for, may take to finish at the end, in ms. */
export const DRAIN_MS = 60_000;

/**
 * Starts a controller as a process of its own, on CouchDB and Kafka: waits for both, and says so. Resolves to what has to
 * be stopped, in this order; nothing is left behind where it fails.
 */
export async function startController(config: ControllerConfig, log: Logger): Promise<Stoppable[]> {
  const parts: Stoppable[] = [];
  const opened = (name: string, stop: () => Promise<void>): void => void parts.unshift({ name, stop });
  try {
    const runtimes = configuredRuntimes(config.runtimes);
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
    const kafka = await openKafka(config.kafkaClient, { ...config.kafka, log: log.component('kafka') });
    const messaging = measuredMessaging(kafka, registry);
    opened('bus', () => messaging.close());

    const { limits, encryption, operator, readinessFraction, userEvents, catalog, maxConnections } = config;
    const controller = await Controller.start({
      instance: { asString: config.id, instanceType: 'controller' },
      config: {
        limits,
        encryption,
        operator,
        readinessFraction,
        userEvents,
        catalog,
        maxConnections,
        maxInlineBytes: config.couchDb.maxInlineBytes,
        tls: config.tls,
        balancer: balancerOptions(config.loadBalancer, limits),
        sharedPackagesExecuteOnly: config.sharedPackagesExecuteOnly,
        requireApiKeyAnnotation: config.requireApiKeyAnnotation,
        requireResponsePayload: config.requireResponsePayload,
        transactionHeader: config.transactionHeader,
        build: { number: 'distributed', date: new Date().toISOString() },
      },
      whisks: stores.whisks,
      activations,
      subjects: new SubjectStore(stores.subjects),
      messaging,
      topics: topics(config.topicsPrefix, {
        eventsPrefix: config.userEventPrefix,
        maxPayloadBytes: limits.maxPayloadBytes,
        limits: config.topicLimits,
      }),
      runtimes,
      log,
      registry,
    });
    opened(`controller${config.id}`, () => controller.stop(DRAIN_MS));
    const { port } = await controller.listen(config.port, config.host);
    log.info(`controller${config.id} answers at ${config.host}:${port}`);
    return parts;
  } catch (error) {
    await stopAll(parts, log);
    throw error;
  }
}
