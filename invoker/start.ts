import type { SecureContextOptions, TlsOptions } from 'node:tls';
import { join } from 'node:path';
import { operatorPolicy, TOKEN_USER } from '../shared/access/operators.js';
import type { ObjectSharing } from '../shared/config/objectSharingSettings.js';
import { ControllerHomes } from './objects/ControllerHomes.js';
import { ConfigurationError } from '../shared/config/Setting.js';
import type { InvokerProcessConfig } from '../shared/config/invokerConfig.js';
import { assignInvokerId } from '../shared/invokers/invokerIds.js';
import type { Logger } from '../shared/logging/Logger.js';
import { invokerInstance, type InvokerInstance } from '../shared/messages/instances.js';
import { openKafka } from '../shared/messaging/clients/openKafka.js';
import { topics } from '../shared/messaging/topics.js';
import { openPlatform } from '../shared/platform/openPlatform.js';
import { messageOf } from '../shared/errors/reasons.js';
import { hideEnvironment } from '../shared/process/hideEnvironment.js';
import type { Lifecycle } from '../shared/process/Lifecycle.js';
import { configuredRuntimes } from '../shared/runtimes/configured.js';
import { KindAvailability, type KindProbe } from '../shared/runtimes/KindAvailability.js';
import type { ArtifactStore } from '../shared/store/ArtifactStore.js';
import { CachedEntityStore } from '../shared/store/CachedEntityStore.js';
import { COMMIT_PACE, openCouchStores } from '../shared/store/couchdb/open.js';
import { BegunJournal, damageOf } from './activations/BegunJournal.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from './Invoker.js';
import type { ContainerDriver } from './containers/ContainerDriver.js';
import { usableArgs } from './containers/docker/extraArgs.js';
import { limitStarts } from './containers/limitStarts.js';
import { ownerOf } from './containers/owner.js';
import { invokerServer } from './http.js';
import { ObjectMetrics } from './objects/ObjectMetrics.js';
import { openObjects } from './objects/openObjects.js';
import { InvokerMetrics } from './pool/InvokerMetrics.js';

/** The additional time to leave the bus and to remove containers after the activations ended, in ms. */
const LEAVE_MS = 30_000;

/** How long other invokers may take to take over the objects of one that leaves, in ms. */
const OBJECTS_DRAIN_MS = 15_000;

/** The delay before another check for the image of a kind that cannot run, in ms. */
const KINDS_FRESH_MS = 60_000;

/** Starts an invoker process on CouchDB and Kafka. Waits for both and logs the wait. */
export async function startInvoker(life: Lifecycle, config: InvokerProcessConfig, log: Logger): Promise<void> {
  const operator = operatorPolicy(config.operator);
  life.stopWithin(config.drainTimeoutMs + LEAVE_MS);
  const platform = await openPlatform(life, {
    log,
    runtimes: configuredRuntimes(config.runtimes),
    encryption: config.encryption,
    topics: topics(config.topicsPrefix, {
      eventsPrefix: config.userEventPrefix,
      maxPayloadBytes: config.limits.maxPayloadBytes,
      limits: config.topicLimits,
    }),
    openStores: () => openCouchStores(config.couchDb, log.component('couchdb'), life.stopping),
    openMessaging: () => openKafka(config.kafkaClient, { ...config.kafka, log: log.component('kafka') }),
    recordPace: COMMIT_PACE,
  });
  const { stores, activations, encryption, registry } = platform;
  const instance = await instanceOf(config, stores.whisks);
  const owner = ownerOf(config.topicsPrefix, instance.instance, instance.uniqueName);
  const { driver, probe, gateway } = await containerDriver(config, owner, log);
  life.opened('containers', () => driver.close());

  const kinds = new KindAvailability({
    runtimes: platform.runtimes,
    probe,
    log: log.component('runtimes'),
    now: Date.now,
    freshMs: KINDS_FRESH_MS,
  });
  void kinds.announce();

  const journal = new BegunJournal(join(config.stateFolder, `${owner}.begun`));
  const damage = damageOf(journal, owner);
  if (damage !== undefined) log.warn(damage);
  life.opened('journal', async () => journal.close());

  const sharing = config.objectSharing && sharingOf(life, config.objectSharing, config, instance.instance);
  const invoker = new Invoker({
    ...platform,
    config: {
      ...DEFAULT_INVOKER_CONFIG,
      ...config,
      instance,
      extraEnvironment: config.containerArgs.extraEnvironment,
    },
    entities: new CachedEntityStore(stores.whisks, { maxStaleMs: config.couchDb.maxStaleMs }),
    subjects: stores.subjects,
    recorder: { record: (record) => activations.store(record), room: () => activations.room() },
    journal,
    driver,
    unavailableKinds: () => kinds.unavailable(),
    decrypt: (cipher, value) => encryption.decrypt(cipher, value),
    metrics: new InvokerMetrics(registry),
    objects: openObjects({
      config: config.objects,
      invoker: `invoker${instance.instance}`,
      owner,
      driver,
      gateway,
      metrics: new ObjectMetrics(registry),
      instance: instance.instance,
      sharing,
      store: stores.whisks,
      log,
    }),
  });
  const server = invokerServer({ invoker, registry, operator, tls: config.tls });
  life.opened('server', async () => {
    server.close();
    server.closeAllConnections();
  });
  life.opened(invoker.displayName, () => invoker.stop(config.drainTimeoutMs));
  await invoker.start();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(config.port, config.host, resolve);
  });
  if (operator.token !== undefined) {
    log.info(`POST /disable and /enable take -u ${TOKEN_USER}:${operator.token} until the next start`);
  }
}

