/*
 * The thread of an invoker of the standalone server: see `InvokerThread.ts`. Bus, entities and activation records are in the main
 * thread; containers, their logs, the journal and the results that were answered are here.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Registry } from 'prom-client';
import { AcceptedRuns } from '../../controller/invocation/AcceptedRuns.js';
import { ObjectMetrics } from '../../invoker/objects/ObjectMetrics.js';
import { InvokerMetrics } from '../../invoker/pool/InvokerMetrics.js';
import { environment } from '../../shared/config/environment.js';
import type { ActivationRecord } from '../../shared/entities/activation.js';
import { forwardingLogger } from '../../shared/logging/forwardingLogger.js';
import { PortMessaging } from '../../shared/messaging/port/PortMessaging.js';
import { topics } from '../../shared/messaging/topics.js';
import { parameterEncryption } from '../../shared/parameters/encryption.js';
import { CachedEntityStore } from '../../shared/store/CachedEntityStore.js';
import { EntryLog } from '../../shared/store/embedded/EntryLog.js';
import { PortActivations } from '../../shared/store/port/PortActivations.js';
import { portStore } from '../../shared/store/port/PortStore.js';
import { Calls } from '../../shared/threads/Calls.js';
import { chooseContainers } from './containers.js';
import { startStandaloneInvoker } from './invoker.js';
import { standaloneRuntimes, standaloneSettings } from './settings.js';
import { answeredFolder } from './answered.js';
import { ERRORS, type InvokerServices, type InvokerThreadConfig, type MainServices } from './threadMessages.js';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only `InvokerThread` starts this file
const config = workerData as InvokerThreadConfig;
const port = parentPort;
if (!port) throw new Error('this file is for a worker thread');

const calls = new Calls(port, { errors: ERRORS, onFault: (name, error) => log.error(`${name} failed`, { error }) });
const main = calls.to<MainServices>();
const log = forwardingLogger((line) => main.tell('log', line), config.debug);
const registry = new Registry();
/** The parts to close, in the order of opening. */
const parts: { readonly name: string; readonly close: () => Promise<void> }[] = [];

async function start(): Promise<void> {
  const { instance, options, dataFolder } = config;
  const settings = standaloneSettings(environment());
  const runtimes = standaloneRuntimes(settings, options);
  const containers = await chooseContainers(config.driver, log, runtimes, undefined, {
    images: () => ({
      ready: (reference) => main.call('imageReady', reference),
      missing: (reference) => main.call('imageMissing', reference),
    }),
  });
  const answered = new EntryLog(answeredFolder(dataFolder, instance), {
    durability: options.durability,
    onFailure: ({ message }) => main.tell('writeFailed', message),
    onStuck: (stuck) => main.tell('diskStuck', stuck),
  });
  parts.push({ name: 'answered results', close: () => answered.close() });
  const messaging = new PortMessaging(calls, log.component('bus'));
  parts.push({ name: 'bus', close: () => messaging.close() });
  const activations = new PortActivations(calls);
  const encryption = parameterEncryption(settings.encryption);
  const whisks = portStore(calls, 'whisks');
  await startStandaloneInvoker(
    {
      instance,
      options,
      settings,
      dataFolder,
      containers,
      apiHost: config.apiHost,
      objectsSecret: config.objectsSecret,
      homesOfObjects: (namespace, color, policy) => main.call('homes', namespace, color, policy),
      invokersOfObjects: () => main.call('invokers'),
      objectMetrics: new ObjectMetrics(registry),
      whisks,
      messaging,
      topics: topics(),
      runtimes,
      entities: new CachedEntityStore(whisks),
      subjects: portStore(calls, 'subjects'),
      activations,
      recorder: { record: (record) => activations.store(record), room: () => activations.room() },
      answers: new AcceptedRuns(answered.table('runs')),
      decrypt: (cipher, value) => encryption.decrypt(cipher, value),
      metrics: new InvokerMetrics(registry),
      onActivation: config.tellsActivations ? (record: ActivationRecord) => main.tell('activation', record) : undefined,
      onLine: config.tellsLines ? (line) => main.tell('line', line) : undefined,
      log,
    },
    (name, close) => parts.push({ name, close }),
  );
}

async function stop(): Promise<void> {
  for (let part = parts.pop(); part; part = parts.pop()) {
    const { name, close } = part;
    await close().catch((error: unknown) => log.error(`${name} did not stop cleanly`, { error }));
  }
}

calls.serve({
  start,
  stop,
  metrics: () => registry.getMetricsAsJSON(),
} satisfies InvokerServices);
