import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { actionKeySecret, withActionKeys } from '../../controller/authentication/actionKeys.js';
import { Controller } from '../../controller/Controller.js';
import { HttpServer } from '../../controller/http/HttpServer.js';
import { AcceptedRuns } from '../../controller/invocation/AcceptedRuns.js';
import { BALANCER } from '../../controller/loadbalancer/ShardingBalancer.js';
import { BegunJournal } from '../../invoker/activations/BegunJournal.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from '../../invoker/Invoker.js';
import { InvokerMetrics } from '../../invoker/pool/InvokerMetrics.js';
import { operatorPolicy, type OperatorPolicy } from '../../shared/access/operators.js';
import { environment } from '../../shared/config/environment.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { invokerInstance } from '../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../shared/messaging/embedded/EmbeddedMessaging.js';
import { KeptMessages } from '../../shared/messaging/embedded/KeptMessages.js';
import { withPolicyFile } from '../../shared/config/loadPolicy.js';
import { topics } from '../../shared/messaging/topics.js';
import { openPlatform, type Platform } from '../../shared/platform/openPlatform.js';
import type { Lifecycle } from '../../shared/process/Lifecycle.js';
import { loadManifest } from '../../shared/runtimes/manifest.js';
import { CachedEntityStore } from '../../shared/store/CachedEntityStore.js';
import { diskMetrics } from '../../shared/metrics/measured.js';
import { DiskSpace } from '../../shared/store/embedded/DiskSpace.js';
import { Retention } from '../../shared/store/embedded/Retention.js';
import { openEmbeddedStores, type EmbeddedStores } from '../../shared/store/embedded/open.js';
import { KindAvailability } from '../../shared/runtimes/KindAvailability.js';
import { SubjectStore } from '../../shared/store/SubjectStore.js';
import { chooseContainers, requireIsolation, type ChosenContainers } from './containers.js';
import type { StandaloneOptions } from './options.js';
import { standaloneSettings } from './settings.js';
import { installUsers, readUsersFile } from './users.js';

/** A running standalone server. */
export interface StandaloneServer {
  readonly url: string;
  readonly containers: ChosenContainers;
  readonly dataFolder: string;
  readonly operator: OperatorPolicy;
}

/** The longest wait of an action's creation for the check of its kind, in ms. */
const KIND_CHECK_MS = 500;

/** The longest wait at the stop for requests, and then for activations, in ms. */
const DRAIN_MS = 20_000;

/**
 * Starts controller, invokers, store and bus in this process.
 * @throws UsageError, StoreError, or the error of `listen`.
 */
