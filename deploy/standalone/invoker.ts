import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BegunJournal, damageOf } from '../../invoker/activations/BegunJournal.js';
import type { AnsweredRecords } from '../../invoker/activations/Reporter.js';
import { DEFAULT_INVOKER_CONFIG, Invoker, type InvokerParts } from '../../invoker/Invoker.js';
import type { ObjectMetrics } from '../../invoker/objects/ObjectMetrics.js';
import { openObjects } from '../../invoker/objects/openObjects.js';
import { containerArgs } from '../../shared/config/containerArgs.js';
import { environment } from '../../shared/config/environment.js';
import { objectMemory } from '../../shared/config/objectMemorySettings.js';
import { invokerInstance } from '../../shared/messages/instances.js';
import type { HomesReply } from '../../shared/objects/homesReply.js';
import type { InvokersReply } from '../../shared/objects/invokersReply.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';
import type { ChosenContainers } from './containers.js';
import type { StandaloneOptions } from './options.js';
import type { StandaloneSettings } from './settings.js';

/** The parts of an invoker of the standalone server, in the main thread or in one of its own. */
export interface StandaloneInvokerParts extends Omit<InvokerParts, 'config' | 'driver' | 'journal' | 'objects'> {
  readonly instance: number;
  readonly options: StandaloneOptions;
  readonly settings: StandaloneSettings;
  readonly dataFolder: string;
  /** The address of the API for containers. */
  readonly apiHost: string;
  readonly containers: Pick<ChosenContainers, 'driver' | 'gateway'>;
  readonly answers: AnsweredRecords | undefined;
  readonly objectMetrics: ObjectMetrics;
  readonly objectsSecret: string;
  readonly homesOfObjects: (namespace: string, color: string, policy: string | undefined) => Promise<HomesReply>;
  readonly invokersOfObjects: () => Promise<InvokersReply>;
  readonly whisks: ArtifactStore;
}

/** The longest wait at the stop for activations, in ms. */
const DRAIN_MS = 20_000;

/**
 * Starts an invoker.
 * @param opened is told each part that must be closed, in the order of opening.
 */
export async function startStandaloneInvoker(
  parts: StandaloneInvokerParts,
  opened: (name: string, close: () => Promise<void>) => void,
): Promise<void> {
  const { instance, options, settings, dataFolder, containers, log } = parts;
  const { userMemoryMB } = options;
  const owner = ownerOf(dataFolder, instance);
  const driver = containers.driver(owner);
  opened(`containers of invoker${instance}`, () => driver.close());
  const journal = new BegunJournal(join(dataFolder, `invoker${instance}.begun`));
  const damage = damageOf(journal, `invoker${instance}`);
  if (damage !== undefined) log.warn(damage);
  opened(`journal of invoker${instance}`, async () => journal.close());
  const sharing = {
    secret: parts.objectsSecret,
    host: undefined,
    url: undefined,
    homes: parts.homesOfObjects,
    invokers: parts.invokersOfObjects,
    drainMs: 0,
  };
  const invoker = new Invoker({
    ...parts,
    journal,
    driver,
    objects: openObjects({
      config: objectMemory(settings.objects, userMemoryMB),
      invoker: `invoker${instance}`,
      owner,
      driver,
      gateway: containers.gateway,
      metrics: parts.objectMetrics,
      instance,
      sharing,
      store: parts.whisks,
      log,
    }),
    config: {
      ...DEFAULT_INVOKER_CONFIG,
      instance: {
        ...invokerInstance(instance, String(instance), userMemoryMB),
        tags: [...settings.selection.tags],
        dedicatedNamespaces: [...settings.selection.dedicatedNamespaces],
      },
      userMemoryMB,
      limits: settings.limits,
      userEvents: settings.userEvents,
      ...settings.invoker,
      predictsIdle: options.predictsIdle ?? settings.invoker.predictsIdle,
      extraEnvironment: containerArgs(environment()).extraEnvironment,
      apiHost: parts.apiHost,
    },
  });
  opened(`invoker${instance}`, () => invoker.stop(DRAIN_MS));
  await invoker.start();
}

/** The owner of the containers of one of a server's invokers. */
export const ownerOf = (dataFolder: string, instance: number): string =>
  `standalone-${fingerprint(dataFolder)}-${instance}`;

/** A hash that distinguishes the containers of servers with different data folders. */
function fingerprint(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