/** Shares objects with other invokers; asks the controllers for homes. */
function sharingOf(
  life: Lifecycle,
  { secret, url, peerTls }: ObjectSharing,
  { host, tls }: Pick<InvokerProcessConfig, 'host' | 'tls'>,
  instance: number,
) {
  const controllers = new ControllerHomes(secret, `invoker${instance}`, peerTls);
  life.opened('questions about objects', () => controllers.close());
  return {
    secret,
    url,
    host,
    // The cluster secret shows who asks, not a certificate.
    tls: tls && certificateOf(tls),
    peerTls,
    homes: (namespace: string, color: string, policy: string | undefined) => controllers.ask(namespace, color, policy),
    invokers: () => controllers.askInvokers(),
    onController: (controller: string) => controllers.note(controller),
    drainMs: OBJECTS_DRAIN_MS,
  };
}

const certificateOf = ({ cert, key, pfx, passphrase }: TlsOptions): SecureContextOptions =>
  pfx === undefined ? { cert, key, passphrase } : { pfx, passphrase };

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

/** Makes the driver. Loads dockerode only for Docker. */
async function containerDriver(
  { containers, containerArgs, runtimes: { localImagePrefix } }: InvokerProcessConfig,
  owner: string,
  log: Logger,
): Promise<{ readonly driver: ContainerDriver; readonly probe: KindProbe; readonly gateway?: string | undefined }> {
  if (containers.driver === 'oci') {
    if (containers.gpus !== undefined) throw new ConfigurationError('CONTAINER_GPUS needs CONTAINER_DRIVER=docker');
    const { openOci } = await import('./containers/oci/open.js');
    const opened = await openOci(containers, localImagePrefix, log);
    if (!opened.usable) throw new ConfigurationError(opened.reason);
    return {
      driver: limitStarts(opened.driver(owner), containers.parallelRuns),
      probe: opened.probe(),
      gateway: opened.gateway,
    };
  }
  if (containers.driver !== 'docker') {
    if (containers.gpus !== undefined) {
      throw new ConfigurationError(`CONTAINER_GPUS needs Docker: this invoker runs actions in processes`);
    }
    const { ProcessDriver } = await import('./containers/process/ProcessDriver.js');
    const { detectSandbox } = await import('./containers/process/sandbox.js');
    const sandbox = containers.driver === 'sandbox';
    const found = sandbox ? await detectSandbox() : undefined;
    if (found?.usable === false) throw new ConfigurationError(found.reason);
    if (!sandbox) hideEnvironment();
    const { processProbe } = await import('./containers/process/probeKind.js');
    return {
      driver: new ProcessDriver({
        logger: log.component('process'),
        owner,
        sandbox,
        pidsLimit: containers.pidsLimit,
        cpuShares: containers.cpuShares,
      }),
      probe: processProbe(),
    };
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
  if (containers.gpus !== undefined) {
    const { gpuRefusal } = await import('./containers/docker/gpus.js');
    const refusal = await gpuRefusal(found.docker, containers.gpus, owner).catch(messageOf);
    if (refusal !== undefined) throw new ConfigurationError(refusal);
  }
  const { driver: _, parallelRuns, openFiles, diskBytes, ...dockerSettings } = containers;
  if (diskBytes > 0 && !found.limitsDisk) {
    log.warn('containers may fill the disk: the storage driver of Docker has no quotas (docs/security.md)');
  }
  const driver = new DockerDriver({
    docker: found.docker,
    reach: found.reach,
    logger: log.component('docker'),
    owner,
    ...dockerSettings,
    localImagePrefix,
    extraArgs: usableArgs(containerArgs.extraArgs),
    diskBytes: found.limitsDisk ? diskBytes : 0,
    sharesFiles: found.sharesFiles,
    ulimits: [{ name: 'nofile', soft: openFiles, hard: openFiles }],
  });
  const { dockerProbe } = await import('./containers/docker/probeKind.js');
  const { BUILT_BY_HAND } = await import('./containers/docker/LocalImages.js');
  const probe = dockerProbe(found.docker, localImagePrefix, BUILT_BY_HAND);
  return { driver: limitStarts(driver, parallelRuns), probe, gateway: network.gateway };
}
