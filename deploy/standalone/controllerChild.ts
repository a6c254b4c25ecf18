/*
 * The process of a controller of the standalone server: see `ControllerProcess.ts`. Connections come from the main process, which
 * also has bus, entities and activation records.
 */
import type { Socket } from 'node:net';
import { Registry } from 'prom-client';
import type { Controller } from '../../controller/Controller.js';
import { ApiError } from '../../controller/http/ApiError.js';
import { HttpServer } from '../../controller/http/HttpServer.js';
import { environment } from '../../shared/config/environment.js';
import { messageOf } from '../../shared/errors/reasons.js';
import { forwardingLogger } from '../../shared/logging/forwardingLogger.js';
import { PortMessaging } from '../../shared/messaging/port/PortMessaging.js';
import { topics } from '../../shared/messaging/topics.js';
import { parameterEncryption } from '../../shared/parameters/encryption.js';
import { hideEnvironment } from '../../shared/process/hideEnvironment.js';
import { PortActivations } from '../../shared/store/port/PortActivations.js';
import { portStore } from '../../shared/store/port/PortStore.js';
import { Calls } from '../../shared/threads/Calls.js';
import { keepHeapSmall } from '../../shared/process/heap.js';
import { startStandaloneController } from './controller.js';
import {
  CONNECTION,
  type ControllerProcessConfig,
  type ControllerServices,
  type MainOfController,
} from './controllerMessages.js';
import { standaloneRuntimes, standaloneSettings } from './settings.js';
import { ERRORS } from './threadMessages.js';
import { untilJoined } from './untilJoined.js';

/** A terminal sends its signals to this process, too. The main process stops it in order. */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
/** It must not outlive the main process, however that ends. */
process.on('disconnect', () => process.exit(0));
// Actions that run without isolation may read the system's information about other processes of their user.
hideEnvironment();
keepHeapSmall();

if (!process.send) throw new Error('this file is for a process of the standalone server');

const calls = new Calls(
  {
    postMessage: (frames) => void process.send?.(frames),
    on: (event, listener) =>
      process.on(event, (message: unknown, handle: unknown) => {
        if (message !== CONNECTION) listener(message);
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the main process sends it with a connection only
        else if (handle) server?.adopt(handle as Socket);
      }),
  },
  { errors: ERRORS, onFault: (name, error) => process.stderr.write(`${name} failed: ${messageOf(error)}\n`) },
);
const main = calls.to<MainOfController>();

/** The metrics of all processes and threads, which the main process collects. */
class WholeRegistry extends Registry {
  override metrics(): Promise<string> {
    return main.call('metricsPage');
  }
}

const registry = new WholeRegistry();
let server: HttpServer | undefined;
let controller: Controller | undefined;
const messaging: PortMessaging[] = [];

async function start(config: ControllerProcessConfig): Promise<void> {
  const { instance, options, containers, operator, objectsSecret, tells } = config;
  const log = forwardingLogger((line) => main.tell('log', line), config.debug);
  const settings = standaloneSettings(environment());
  registry.setDefaultLabels({ controller: String(instance) });
  const maxConnections = Math.ceil(settings.server.maxConnections / options.controllers);
  server = new HttpServer(undefined, { ...settings.server, maxConnections });
  const bus = new PortMessaging(calls, log.component('bus'));
  messaging.push(bus);
  controller = await startStandaloneController({
    instance,
    options,
    settings,
    containers: { kind: containers },
    operator,
    objectsSecret,
    log,
    registry,
    runtimes: standaloneRuntimes(settings, options),
    encryption: parameterEncryption(settings.encryption),
    whisks: portStore(calls, 'whisks'),
    users: portStore(calls, 'subjects'),
    activations: new PortActivations(calls),
    messaging: bus,
    topics: topics(),
    work: {
      accepted: (record) => main.call('accepted', record),
      ended: (activationId) => main.tell('ended', activationId),
      answered: (record) => main.call('answered', record),
    },
    unavailable: (kind) => main.call('unavailable', kind),
    setInService: (on) =>
      main.call('setAllInService', on).catch((error: unknown) => {
        throw new ApiError(503, messageOf(error));
      }),
    ...(tells.requests ? { onRequest: (report) => main.tell('request', report) } : {}),
    ...(tells.activations ? { onActivation: (record) => main.tell('activation', record) } : {}),
  });
}

calls.serve({
  start,
  async serve(invokers, controllers) {
    if (!server || !controller) throw new Error('the controller has not started');
    await untilJoined(controller.context.balancer, { invokers, controllers });
    controller.serve(server);
  },
  ping: () => undefined,
  async drain(limitMs) {
    if (server) await controller?.drain(server, limitMs, { finishActivations: true });
  },
  setInService: async (on) => controller?.context.balancer.setInService(on),
  async close() {
    await controller?.close();
    await Promise.all(messaging.map((bus) => bus.close()));
  },
  homes: async (namespace, color, policy) => controller?.context.objects?.reply(namespace, color, policy),
  invokers: () => controller?.context.objects?.allInvokers(),
  metrics: () => registry.getMetricsAsJSON(),
} satisfies ControllerServices);
