import { Registry } from 'prom-client';
import { basicAuthentication } from '../../../controller/authentication/basic.js';
import { AlarmProvider } from '../../../controller/catalog/alarms/AlarmProvider.js';
import { installCatalog } from '../../../controller/catalog/install.js';
import type { ControllerContext } from '../../../controller/api/ControllerContext.js';
import { explain } from '../../../controller/api/answers.js';
import { actionRoutes } from '../../../controller/api/actions/routes.js';
import { activationRoutes } from '../../../controller/api/activations/routes.js';
import { limitRoutes } from '../../../controller/api/limits/routes.js';
import { namespaceRoutes } from '../../../controller/api/namespaces/routes.js';
import { objectRoutes } from '../../../controller/api/objects/routes.js';
import { objectServiceRoutes } from '../../../controller/api/service/objects.js';
import type { ObjectPeers } from '../../../controller/objects/ObjectPeers.js';
import { packageRoutes } from '../../../controller/api/packages/routes.js';
import { ruleRoutes } from '../../../controller/api/rules/routes.js';
import { triggerRoutes } from '../../../controller/api/triggers/routes.js';
import { OwnershipEntitlement } from '../../../controller/entitlement/OwnershipEntitlement.js';
import { Throttles } from '../../../controller/entitlement/Throttles.js';
import { serviceRoutes } from '../../../controller/api/service/routes.js';
import { Bodies } from '../../../controller/http/Bodies.js';
import { createApp } from '../../../controller/api/app.js';
import { directInvocations, isInvocation } from '../../../controller/directInvocations.js';
import type { RequestReport } from '../../../controller/http/requestReports.js';
import { HttpServer } from '../../../controller/http/HttpServer.js';
import { createDispatch } from '../../../controller/invocation/dispatch.js';
import { Journal } from '../../../controller/invocation/Journal.js';
import { withBuiltins, type BuiltinAction } from '../../../controller/invocation/builtin.js';
import { createPrimitive } from '../../../controller/invocation/primitive.js';
import { directWebActions, webActionRoutes } from '../../../controller/webactions/routes.js';
import { operatorPolicy } from '../../../shared/access/operators.js';
import { installUsers, WELL_KNOWN_USERS } from '../../../deploy/standalone/users.js';
import { DEFAULT_LIMITS, type Limits } from '../../../shared/config/limits.js';
import { newActivationId } from '../../../shared/entities/activationId.js';
import type { ActivationRecord } from '../../../shared/entities/activation.js';
import type { JsonObject, KeyValue } from '../../../shared/entities/keyvalue.js';
import { noUserEvents, type UserEvents } from '../../../shared/events/UserEvents.js';
import { silentLogger } from '../../../shared/logging/Logger.js';
import type { UserLimits } from '../../../shared/entities/identity.js';
import { noEncryption, type ParameterLock } from '../../../shared/parameters/encryption.js';
import { loadManifest, type Runtimes } from '../../../shared/runtimes/manifest.js';
import type { Stores } from '../../../shared/store/ArtifactStore.js';
import { BatchingActivationStore } from '../../../shared/store/BatchingActivationStore.js';
import { CachedEntityStore } from '../../../shared/store/CachedEntityStore.js';
import { openTemporaryStores } from '../../../shared/store/embedded/open.js';
import { SubjectStore } from '../../../shared/store/SubjectStore.js';
import { eventually } from '../../e2e/eventually.js';
import { InProcessBalancer } from './InProcessBalancer.js';

