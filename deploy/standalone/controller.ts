import { actionKeySecret, withActionKeys } from '../../controller/authentication/actionKeys.js';
import { Controller, type ControllerParts } from '../../controller/Controller.js';
import { balancerOptions, type BalancerOptions } from '../../controller/loadbalancer/ShardingBalancer.js';
import type { OperatorPolicy } from '../../shared/access/operators.js';
import type { ColorConfig } from '../../shared/config/colorSettings.js';
import type { Limits } from '../../shared/config/limits.js';
import { withPolicyFile } from '../../shared/config/loadPolicy.js';
import { programVersion } from '../../shared/process/version.js';
import type { ArtifactStore } from '../../shared/store/ArtifactStore.js';
import { SubjectStore } from '../../shared/store/SubjectStore.js';
import type { ChosenContainers } from './containers.js';
import type { StandaloneOptions } from './options.js';
import type { StandaloneSettings } from './settings.js';

/** The parts of a controller of the standalone server, in the main process or in one of its own. */
export interface StandaloneControllerParts extends Omit<ControllerParts, 'config' | 'instance' | 'subjects'> {
  readonly instance: number;
  readonly options: StandaloneOptions;
  readonly settings: StandaloneSettings;
  readonly containers: Pick<ChosenContainers, 'kind'>;
  readonly operator: OperatorPolicy;
  readonly objectsSecret: string;
  /** The database of users. */
  readonly users: ArtifactStore;
}

/** Starts a controller. @throws the errors of the store and of the bus. */
export async function startStandaloneController(parts: StandaloneControllerParts): Promise<Controller> {
  const { instance, options, settings, containers, operator, objectsSecret, users, log } = parts;
  const chosen: ColorConfig = {
    ...settings.colors,
    policy: options.colorPolicy ?? settings.colors.policy,
    // No color table outlives this server.
    shared: options.controllers > 1,
  };
  const colors = await withPolicyFile(chosen, log.component('colors'));
  const subjects = new SubjectStore(users);
  return Controller.start({
    ...parts,
    // Well-known keys work only from this machine's loopback interface, but actions call from containers.
    subjects:
      containers.kind === 'docker' || containers.kind === 'oci'
        ? withActionKeys(subjects, () => actionKeySecret(users))
        : subjects,
    instance: { asString: String(instance), instanceType: 'controller' },
    config: {
      limits: settings.limits,
      ...settings.controller,
      balancer: standaloneBalancer(settings.balancer, colors, settings.limits),
      operator,
      wellKnownKeys: options.wellKnownKeys ?? settings.wellKnownKeys,
      userEvents: settings.userEvents,
      objectsSecret: settings.objects.objectsMemory === 0 ? undefined : objectsSecret,
      catalog: options.catalog,
      build: { number: 'standalone', date: new Date().toISOString(), version: programVersion() },
    },
  });
}

/** Invokers of the same server need no health test, so the first invocation does not wait for it. */
function standaloneBalancer(
  settings: StandaloneSettings['balancer'],
  colors: ColorConfig,
  limits: Limits,
): BalancerOptions {
  const options = balancerOptions({ ...settings, colors }, limits);
  return { ...options, settleMs: 0, supervision: { ...options.supervision, trustNew: true } };
}
