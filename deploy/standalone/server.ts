import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { HttpServer } from '../../controller/http/HttpServer.js';
import { AcceptedRuns } from '../../controller/invocation/AcceptedRuns.js';
import { ObjectMetrics } from '../../invoker/objects/ObjectMetrics.js';
import { InvokerMetrics } from '../../invoker/pool/InvokerMetrics.js';
import { operatorPolicy, type OperatorPolicy } from '../../shared/access/operators.js';
import { environment } from '../../shared/config/environment.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { EmbeddedMessaging } from '../../shared/messaging/embedded/EmbeddedMessaging.js';
import { KeptMessages } from '../../shared/messaging/embedded/KeptMessages.js';
import { topics } from '../../shared/messaging/topics.js';
import { openPlatform, type Platform } from '../../shared/platform/openPlatform.js';
import type { Lifecycle } from '../../shared/process/Lifecycle.js';
import { CachedEntityStore } from '../../shared/store/CachedEntityStore.js';
import { MergedRegistry } from '../../shared/metrics/MergedRegistry.js';
import { diskMetrics } from '../../shared/metrics/measured.js';
import { damageText } from '../../shared/store/embedded/dataFolder.js';
import { DiskSpace } from '../../shared/store/embedded/DiskSpace.js';
import { Retention } from '../../shared/store/embedded/Retention.js';
import { openEmbeddedStores, type EmbeddedStores } from '../../shared/store/embedded/open.js';
import { KindAvailability } from '../../shared/runtimes/KindAvailability.js';
import { acceptFirst } from './acceptFirst.js';
import type { Activity } from './activity/activity.js';
import { Acceptor } from './Acceptor.js';
import type { StandaloneControllerParts } from './controller.js';
import type { ControllerProcessesParts, RunningControllers } from './controllers.js';
import { chooseContainers, requireIsolation, type ChosenContainers } from './containers.js';
import type { StandaloneOptions } from './options.js';
import { STANDALONE_SETTINGS, standaloneRuntimes, standaloneSettings } from './settings.js';
import { unknownSettings } from '../../shared/config/unknownSettings.js';
import { recoverAnswered } from './answered.js';
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

/**
 * The pace of writing records. LMDB copies each changed page of each index once for a commit, so a commit of many records writes less for
 * each. A list does not wait for the interval. Until a record is stored, the log of accepted work has the result of a blocking call. Of a
 * non-blocking activation it has the message only: if the process is killed in this time, the record says that the outcome is unknown.
 */
const RECORD_PACE = { intervalMs: 25, maxIntervalMs: 100 };

/** The longest wait at the stop for requests, and then for activations, in ms. */
const DRAIN_MS = 20_000;

/**
 * Starts controller, invokers, store and bus in this process.
 * @param activity is told each request and each activation when it has ended.
 * @throws UsageError, StoreError, or the error of `listen`.
 */
