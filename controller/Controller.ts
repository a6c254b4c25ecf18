import type { SecureContextOptions } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestListener } from 'node:http';
import type { Registry } from 'prom-client';
import { actionRoutes } from './api/actions/routes.js';
import { activationRoutes } from './api/activations/routes.js';
import { explain } from './api/answers.js';
import { limitRoutes } from './api/limits/routes.js';
import { namespaceRoutes } from './api/namespaces/routes.js';
import { objectRoutes } from './api/objects/routes.js';
import { packageRoutes } from './api/packages/routes.js';
import { ruleRoutes } from './api/rules/routes.js';
import { metricsRoutes } from './api/service/metrics.js';
import { objectServiceRoutes } from './api/service/objects.js';
import { apiInfoRoutes, serviceRoutes } from './api/service/routes.js';
import { triggerRoutes } from './api/triggers/routes.js';
import { apiDocsRoutes } from './apidocs/routes.js';
import { AlarmProvider } from './catalog/alarms/AlarmProvider.js';
import { installCatalog } from './catalog/install.js';
import { basicAuthentication } from './authentication/basic.js';
import { startCacheInvalidation, type CacheInvalidation } from './cacheInvalidation.js';
import type { Build, ControllerContext } from './api/ControllerContext.js';
import { leaseMs, ObjectPeers } from './objects/ObjectPeers.js';
import { OwnershipEntitlement } from './entitlement/OwnershipEntitlement.js';
import { Throttles } from './entitlement/Throttles.js';
import { createApp } from './api/app.js';
import { directInvocations, isInvocation } from './directInvocations.js';
import { Bodies } from './http/Bodies.js';
import type { HttpServer } from './http/HttpServer.js';
import type { RequestReport } from './http/requestReports.js';
import { createDispatch } from './invocation/dispatch.js';
import { Journal, type AcceptedWork } from './invocation/Journal.js';
import type { InvocationRequest } from './invocation/Invocation.js';
import { withBuiltins, type BuiltinAction } from './invocation/builtin.js';
import { createPrimitive } from './invocation/primitive.js';
import { createHealthTestAction } from './loadbalancer/healthTest.js';
import { lostRecord } from './loadbalancer/lostActivations.js';
import { ColorMistakes } from './loadbalancer/ColorMistakes.js';
import { BalancerMetrics } from './loadbalancer/BalancerMetrics.js';
import type { LoadBalancer } from './loadbalancer/LoadBalancer.js';
import { ShardingBalancer, type BalancerOptions, type BalancerParts } from './loadbalancer/ShardingBalancer.js';
import { directWebActions, webActionRoutes } from './webactions/routes.js';
import type { OperatorPolicy } from '../shared/access/operators.js';
import type { WellKnownKeysFrom } from '../shared/access/wellKnownKeys.js';
import type { Limits } from '../shared/config/limits.js';
import type { ActivationRecord } from '../shared/entities/activation.js';
import { newActivationId } from '../shared/entities/activationId.js';
import { alsoTelling, createUserEvents, noUserEvents, type UserEvents } from '../shared/events/UserEvents.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { ControllerInstance } from '../shared/messages/instances.js';
import type { Messaging } from '../shared/messaging/Messaging.js';
import type { Topics } from '../shared/messaging/topics.js';
import type { ParameterLock, ParameterUnlock } from '../shared/parameters/encryption.js';
import { within } from '../shared/process/within.js';
import type { Runtimes } from '../shared/runtimes/manifest.js';
import type { ActivationStore } from '../shared/store/ActivationStore.js';
import type { ArtifactStore } from '../shared/store/ArtifactStore.js';
import type { AuthStore } from '../shared/store/AuthStore.js';
import { CachedEntityStore } from '../shared/store/CachedEntityStore.js';