export interface TestControllerOptions {
  readonly limits?: Partial<Limits>;
  readonly events?: UserEvents;
  readonly sharedPackagesExecuteOnly?: boolean;
  readonly encryption?: ParameterLock;
  readonly requireResponsePayload?: boolean;
  /** Another manifest than the project's own. */
  readonly runtimes?: Runtimes;
  /** Limits of the namespace `guest`. */
  readonly guestLimits?: UserLimits;
  /** Whether the packages of `whisk.system` are there, and alarms go off. */
  readonly catalog?: boolean;
  /** See `AlarmProvider`. */
  readonly alarmTurnMs?: number;
  readonly onAlarmsChange?: (id: string) => void;
  /** Milliseconds since the epoch. Missing: that of the machine. */
  readonly clock?: () => number;
  /** Whether invocations pass by express, as in a real controller. Missing: they do. */
  readonly direct?: boolean;
  /** The objects of the invokers. */
  readonly objects?: ObjectPeers;
  /** Is told each request; also, requests are counted as in a real controller. */
  readonly onRequest?: (report: RequestReport) => void;
  /** Stores that outlive the controller; whoever made them closes them. */
  readonly stores?: Stores;
}

/** The fields of answers that tests look at; which of them are there depends on what was asked. */
export interface Body {
  readonly error: string;
  readonly code: string;
  readonly activationId: string;
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  readonly publish: boolean;
  readonly status: string;
  readonly annotations: readonly KeyValue[];
  readonly parameters: readonly KeyValue[];
  readonly binding: JsonObject;
  readonly action: { readonly path: string; readonly name: string };
  readonly rules: JsonObject;
  readonly actions: readonly Body[];
  readonly feeds: readonly Body[];
}

export interface Answer<T = Body> {
  readonly status: number;
  readonly headers: Headers;
  /** A text where it is no JSON. */
  readonly body: T;
}

export type User = keyof typeof WELL_KNOWN_USERS;

/** A whole controller over a store on disk; only the invoker is in this process. */
export class TestController {
  readonly base: string;
  readonly ctx: ControllerContext;
  readonly stores: Stores;
  readonly balancer: InProcessBalancer;
  readonly alarms: AlarmProvider | undefined;
  readonly #close: () => Promise<void>;

  private constructor(
    fields: Pick<TestController, 'base' | 'ctx' | 'stores' | 'balancer' | 'alarms'> & {
      close: () => Promise<void>;
    },
  ) {
    this.base = fields.base;
    this.ctx = fields.ctx;
    this.stores = fields.stores;
    this.balancer = fields.balancer;
    this.alarms = fields.alarms;
    this.#close = fields.close;
  }

