import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import type { Registry } from 'prom-client';
import { actionRoutes } from './api/actions/routes.js';
import { activationRoutes } from './api/activations/routes.js';
import { explain } from './api/answers.js';
import { limitRoutes } from './api/limits/routes.js';
import { namespaceRoutes } from './api/namespaces/routes.js';
import { packageRoutes } from './api/packages/routes.js';
import { ruleRoutes } from './api/rules/routes.js';
import { metricsRoutes } from './api/service/metrics.js';
import { apiInfoRoutes, serviceRoutes } from './api/service/routes.js';
import { triggerRoutes } from './api/triggers/routes.js';
import { apiDocsRoutes } from './apidocs/routes.js';
import { AlarmProvider } from './catalog/alarms/AlarmProvider.js';
import { installCatalog } from './catalog/install.js';
import { basicAuthentication } from './authentication/basic.js';
import type { OperatorCredentials } from './authentication/operator.js';
import { startCacheInvalidation, type CacheInvalidation } from './cacheInvalidation.js';
import type { Build, ControllerContext } from './api/ControllerContext.js';
import { OwnershipEntitlement } from './entitlement/ownership.js';
import { Throttles } from './entitlement/throttles.js';
import { createApp } from './api/app.js';
import { HttpServer } from './http/HttpServer.js';
import { createDispatch, type Dispatch } from './invocation/dispatch.js';
import { withBuiltins, type BuiltinAction } from './invocation/builtin.js';
import { createPrimitive } from './invocation/primitive.js';
import { createHealthTestAction } from './loadbalancer/healthTest.js';
import { lostRecord } from './loadbalancer/lostActivations.js';
import { ColorMistakes } from './loadbalancer/ColorMistakes.js';
import { BalancerMetrics } from './loadbalancer/BalancerMetrics.js';
import { ShardingBalancer, type BalancerOptions } from './loadbalancer/ShardingBalancer.js';
import { webActionRoutes } from './webactions/routes.js';
import type { Limits } from '../shared/config/limits.js';
import { newActivationId } from '../shared/entities/activationId.js';
import { createUserEvents, noUserEvents, type UserEvents } from '../shared/events/UserEvents.js';
import type { Logger } from '../shared/logging/Logger.js';
import type { ControllerInstance } from '../shared/messages/instances.js';
import type { Messaging } from '../shared/messaging/Messaging.js';
import type { Topics } from '../shared/messaging/topics.js';
import { parameterEncryption, type EncryptionConfig } from '../shared/parameters/encryption.js';
import type { Runtimes } from '../shared/runtimes/manifest.js';
import type { ActivationStore } from '../shared/store/ActivationStore.js';
import type { ArtifactStore } from '../shared/store/ArtifactStore.js';
import type { AuthStore } from '../shared/store/AuthStore.js';
import { CachedEntityStore } from '../shared/store/CachedEntityStore.js';

export interface ControllerConfig {
  readonly limits: Limits;
  readonly balancer: BalancerOptions;
  readonly encryption: EncryptionConfig;
  /** Kinds that everybody may use; undefined: all of the manifest. */
  readonly allowedKinds?: readonly string[] | undefined;
  readonly sharedPackagesExecuteOnly: boolean;
  readonly operator?: OperatorCredentials | undefined;
  readonly readinessFraction: number;
  /** Whether new actions get the API key only where they ask for it; missing: yes. */
  readonly requireApiKeyAnnotation?: boolean | undefined;
  /** Whether changing and deleting actions and packages is answered with them; missing: yes. */
  readonly requireResponsePayload?: boolean | undefined;
  /** The header that names a request's transaction; missing: `X-Request-ID`. */
  readonly transactionHeader?: string | undefined;
  /** Connections that are open at once; missing: any number. */
  readonly maxConnections?: number | undefined;
  /** Its server speaks HTTPS; missing: HTTP. */
  readonly tls?: TlsOptions | undefined;
  /** Whether users' monitoring is told what ran (topic `events`). */
  readonly userEvents: boolean;
  /**
   * Whether the packages of `whisk.system` (utils, samples, alarms) are installed where they are missing, and alarms go
   * off. Not where another provider of alarms has the installation; missing: no.
   */
  readonly catalog?: boolean | undefined;
  /** From this many bytes on an action's code is an attachment of its document; missing: as `CachedEntityStore` has it. */
  readonly maxInlineBytes?: number | undefined;
  readonly build: Build;
}