export async function startStandalone(
  life: Lifecycle,
  options: StandaloneOptions,
  log: Logger,
  activity: Activity = {},
): Promise<StandaloneServer> {
  const dataFolder = resolve(options.dataFolder);
  const settings = standaloneSettings(environment());
  for (const warning of unknownSettings(environment(), STANDALONE_SETTINGS)) log.warn(warning);
  const operator = operatorPolicy(settings.operator);
  const moreUsers = options.usersFile === undefined ? [] : readUsersFile(options.usersFile);
  const runtimes = standaloneRuntimes(settings, options);

  // Bind the address first, to report at once that it is in use. Early requests wait.
  const { maxConnections } = settings.server;
  const server = options.controllers > 1 ? new Acceptor(maxConnections) : new HttpServer(undefined, settings.server);
  life.opened('address', async () => (server instanceof Acceptor ? server.close() : server.stop(0)));
  const { port } = await server.listen(options.port, options.host);
  // Docker answers and the store opens while modules load.
  const choice = begun(chooseContainers(options.driver, log, runtimes));
  if (server instanceof HttpServer) void begun(import('./controller.js'));

  let embedded: EmbeddedStores | undefined;
  let kept: KeptMessages | undefined;
  const disk = new DiskSpace({
    folder: dataFolder,
    log: log.component('store'),
    stuck: () => embedded?.stuck() ?? false,
  });
  const onFailure = (error: Error): void => disk.writeFailed(error);
  const registry = new MergedRegistry();
  const platform = await openPlatform(life, {
    log,
    runtimes,
    registry,
    encryption: settings.encryption,
    topics: topics(),
    openStores: async () =>
      (embedded = await openEmbeddedStores(dataFolder, {
        durability: options.durability,
        onFailure,
        onDamage: (damage) => log.component('store').error(damageText(damage)),
        mayWrite: () => disk.mayWrite(),
      })),
    requireRoom: () => disk.requireRoom(),
    recordPace: RECORD_PACE,
    openMessaging: async () => {
      kept = embedded && (await keptMessages(embedded, options.invokers, log.component('bus')));
      return new EmbeddedMessaging({ log: log.component('bus'), kept });
    },
  });
  await disk.start();
  life.opened('disk space', async () => disk.stop());
  diskMetrics(disk, platform.registry);
  if (!embedded) throw new Error('the store did not open');
  keepActivations(life, embedded, options, log);
  const work = new AcceptedRuns(embedded.runs);
  await work.recover(platform.activations, Date.now(), log);
  await recoverAnswered(dataFolder, platform.activations, Date.now(), log);
  const { stores } = platform;
  const left = await installUsers(stores.subjects, moreUsers);
  if (left.length > 0) {
    log.warn('kept existing users that differ from the users file: npm run admin changes users', {
      users: left.join(', '),
    });
  }
  const containers = await choice;
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
  // New at each start: all processes that use it are in this one.
  const objectsSecret = randomBytes(32).toString('base64url');
  const unavailable = async (kind: string): Promise<string | undefined> => {
    const reason = await kinds.reasonWithin(kind, KIND_CHECK_MS);
    const reference = runtimes.kinds.get(kind)?.reference;
    if (reason === undefined && reference !== undefined) containers.prepare(reference);
    return reason;
  };
  const controllers =
    server instanceof Acceptor
      ? await severalControllers(life, server, {
          config: { options, containers: containers.kind, operator, objectsSecret },
          platform,
          registry,
          work,
          unavailable,
          refuses: () => disk.isFull,
          activity,
        })
      : await oneController(life, server, {
          ...platform,
          instance: 0,
          options,
          settings,
          containers,
          operator,
          objectsSecret,
          work,
          unavailable,
          onRequest: activity.request,
          onActivation: activity.activation,
          whisks: stores.whisks,
          users: stores.subjects,
        });

  const homesOfObjects = async (namespace: string, color: string, policy: string | undefined): Promise<HomesReply> => {
    const reply = await controllers.homes(namespace, color, policy);
    if (!reply) throw new Error(`no namespace has the name ${namespace}`);
    return reply;
  };
  const invokersOfObjects = async (): Promise<InvokersReply> => {
    const reply = await controllers.invokers();
    if (!reply) throw new Error('the controller does not know all invokers');
    return reply;
  };
  const apiHost = `http://${containers.gateway ?? urlHost(options.host)}:${port}`;
  const common = { options, dataFolder, apiHost, objectsSecret };
  if (options.threads) {
    const { startInvokerThreads } = await import('./threads.js');
    const { activation: onActivation, line: onLine } = activity;
    const parts = {
      ...common,
      platform,
      registry,
      containers,
      homesOfObjects,
      invokersOfObjects,
      onActivation,
      onLine,
      disk,
    };
    await startInvokerThreads(life, parts, endProcess);
  } else {
    const { startStandaloneInvoker } = await import('./invoker.js');
    const objectMetrics = new ObjectMetrics(registry);
    const parts = {
      ...invokerParts(platform),
      ...common,
      settings,
      containers,
      objectMetrics,
      homesOfObjects,
      invokersOfObjects,
      onActivation: activity.activation,
      onLine: activity.line,
      answers: work,
    };
    for (let instance = 0; instance < options.invokers; instance++) {
      const holdBack = acceptFirst(() => kept?.writing());
      await startStandaloneInvoker({ ...parts, instance, holdBack }, (name, close) => life.opened(name, close));
    }
  }
  // Drain requests and accepted work first, while invokers still run: the work is only on the bus of this process.
  life.opened('requests', () => controllers.drain(DRAIN_MS));
  await controllers.serve();
  // After the line that the server is ready: they start processes, and ask programs and registries.
  setImmediate(() => {
    containers.image().catch(() => {
      // The first container that needs the image reports the error.
    });
    void kinds.announce();
  });
  return { url: `http://${urlHost(options.host)}:${port}`, containers, dataFolder, operator };
}

/** Work whose failure is reported where its result is awaited, unless something else fails before. */
function begun<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Starts controllers in processes of their own. */
async function severalControllers(
  life: Lifecycle,
  acceptor: Acceptor,
  parts: ControllerProcessesParts,
): Promise<RunningControllers> {
  const { startControllers } = await import('./controllers.js');
  return startControllers(life, acceptor, parts, endProcess);
}

/** Starts the controller of this process. */
async function oneController(
  life: Lifecycle,
  server: HttpServer,
  parts: StandaloneControllerParts,
): Promise<RunningControllers> {
  const { startStandaloneController } = await import('./controller.js');
  const controller = await startStandaloneController(parts);
  life.opened('controller', () => controller.close());
  return {
    homes: async (namespace, color, policy) => controller.context.objects?.reply(namespace, color, policy),
    invokers: async () => controller.context.objects?.allInvokers(),
    serve: async () => controller.serve(server),
    drain: (limitMs) => controller.drain(server, limitMs, { finishActivations: true }),
  };
}

/** Nothing in this process can go on for a dead part of it: the lifecycle writes the reason and ends the process. */
function endProcess(error: Error): void {
  setImmediate(() => {
    throw error;
  });
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

/** The accepted activations, which outlive this process. */
async function keptMessages(stores: EmbeddedStores, invokers: number, log: Logger): Promise<KeptMessages> {
  const kept = new KeptMessages({ entries: stores.messages, keeps: (topic) => INVOKER_TOPIC.test(topic), log });
  // Move messages of invokers that this run does not have.
  for (const topic of kept.topics()) {
    const number = Number(INVOKER_TOPIC.exec(topic)?.[1]);
    if (number >= invokers) await kept.move(topic, topics().invoker(number % invokers).name);
  }
  return kept;
}

const INVOKER_TOPIC = /^invoker(\d+)$/;

/** The shared parts of all invokers of this process. */
function invokerParts({ stores, activations, encryption, registry, ...platform }: Platform) {
  return {
    ...platform,
    whisks: stores.whisks,
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
