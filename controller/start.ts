import { programVersion } from '../shared/process/version.js';
import { operatorPolicy, TOKEN_USER } from '../shared/access/operators.js';
import type { ControllerConfig } from '../shared/config/controllerConfig.js';
import { advertisedUrl } from '../shared/config/objectSharingSettings.js';
import { withPolicyFile } from '../shared/config/loadPolicy.js';
import type { Logger } from '../shared/logging/Logger.js';
import { openKafka } from '../shared/messaging/clients/openKafka.js';
import { topics } from '../shared/messaging/topics.js';
import { openPlatform } from '../shared/platform/openPlatform.js';
import type { Lifecycle } from '../shared/process/Lifecycle.js';
import { configuredRuntimes } from '../shared/runtimes/configured.js';
import { COMMIT_PACE, openCouchStores } from '../shared/store/couchdb/open.js';
import { SubjectStore } from '../shared/store/SubjectStore.js';
import { actionKeySecret, withActionKeys } from './authentication/actionKeys.js';
import { Controller } from './Controller.js';
import { HttpServer } from './http/HttpServer.js';
import { SharedRuns } from './invocation/SharedRuns.js';
import { StandIns } from './invocation/StandIns.js';
import { balancerOptions } from './loadbalancer/ShardingBalancer.js';

/** The longest wait at the stop for requests and for sequences without a waiting caller, in ms. */
const DRAIN_MS = 60_000;
/** The additional time to leave bus and store, in ms. */
const LEAVE_MS = 30_000;

/** The URL at which invokers reach this controller. */
const ownUrl = ({ tls, host, port }: ControllerConfig): string => advertisedUrl(tls ? 'https' : 'http', host, port);

/** Starts a controller process on CouchDB and Kafka. Waits for both and logs the wait. */
export async function startController(life: Lifecycle, config: ControllerConfig, log: Logger): Promise<void> {
  const operator = operatorPolicy(config.operator);
  life.stopWithin(DRAIN_MS + LEAVE_MS);
  const name = `controller${config.id}`;
  const { limits } = config;
  const colors = await withPolicyFile(config.loadBalancer.colors, log.component('colors'));
  const platform = await openPlatform(life, {
    log,
    runtimes: configuredRuntimes(config.runtimes),
    encryption: config.encryption,
    topics: topics(config.topicsPrefix, {
      eventsPrefix: config.userEventPrefix,
      maxPayloadBytes: limits.maxPayloadBytes,
      limits: config.topicLimits,
    }),
    openStores: () => openCouchStores(config.couchDb, log.component('couchdb'), life.stopping),
    openMessaging: () => openKafka(config.kafkaClient, { ...config.kafka, log: log.component('kafka') }),
    recordPace: COMMIT_PACE,
  });

  const { subjects } = platform.stores;
  const { maxInlineBytes, maxStaleMs } = config.couchDb;
  const shared = { ...platform, log: log.component('accepted'), now: Date.now };
  const work = await SharedRuns.start({ ...shared, topic: platform.topics.accepted(config.id) });
  life.opened('accepted work', () => work.close());
  const standIns = new StandIns({
    ...shared,
    topic: platform.topics.accepted,
    self: config.id,
    afterMs: config.standInAfterMs,
  });
  life.opened('work of silent controllers', () => standIns.close());
  const controller = await Controller.start({
    ...platform,
    work,
    onControllers: (controllers, silent) => standIns.changed(controllers, silent),
    whisks: platform.stores.whisks,
    subjects: withActionKeys(new SubjectStore(subjects, { maxStaleMs }), () => actionKeySecret(subjects)),
    instance: { asString: config.id, instanceType: 'controller' },
    config: {
      ...config,
      operator,
      maxInlineBytes,
      maxStaleMs,
      balancer: {
        ...balancerOptions({ ...config.loadBalancer, colors }, limits),
        objectsUrl: config.objects && (config.objects.url ?? ownUrl(config)),
      },
      objectsSecret: config.objects?.secret,
      objectsTls: config.objects?.peerTls,
      build: { number: 'distributed', date: new Date().toISOString(), version: programVersion() },
    },
  });
  life.opened(name, () => controller.close());

  const server = new HttpServer(undefined, config);
  life.opened(`${name}'s requests`, () => controller.drain(server, DRAIN_MS));
  const { port } = await server.listen(config.port, config.host);
  controller.serve(server);
  log.info(`${name} answers at ${config.host}:${port}`);
  if (operator.token !== undefined) {
    log.info(`POST /disable and /enable take -u ${TOKEN_USER}:${operator.token} until the next start`);
  }
}