export interface ControllerSettings {
  readonly limits: Limits;
  readonly balancer: BalancerOptions;
  /** The kinds that every user may use; undefined: all kinds of the manifest. */
  readonly allowedKinds?: readonly string[] | undefined;
  readonly sharedPackagesExecuteOnly: boolean;
  readonly operator: OperatorPolicy;
  /** The origins from which well-known keys are accepted; missing: the controller's own machine. */
  readonly wellKnownKeys?: WellKnownKeysFrom | undefined;
  readonly readinessFraction: number;
  /** Whether a new action gets the API key only if it has the annotation `provide-api-key`; missing: yes. */
  readonly requireApiKeyAnnotation?: boolean | undefined;
  /** Whether the response to a change or a deletion contains the action or package; missing: yes. */
  readonly requireResponsePayload?: boolean | undefined;
  /** The request header with the transaction id; missing: `X-Request-ID`. */
  readonly transactionHeader?: string | undefined;
  /** Whether to send events about activations to users' monitoring (topic `events`). */
  readonly userEvents: boolean;
  /**
   * Whether to install missing packages of `whisk.system` (utils, samples, alarms) and to run alarms; missing: no. To
   * be switched off if the installation has another alarm provider.
   */
  readonly catalog?: boolean | undefined;
  /**
   * The size in bytes from which an action's code is stored as an attachment; missing: the default of
   * `CachedEntityStore`.
   */
  readonly maxInlineBytes?: number | undefined;
  /**
   * The largest age of cached entities while the store is unavailable, in ms; missing: the default of
   * `CachedEntityStore`.
   */
  readonly maxStaleMs?: number | undefined;
  /** The secret for requests to the object memories of the invokers; missing: they share none. */
  readonly objectsSecret?: string | undefined;
  /** How objects are reached over https; undefined: as Node.js does by itself. */
  readonly objectsTls?: SecureContextOptions | undefined;
  readonly build: Build;
}

/** The parts of a controller. The owner of the parts closes them after the controller has stopped. */
export interface ControllerParts {
  readonly instance: ControllerInstance;
  readonly config: ControllerSettings;
  /** The database of entities; the controller caches it. */
  readonly whisks: ArtifactStore;
  readonly activations: ActivationStore;
  readonly subjects: AuthStore;
  readonly messaging: Messaging;
  readonly topics: Topics;
  readonly runtimes: Runtimes;
  /** Why actions of a kind cannot run on this platform; undefined if they can run. Missing: the invokers report it. */
  readonly unavailable?: ((kind: string) => Promise<string | undefined>) | undefined;
  readonly encryption: ParameterLock & ParameterUnlock;
  readonly log: Logger;
  readonly registry: Registry;
  /** Keeps accepted work beyond the end of this process; missing: accepted work ends with the process. */
  readonly work?: AcceptedWork | undefined;
  /** Called when other controllers join or leave. */
  readonly onControllers?: BalancerParts['onControllers'];
  /** See `ControllerContext`. Missing: it is the only one of its server. */
  readonly setInService?: ControllerContext['setInService'] | undefined;
  /** Is told each request at the end of its response, and the record of each activation that the controller makes. */
  readonly onRequest?: ((report: RequestReport) => void) | undefined;
  readonly onActivation?: ((record: ActivationRecord) => void) | undefined;
  /** Milliseconds since the epoch. */
  readonly clock?: (() => number) | undefined;
}

/** OpenWhisk's controller: REST API, entitlement, invocation and load balancer. */
export class Controller {
  readonly #log: Logger;
  readonly #context: ControllerContext;
  readonly #journal: Journal;
  readonly #invalidation: CacheInvalidation;
  readonly #alarms: AlarmProvider | undefined;
  readonly #app: RequestListener;