export async function startStandalone(
  life: Lifecycle,
  options: StandaloneOptions,
  log: Logger,
): Promise<StandaloneServer> {
  const dataFolder = resolve(options.dataFolder);
  const settings = standaloneSettings(environment());
  const { limits } = settings;
  const operator = operatorPolicy(settings.operator);
  const moreUsers = options.usersFile === undefined ? [] : readUsersFile(options.usersFile);
  const runtimes = loadManifest(options.manifestFile);

  // Bind the address first, to report at once that it is in use. Early requests wait.
  const server = new HttpServer();
  life.opened('address', () => server.stop(0));
  const { port } = await server.listen(options.port, options.host);

  let embedded: EmbeddedStores | undefined;
  const disk = new DiskSpace({ folder: dataFolder, log: log.component('store') });
  const onFailure = (error: Error): void => disk.writeFailed(error);
  const platform = await openPlatform(life, {
    log,
    runtimes,
    encryption: settings.encryption,
    topics: topics(),
    openStores: async () =>
      (embedded = await openEmbeddedStores(dataFolder, {
        durability: options.durability,
        onFailure,
        mayWrite: () => disk.mayWrite(),
      })),
    requireRoom: () => disk.requireRoom(),
    openMessaging: async () => keptMessaging(embedded, options.invokers, log.component('bus')),
  });
  await disk.start();
  life.opened('disk space', async () => disk.stop());
  diskMetrics(disk, platform.registry);
  if (embedded) keepActivations(life, embedded, options, log);
  const work = embedded && new AcceptedRuns(embedded.runs);
  await work?.recover(platform.activations, Date.now(), log);
  const { stores } = platform;
  const left = await installUsers(stores.subjects, moreUsers);
  if (left.length > 0) {
    log.warn('kept existing users that differ from the users file: npm run admin changes users', {
      users: left.join(', '),
    });
  }
  const colors = await withPolicyFile({
    ...settings.colors,
    policy: options.colorPolicy ?? settings.colors.policy,
    // There are no other controllers, and no color table outlives this process.
    shared: false,
  });
  const containers = await chooseContainers(options.driver, log, runtimes);
  requireIsolation(containers, options);
  if (containers.gateway !== undefined && options.host !== '0.0.0.0' && options.host !== '::') {
    await server.listen(port, containers.gateway);
  }

  const kinds = new KindAvailability({
    runtimes,
    probe: containers.probe,
    log: log.component('runtimes'),
    now: Date.now,
  });
  void kinds.announce();
  const subjects = new SubjectStore(stores.subjects);
  const controller = await Controller.start({
    ...platform,
    work,
    whisks: stores.whisks,
    unavailable: (kind) => kinds.reasonWithin(kind, KIND_CHECK_MS),
    // Well-known keys work only from this machine's loopback interface, but actions call from containers.
    subjects:
      containers.kind === 'docker' ? withActionKeys(subjects, () => actionKeySecret(stores.subjects)) : subjects,
    instance: { asString: '0', instanceType: 'controller' },
    config: {
      limits,
      // Invokers in the same process need no health test, so that the first invocation need not wait for it.
      balancer: {
        ...BALANCER,
        supervision: { ...BALANCER.supervision, trustNew: true },
        colors,
      },
      sharedPackagesExecuteOnly: settings.sharedPackagesExecuteOnly,
      operator,
      wellKnownKeys: options.wellKnownKeys ?? settings.wellKnownKeys,
      readinessFraction: 1,
      userEvents: settings.userEvents,
      catalog: options.catalog,
      build: { number: 'standalone', date: new Date().toISOString() },
    },
  });
  life.opened('controller', () => controller.close());

  const parts = invokerParts(platform);
  for (let instance = 0; instance < options.invokers; instance++) {
    const driver = containers.driver(`standalone-${fingerprint(dataFolder)}-${instance}`);
    life.opened(`containers of invoker${instance}`, () => driver.close());
    const journal = new BegunJournal(join(dataFolder, `invoker${instance}.begun`));
    life.opened(`journal of invoker${instance}`, async () => journal.close());
    const invoker = new Invoker({
      ...parts,
      journal,
      answers: work,
      driver,
      config: {
        ...DEFAULT_INVOKER_CONFIG,
        instance: invokerInstance(instance, String(instance), options.userMemoryMB),
        userMemoryMB: options.userMemoryMB,
        limits,
        userEvents: settings.userEvents,
        pauseGraceMs: settings.pauseGraceMs,
        idleContainerMs: settings.idleContainerMs,
        apiHost: `http://${containers.gateway ?? urlHost(options.host)}:${port}`,
      },
    });
    life.opened(`invoker${instance}`, () => invoker.stop(DRAIN_MS));
    await invoker.start();
  }
  // Drain requests and accepted work first, while invokers still run: the work is only on the bus of this process.
  life.opened('requests', () => controller.drain(server, DRAIN_MS, { finishActivations: true }));
  controller.serve(server);
  return { url: `http://${urlHost(options.host)}:${port}`, containers, dataFolder, operator };
}

/** Starts the removal of old activation records. */
function keepActivations(
  life: Lifecycle,
  stores: EmbeddedStores,
  { keepActivations: limits }: StandaloneOptions,
  log: Logger,
): void {
  if (limits.maxAgeMs === undefined && limits.maxBytes === undefined) return;
  const { activations } = stores;
  const usedBytes = (): number => stores.usedBytes();
  const retention = new Retention({ limits, activations, usedBytes, log: log.component('retention') });
  life.opened('retention', () => retention.stop());
  retention.start();
}

/** The bus of this process. Accepted activations outlive the process. */
async function keptMessaging(
  stores: EmbeddedStores | undefined,
  invokers: number,
  log: Logger,
): Promise<EmbeddedMessaging> {
  if (!stores) return new EmbeddedMessaging({ log });
  const kept = new KeptMessages({ entries: stores.messages, keeps: (topic) => INVOKER_TOPIC.test(topic), log });
  // Move messages of invokers that this run does not have.
  for (const topic of kept.topics()) {
    const number = Number(INVOKER_TOPIC.exec(topic)?.[1]);
    if (number >= invokers) await kept.move(topic, topics().invoker(number % invokers).name);
  }
  return new EmbeddedMessaging({ log, kept });
}

const INVOKER_TOPIC = /^invoker(\d+)$/;

/** The shared parts of all invokers of this process. */
function invokerParts({ stores, activations, encryption, registry, ...platform }: Platform) {
  return {
    ...platform,
    entities: new CachedEntityStore(stores.whisks),
    subjects: stores.subjects,
    activations,
    recorder: { record: (record: ActivationRecord) => activations.store(record), room: () => activations.room() },
    decrypt: (cipher: string, value: string) => encryption.decrypt(cipher, value),
    metrics: new InvokerMetrics(registry),
  };
}

/** The address at which this machine reaches a server that is bound to `host`. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** A hash that distinguishes the containers of servers with different data folders. */
function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