  static async start(options: TestControllerOptions = {}): Promise<TestController> {
    const stores = options.stores ?? (await openTemporaryStores());
    await installUsers(stores.subjects, []);
    if (options.guestLimits) await stores.subjects.put({ _id: 'guest/limits', ...options.guestLimits });
    const limits = {
      ...DEFAULT_LIMITS,
      invocationsPerMinute: 10_000,
      firesPerMinute: 10_000,
      concurrentInvocations: 1000,
      ...options.limits,
    };
    const entities = new CachedEntityStore(stores.whisks);
    const activations = new BatchingActivationStore(stores.activations);
    const balancer = new InProcessBalancer(entities, activations);
    const runtimes = options.runtimes ?? loadManifest();
    const log = silentLogger;
    const clock = options.clock ?? Date.now;
    const entitlement = new OwnershipEntitlement({
      packages: entities,
      throttles: new Throttles({
        limits,
        clusterSize: () => 1,
        activeActivations: (uuid) => balancer.activeActivationsFor(uuid),
        clock,
      }),
    });
    const controller = { asString: '0', instanceType: 'controller' } as const;
    const events = options.events ?? noUserEvents;
    const primitive = createPrimitive({ balancer, activations, runtimes, controller, newActivationId, log });
    const builtins = new Map<string, BuiltinAction>();
    const journal = new Journal({ activations, events, log });
    const dispatch = createDispatch({
      primitive: withBuiltins(primitive, {
        builtins,
        encryption: noEncryption,
        journal,
        clock,
        newActivationId,
        log,
      }),
      actions: entities,
      entitlement,
      journal,
      log,
      clock,
      newActivationId,
      maxSteps: limits.maxSequenceLength,
    });
    let alarms: AlarmProvider | undefined;
    const ctx: ControllerContext = {
      entities,
      bodies: new Bodies(),
      activations,
      authentication: basicAuthentication(new SubjectStore(stores.subjects), { hostname: 'localhost' }),
      entitlement,
      invocation: dispatch,
      balancer,
      setInService: () => balancer.setInService(),
      runtimes,
      limits,
      parameterLock: options.encryption ?? noEncryption,
      explain,
      log,
      clock,
      sharedPackagesExecuteOnly: options.sharedPackagesExecuteOnly ?? false,
      journal,
      onTriggerDeleted: (id) => alarms?.forget(id) ?? Promise.resolve(),
      requireApiKeyAnnotation: true,
      requireResponsePayload: options.requireResponsePayload ?? true,
      operator: operatorPolicy(),
      readinessFraction: 0,
      build: { number: '0', date: '', version: '1.2.3' },
      objects: options.objects,
    };
    const app = createApp(ctx, {
      root: [objectServiceRoutes, serviceRoutes],
      streamed: [objectRoutes],
      open: [webActionRoutes],
      direct: (options.direct ?? true) ? [directInvocations, directWebActions] : [],
      ...(options.onRequest && { onRequest: options.onRequest, registry: new Registry() }),
      authenticated: [
        namespaceRoutes,
        actionRoutes,
        triggerRoutes,
        ruleRoutes,
        activationRoutes,
        packageRoutes,
        limitRoutes,
      ],
    });
    if (options.catalog) {
      await installCatalog({ ...ctx, whisks: stores.whisks });
      alarms = new AlarmProvider({
        ...ctx,
        whisks: stores.whisks,
        turnMs: options.alarmTurnMs ?? 0,
        onChange: options.onAlarmsChange,
        ready: () => true,
      });
      for (const [id, feed] of alarms.feeds) builtins.set(id, feed);
      alarms.start();
    }
    const server = new HttpServer();
    server.serve(app, (options.direct ?? true) ? isInvocation : undefined);
    const { port } = await server.listen(0, '127.0.0.1');
    return new TestController({
      base: `http://127.0.0.1:${port}`,
      ctx,
      stores,
      balancer,
      alarms,
      close: async () => {
        await alarms?.stop();
        await server.stop(0);
        await journal.idle();
        await activations.close();
        if (!options.stores) await stores.close();
      },
    });
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** A request as `user` on a path below `/api/v1/namespaces/`; `_` is its namespace. */
  async request<T = Body>(
    method: string,
    path: string,
    body?: unknown,
    { user = 'guest', headers = {} }: { user?: User; headers?: Record<string, string> } = {},
  ): Promise<Answer<T>> {
    const response = await fetch(`${this.base}/api/v1/namespaces/${path}`, {
      method,
      headers: {
        authorization: `Basic ${Buffer.from(WELL_KNOWN_USERS[user]).toString('base64')}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json') === true && text !== '';
    return { status: response.status, headers: response.headers, body: (json ? JSON.parse(text) : text) as T };
  }

  /** `request` that has to succeed. */
  async must<T = Body>(method: string, path: string, body?: unknown, options?: { user?: User }): Promise<T> {
    const answer = await this.request<T>(method, path, body, options);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Makes a JavaScript action; a function stands for its source. */
  async action(
    name: string,
    main: string | ((args: never) => unknown),
    more: JsonObject = {},
    user?: User,
  ): Promise<void> {
    const code = typeof main === 'string' ? main : `const main = ${main.toString()};`;
    await this.must(
      'PUT',
      `_/actions/${name}?overwrite=true`,
      { exec: { kind: 'nodejs:20', code }, ...more },
      user ? { user } : {},
    );
  }

  /** The record of an activation once it is there. */
  record(activationId: string, namespace = 'guest'): Promise<ActivationRecord> {
    return eventually(async () => {
      const record = await this.ctx.activations.get(namespace, activationId);
      if (record) return record;
      throw new Error(`no record of ${activationId}`);
    });
  }
}