/** What a controller is made of; whoever made these parts closes them after the controller has stopped. */
export interface ControllerParts {
  readonly instance: ControllerInstance;
  readonly config: ControllerConfig;
  /** The database of entities; the controller caches it. */
  readonly whisks: ArtifactStore;
  readonly activations: ActivationStore;
  readonly subjects: AuthStore;
  readonly messaging: Messaging;
  readonly topics: Topics;
  readonly runtimes: Runtimes;
  readonly log: Logger;
  readonly registry: Registry;
  /** Milliseconds since the epoch. */
  readonly clock?: (() => number) | undefined;
}

/** The controller's half of OpenWhisk: the REST API, entitlement, invocation, and the load balancer. */
export class Controller {
  readonly #log: Logger;
  readonly #server: HttpServer;
  readonly #context: ControllerContext;
  readonly #dispatch: Dispatch;
  readonly #invalidation: CacheInvalidation;
  readonly #alarms: AlarmProvider | undefined;

  private constructor(
    context: ControllerContext,
    dispatch: Dispatch,
    invalidation: CacheInvalidation,
    alarms: AlarmProvider | undefined,
    { registry, config }: Pick<ControllerParts, 'registry' | 'config'>,
  ) {
    this.#log = context.log;
    this.#context = context;
    this.#dispatch = dispatch;
    this.#invalidation = invalidation;
    this.#alarms = alarms;
    const app = createApp(context, {
      root: [serviceRoutes, metricsRoutes(registry)],
      open: [apiInfoRoutes, apiDocsRoutes, webActionRoutes],
      authenticated: [
        actionRoutes,
        activationRoutes,
        packageRoutes,
        triggerRoutes,
        ruleRoutes,
        namespaceRoutes,
        limitRoutes,
      ],
      registry,
      transactionHeader: config.transactionHeader,
    });
    this.#server = new HttpServer(app, { maxConnections: config.maxConnections, tls: config.tls });
  }

