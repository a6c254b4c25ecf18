import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { Controller } from '../../controller/controller.js';
import { BALANCER } from '../../controller/loadbalancer/ShardingBalancer.js';
import { DEFAULT_INVOKER_CONFIG, Invoker } from '../../invoker/Invoker.js';
import { InvokerMetrics } from '../../invoker/pool/metrics.js';
import { environment } from '../../shared/config/environment.js';
import type { Logger } from '../../shared/logging/Logger.js';
import { invokerInstance } from '../../shared/messages/instances.js';
import { EmbeddedMessaging } from '../../shared/messaging/embedded/EmbeddedMessaging.js';
import { topics } from '../../shared/messaging/topics.js';
import { activationWriteMetrics, measuredMessaging, measuredStores } from '../../shared/metrics/measured.js';
import { parameterEncryption } from '../../shared/parameters/encryption.js';
import type { Stoppable } from '../../shared/process/shutdown.js';
import { loadManifest } from '../../shared/runtimes/manifest.js';
import { BatchingActivationStore } from '../../shared/store/BatchingActivationStore.js';
import { CachedEntityStore } from '../../shared/store/CachedEntityStore.js';
import { openEmbeddedStores } from '../../shared/store/embedded/open.js';
import { SubjectStore } from '../../shared/store/SubjectStore.js';
import { chooseContainers, type ChosenContainers } from './containers.js';
import type { StandaloneOptions } from './options.js';
import { standaloneSettings } from './settings.js';
import { installUsers, readUsersFile } from './users.js';

/** A standalone server that answers requests. */
export interface StandaloneServer {
  readonly url: string;
  readonly containers: ChosenContainers;
  readonly dataFolder: string;
  /** What has to be stopped, in this order. */
  readonly parts: readonly Stoppable[];
}

/** How long requests, and then activations, may take to finish at the end. */
const DRAIN_MS = 20_000;

/**
 * Starts controller, invokers, store and bus in this process.
 * @throws UsageError, StoreError, or what binding the address fails with; nothing is left behind.
 */
export async function startStandalone(options: StandaloneOptions, log: Logger): Promise<StandaloneServer> {
  const dataFolder = resolve(options.dataFolder);
  const settings = standaloneSettings(environment());
  const { limits, encryption } = settings;
  const moreUsers = options.usersFile === undefined ? [] : readUsersFile(options.usersFile);
  const runtimes = loadManifest(options.manifestFile);
  const parts: Stoppable[] = [];
  const opened = (name: string, stop: () => Promise<void>): void => void parts.unshift({ name, stop });
  try {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const stores = measuredStores(await openEmbeddedStores(dataFolder), registry);
    opened('store', () => stores.close());
    const activations = new BatchingActivationStore(stores.activations, {
      log: log.component('activations'),
      observer: activationWriteMetrics(registry),
    });
    opened('activation records', () => activations.close());
    await installUsers(stores.subjects, moreUsers);
    const containers = await chooseContainers(options.driver, log, runtimes);

    const messaging = measuredMessaging(new EmbeddedMessaging({ log: log.component('bus') }), registry);
    opened('bus', () => messaging.close());
    const wires = topics();
    const controller = await Controller.start({
      instance: { asString: '0', instanceType: 'controller' },
      config: {
        limits,
        // Invokers in the same process need no proof that they work: the first invocation does not wait for one.
        balancer: {
          ...BALANCER,
          supervision: { ...BALANCER.supervision, trustNew: true },
          colors: { ...settings.colors, policy: options.colorPolicy ?? settings.colors.policy },
        },
        encryption,
        sharedPackagesExecuteOnly: settings.sharedPackagesExecuteOnly,
        operator: settings.operator,
        readinessFraction: 1,
        userEvents: settings.userEvents,
        catalog: options.catalog,
        build: { number: 'standalone', date: new Date().toISOString() },
      },
      whisks: stores.whisks,
      activations,
      subjects: new SubjectStore(stores.subjects),
      messaging,
      topics: wires,
      runtimes,
      log,
      registry,
    });
    // What waits on the bus in this process ends with it: invokers run it before they stop.
    opened('controller', () => controller.stop(DRAIN_MS, { finishActivations: true }));
    // Whoever is early waits for the invokers, instead of being told that there are none.
    let open = (): void => {};
    controller.hold(new Promise((resolve) => (open = resolve)));
    const { port } = await controller.listen(options.port, options.host);
    if (containers.gateway !== undefined && options.host !== '0.0.0.0' && options.host !== '::') {
      await controller.listen(port, containers.gateway);
    }

    const metrics = new InvokerMetrics(registry);
    const entities = new CachedEntityStore(stores.whisks);
    const lock = parameterEncryption(encryption);
    for (let instance = 0; instance < options.invokers; instance++) {
      const driver = containers.driver(`standalone-${fingerprint(dataFolder)}-${instance}`);
      const invoker = new Invoker({
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
        messaging,
        topics: wires,
        entities,
        subjects: stores.subjects,
        activations,
        recorder: { record: (record) => activations.store(record) },
        driver,
        runtimes,
        decrypt: (cipher, value) => lock.decrypt(cipher, value),
        metrics,
        log,
      });
      opened(`invoker${instance}`, async () => {
        await invoker.stop(DRAIN_MS);
        await driver.close();
      });
      await invoker.start();
    }
    open();
    const url = `http://${urlHost(options.host)}:${port}`;
    return { url, containers, dataFolder, parts: stopOrder(parts) };
  } catch (error) {
    for (const part of parts) await part.stop().catch(() => undefined);
    throw error;
  }
}

/** Requests first, while invokers still answer them; then the rest, last opened first. */
function stopOrder(parts: readonly Stoppable[]): Stoppable[] {
  return [...parts.filter(({ name }) => name === 'controller'), ...parts.filter(({ name }) => name !== 'controller')];
}

/** The address under which a server that is bound to `host` is reached from its own machine. */
function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

/** Tells the containers of servers with different data folders apart. */
function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