  private constructor(parts: ControllerParts, bus: Bus, { context, alarms }: Assembled) {
    this.#log = context.log;
    this.#context = context;
    this.#journal = bus.journal;
    this.#invalidation = bus.invalidation;
    this.#alarms = alarms;
    this.#app = createApp(context, {
      root: [objectServiceRoutes, serviceRoutes, metricsRoutes(parts.registry)],
      open: [apiInfoRoutes, apiDocsRoutes, webActionRoutes],
      streamed: [objectRoutes],
      authenticated: [
        actionRoutes,
        activationRoutes,
        packageRoutes,
        triggerRoutes,
        ruleRoutes,
        namespaceRoutes,
        limitRoutes,
      ],
      direct: [directInvocations, directWebActions],
      registry: parts.registry,
      onRequest: parts.onRequest,
      transactionHeader: parts.config.transactionHeader,
    });
  }

  /** Joins the bus and assembles a controller. It takes no requests before `serve`. */
  static async start(parts: ControllerParts): Promise<Controller> {
    const bus = await joinBus(parts);
    try {
      const invocation = assembleInvocation(parts, bus);
      return new Controller(parts, bus, await addCatalog(parts, bus, invocation));
    } catch (error) {
      await leaveBus(bus);
      throw error;
    }
  }

  /** The context of the routes. */
  get context(): ControllerContext {
    return this.#context;
  }

  /** Serves the requests of this server and starts the alarms. */
  serve(server: HttpServer): void {
    server.serve(this.#app, isInvocation);
    this.#alarms?.start();
  }

  /**
   * Takes no more requests, and waits for at most `limitMs` for the end of requests and of sequences without a waiting
   * caller; with `finishActivations` also for all other accepted activations.
   */
  async drain(server: HttpServer, limitMs: number, { finishActivations = false } = {}): Promise<void> {
    const begun = performance.now();
    const { balancer } = this.#context;
    await this.#alarms?.stop();
    await server.stop(limitMs);
    const left = (): number => Math.max(0, limitMs - (performance.now() - begun));
    await within(this.#journal.idle(), left(), () => this.#log.warn('stopped before all sequences ended'));
    if (finishActivations) while (balancer.totalActiveActivations() > 0 && left() > 0) await sleep(DRAIN_POLL_MS);
    // Activations may have been given up in the meantime.
    await within(this.#journal.idle(), left(), () =>
      this.#log.warn('stopped before all activation records were stored'),
    );
  }

  /** Leaves the bus. */
  async close(): Promise<void> {
    await this.#context.objects?.close();
    await leaveBus({ balancer: this.#context.balancer, invalidation: this.#invalidation });
  }
}

/** The parts that connect a controller to the other processes. */
interface Bus {
  readonly invalidation: CacheInvalidation;
  readonly entities: CachedEntityStore;
  readonly events: UserEvents;
  readonly journal: Journal;
  readonly balancer: ShardingBalancer;
}

/** Starts cache invalidation, user events and the load balancer. */
async function joinBus(parts: ControllerParts): Promise<Bus> {
  const { config, messaging, topics, instance, log, registry, activations } = parts;
  const clock = parts.clock ?? Date.now;
  const invalidation = await startCacheInvalidation({
    messaging,
    topic: topics.cacheInvalidation,
    controller: instance,
    log: log.component('cacheInvalidation'),
  });
  const entities = new CachedEntityStore(parts.whisks, {
    maxInlineBytes: config.maxInlineBytes,
    maxStaleMs: config.maxStaleMs,
    onChange: (id) => invalidation.announce(id),
  });
  invalidation.onChange((id) => entities.invalidate(id));
  const events = alsoTelling(config.userEvents ? await userEvents(parts, clock) : noUserEvents, parts.onActivation);
  const journal = new Journal({ activations, events, work: parts.work, log: log.component('invocation') });
  await putHealthTest(parts, clock());
  const balancer = await ShardingBalancer.start({
    messaging,
    topics,
    controller: instance,
    logger: log.component('loadbalancer'),
    metrics: new BalancerMetrics(registry),
    options: config.balancer,
    onControllers: parts.onControllers,
    onLost: (lost) => void journal.keep(lostRecord(lost, clock()), lost.user, lost.transid),
  });
  return { invalidation, entities, events, journal, balancer };
}

async function leaveBus({ balancer, invalidation }: { balancer: LoadBalancer; invalidation: CacheInvalidation }) {
  await balancer.close();
  await invalidation.close();
}

/** Stores the action that tests new invokers. */
async function putHealthTest({ runtimes, instance, config, whisks }: ControllerParts, now: number): Promise<void> {
  const javascript = runtimes.resolve('nodejs:default');
  if (!javascript) return;
  const { memory, timeout } = config.limits;
  const test = { controller: instance, kind: javascript.kind, memory: memory.min, timeout: timeout.std };
  await createHealthTestAction(whisks, test, now);
}

/** The invocation path, and the other parts that routes need. */
interface InvocationParts {
  /** Actions that the controller runs itself, by document id. The catalog adds its own. */
  readonly builtins: Map<string, BuiltinAction>;
  readonly services: Omit<ControllerContext, 'onTriggerDeleted'>;
}

function assembleInvocation(parts: ControllerParts, { entities, events, journal, balancer }: Bus): InvocationParts {
  const { config, instance, runtimes, log, registry, activations, encryption } = parts;
  const { limits } = config;
  const clock = parts.clock ?? Date.now;
  const entitlement = new OwnershipEntitlement({
    packages: entities,
    throttles: new Throttles({
      limits,
      clusterSize: () => balancer.clusterSize,
      activeActivations: (uuid) => balancer.activeActivationsFor(uuid),
      clock,
      onMetric: config.userEvents ? (name, value, user) => events.metric(name, value, user) : undefined,
    }),
    allowedKinds: config.allowedKinds,
  });
  const colorMistakes = new ColorMistakes(registry);
  const common = { activations, journal, clock, newActivationId, log: log.component('invocation'), colorMistakes };
  const builtins = new Map<string, BuiltinAction>();
  const primitive = createPrimitive({ ...common, balancer, runtimes, controller: instance });
  const dispatch = createDispatch({
    ...common,
    primitive: withBuiltins(primitive, { ...common, builtins, encryption }),
    actions: entities,
    entitlement,
    maxSteps: limits.maxSequenceLength,
  });
  const services = {
    entities,
    bodies: new Bodies(),
    activations,
    authentication: basicAuthentication(parts.subjects, {
      wellKnownKeys: config.wellKnownKeys,
      hostname: config.operator.hostname,
    }),
    entitlement,
    invocation: {
      invoke(request: InvocationRequest) {
        return activations.ready().then(() => dispatch.invoke(request));
      },
    },
    balancer,
    setInService: parts.setInService ?? ((on) => balancer.setInService(on)),
    runtimes,
    unavailable: parts.unavailable ?? (async (kind) => balancer.unavailable(kind)),
    limits,
    parameterLock: encryption,
    explain,
    log: log.component('api'),
    clock,
    sharedPackagesExecuteOnly: config.sharedPackagesExecuteOnly,
    requireApiKeyAnnotation: config.requireApiKeyAnnotation ?? true,
    requireResponsePayload: config.requireResponsePayload ?? true,
    journal,
    operator: config.operator,
    readinessFraction: config.readinessFraction,
    build: config.build,
    colors: { palette: balancer.colors, mistakes: colorMistakes },
    objects:
      config.objectsSecret === undefined
        ? undefined
        : new ObjectPeers({
            secret: config.objectsSecret,
            tls: config.objectsTls,
            self: `controller${instance.asString}`,
            validMs: leaseMs(config.balancer.supervision.offlineAfterMs),
            homes: (user, color) => balancer.objectHomes(user, color),
            allInvokers: () => balancer.objectInvokers(),
            invokers: () => balancer.invokers(),
            namespaces: parts.subjects,
            now: clock,
          }),
  };
  return { builtins, services };
}

interface Assembled {
  readonly context: ControllerContext;
  readonly alarms: AlarmProvider | undefined;
}

/** Installs the packages of `whisk.system` and starts an alarm provider, if the options ask for them. */
async function addCatalog(parts: ControllerParts, bus: Bus, invocation: InvocationParts): Promise<Assembled> {
  const { builtins, services } = invocation;
  if (!parts.config.catalog) return { context: services, alarms: undefined };
  const { invalidation, balancer } = bus;
  await installCatalog({ ...services, whisks: parts.whisks });
  const alarms = new AlarmProvider({
    ...services,
    log: parts.log.component('alarms'),
    whisks: parts.whisks,
    onChange: (id) => void invalidation.announce(id),
    turnMs: alarmTurn(parts.instance),
    ready: () => balancer.invokers().some((invoker) => invoker.status === 'up'),
  });
  for (const [id, feed] of alarms.feeds) builtins.set(id, feed);
  invalidation.onChange((id) => alarms.changed(id));
  return { context: { ...services, onTriggerDeleted: (id) => alarms.forget(id) }, alarms };
}

const DRAIN_POLL_MS = 20;

/** The delay between the turns of two controllers, in ms: the first one takes most alarms without a race. */
const ALARM_TURN_MS = 500;

function alarmTurn({ asString }: ControllerInstance): number {
  const index = /^\d+$/.test(asString) ? Number(asString) : 1;
  return Math.min(index, 10) * ALARM_TURN_MS;
}

async function userEvents(parts: ControllerParts, clock: () => number): Promise<UserEvents> {
  const topic = parts.topics.events;
  await parts.messaging.ensureTopic(topic);
  return createUserEvents({
    source: `controller${parts.instance.asString}`,
    producer: await parts.messaging.producer(),
    topic,
    log: parts.log.component('events'),
    clock,
  });
}