  /** Assembles a controller and joins the bus. It answers no requests before `listen`. */
  static async start(parts: ControllerParts): Promise<Controller> {
    const { config, messaging, topics, instance, runtimes, log, registry, activations } = parts;
    const clock = parts.clock ?? Date.now;
    const encryption = parameterEncryption(config.encryption);

    let announce: (id: string) => void | Promise<void> = () => {};
    let alarms: AlarmProvider | undefined;
    const entities = new CachedEntityStore(parts.whisks, {
      maxInlineBytes: config.maxInlineBytes,
      onChange: (id) => announce(id),
    });
    const invalidation = await startCacheInvalidation({
      messaging,
      topic: topics.cacheInvalidation,
      controller: instance,
      log: log.component('cacheInvalidation'),
      invalidate: (id) => {
        entities.invalidate(id);
        alarms?.changed(id);
      },
    });
    announce = (id) => invalidation.announce(id);

    const events = config.userEvents ? await userEvents(parts, clock) : noUserEvents;
    const { limits } = config;
    const javascript = runtimes.resolve('nodejs:default');
    if (javascript) {
      const test = {
        controller: instance,
        kind: javascript.kind,
        memory: limits.memory.min,
        timeout: limits.timeout.std,
      };
      await createHealthTestAction(parts.whisks, test, clock());
    }
    const balancer = await ShardingBalancer.start({
      messaging,
      topics,
      controller: instance,
      logger: log.component('loadbalancer'),
      metrics: new BalancerMetrics(registry),
      options: config.balancer,
      onLost: (lost) => {
        activations.store(lostRecord(lost, clock())).catch((error: unknown) => {
          log.error('the record of a lost activation was not stored', { error, activationId: lost.activationId });
        });
      },
    });

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
    const invocationLog = log.component('invocation');
    const builtins = new Map<string, BuiltinAction>();
    const primitive = createPrimitive({
      balancer,
      activations,
      runtimes,
      controller: instance,
      newActivationId,
      log: invocationLog,
      colorMistakes,
    });
    const dispatch = createDispatch({
      primitive: withBuiltins(primitive, {
        builtins,
        encryption,
        activations,
        events,
        clock,
        newActivationId,
        log: invocationLog,
      }),
      actions: entities,
      entitlement,
      activations,
      events,
      log: invocationLog,
      clock,
      newActivationId,
      maxSteps: limits.maxSequenceLength,
      colorMistakes,
    });
    const context: ControllerContext = {
      entities,
      activations,
      authentication: basicAuthentication(parts.subjects),
      entitlement,
      invocation: {
        async invoke(request) {
          await activations.ready();
          return dispatch.invoke(request);
        },
      },
      balancer,
      runtimes,
      limits,
      parameterLock: encryption,
      explain,
      log: log.component('api'),
      clock,
      sharedPackagesExecuteOnly: config.sharedPackagesExecuteOnly,
      requireApiKeyAnnotation: config.requireApiKeyAnnotation ?? true,
      requireResponsePayload: config.requireResponsePayload ?? true,
      track: (work) => dispatch.track(work),
      onTriggerDeleted: (id) => alarms?.forget(id) ?? Promise.resolve(),
      operator: config.operator,
      readinessFraction: config.readinessFraction,
      build: config.build,
      colors: { palette: balancer.palette, mistakes: colorMistakes },
    };
    if (config.catalog) {
      await installCatalog({ ...context, whisks: parts.whisks });
      alarms = new AlarmProvider({
        ...context,
        log: log.component('alarms'),
        whisks: parts.whisks,
        onChange: (id) => void invalidation.announce(id),
        turnMs: alarmTurn(instance),
        ready: () => balancer.invokers().some((invoker) => invoker.status === 'up'),
      });
      for (const [id, feed] of alarms.feeds) builtins.set(id, feed);
    }
    return new Controller(context, dispatch, invalidation, alarms, parts);
  }

  /** What its routes work with. */
  get context(): ControllerContext {
    return this.#context;
  }

  /** Requests wait for this before they are answered. */
  hold(until: Promise<void>): void {
    this.#server.hold(until);
  }

  /** Answers requests from now on; called again, at another address too. Port 0 takes a free one. @throws what binding fails with. */
  async listen(port: number, host: string): Promise<AddressInfo> {
    const address = await this.#server.listen(port, host);
    this.#alarms?.start();
    return address;
  }

  /**
   * Takes no more requests, and lets what runs finish for at most `limitMs`: requests, then sequences that nobody waits
   * for; with `finishActivations` also whatever was accepted. Then leaves the bus.
   */
  async stop(limitMs: number, { finishActivations = false } = {}): Promise<void> {
    const begun = performance.now();
    const { balancer } = this.#context;
    await this.#alarms?.stop();
    await this.#server.stop(limitMs);
    const left = (): number => Math.max(0, limitMs - (performance.now() - begun));
    if (!(await within(this.#dispatch.idle(), left()))) this.#log.warn('sequences were left unfinished');
    if (finishActivations) while (balancer.totalActiveActivations() > 0 && left() > 0) await sleep(DRAIN_POLL_MS);
    await balancer.close();
    await this.#invalidation.close();
  }
}

const DRAIN_POLL_MS = 20;

/** Controllers take alarms one after the other, so that most are taken by the first one without a race. */
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

/** Whether the promise settles in time. */
async function within(work: Promise<void>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), limitMs)));
  const done = await Promise.race([work.then(() => true as const), late]);
  clearTimeout(timer);
  return done;
}
