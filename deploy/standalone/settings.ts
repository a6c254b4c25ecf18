import type { WellKnownKeysFrom } from '../../shared/access/wellKnownKeys.js';
import { COLOR_SETTINGS, colorConfig, type ColorConfig } from '../../shared/config/colorSettings.js';
import { CONTROLLER_SETTINGS, type ControllerConfig } from '../../shared/config/controllerConfig.js';
import type { Environment } from '../../shared/config/environment.js';
import { DOCKER_SETTINGS, INVOKER_SETTINGS, type StoreLevelName } from '../../shared/config/invokerConfig.js';
import { LIMIT_SETTINGS, limitsOf } from '../../shared/config/limitSettings.js';
import { PROCESS_SETTINGS, processConfig, type ProcessConfig } from '../../shared/config/processSettings.js';
import type { Limits } from '../../shared/config/limits.js';
import { OBJECT_MEMORY_SETTINGS } from '../../shared/config/objectMemorySettings.js';
import { configuredRuntimes } from '../../shared/runtimes/configured.js';
import type { Runtimes } from '../../shared/runtimes/manifest.js';
import type { StandaloneOptions } from './options.js';
import { ConfigurationError, readSettings, type Setting } from '../../shared/config/Setting.js';

/** The standalone server's settings in the environment: those of the distributed processes that apply to it. */
export interface StandaloneSettings extends Pick<ProcessConfig, 'logLevel' | 'logFormat' | 'runtimes' | 'encryption'> {
  readonly limits: Limits;
  readonly colors: ColorConfig;
  readonly operator: { readonly username: string; readonly password: string } | undefined;
  readonly wellKnownKeys: WellKnownKeysFrom;
  readonly userEvents: boolean;
  /** See `objectMemory`. */
  readonly objects: { readonly objectsMemory: number | undefined; readonly objectsHost: string | undefined };
  /** The settings of the controller that need no translation. */
  readonly controller: {
    readonly sharedPackagesExecuteOnly: boolean;
    readonly requireApiKeyAnnotation: boolean;
    readonly requireResponsePayload: boolean;
    readonly transactionHeader: string;
    readonly readinessFraction: number;
  };
  readonly server: { readonly maxConnections: number; readonly maxTargetBytes: number };
  readonly balancer: Pick<
    ControllerConfig['loadBalancer'],
    'managedFraction' | 'blackboxFraction' | 'timeoutFactor' | 'timeoutAddonMs' | 'offlineAfterMs'
  >;
  /** The actions that the invokers run. */
  readonly selection: { readonly tags: readonly string[]; readonly dedicatedNamespaces: readonly string[] };
  /** The settings of the invokers that need no translation. */
  readonly invoker: {
    readonly concurrentPeekFactor: number;
    readonly waitingActivations: number;
    readonly waitingBytes: number;
    readonly pauseGraceMs: number;
    readonly idleContainerMs: number;
    readonly predictsIdle: boolean;
    readonly storeLevels: { readonly blocking: StoreLevelName; readonly nonBlocking: StoreLevelName };
  };
}

/** No rate limits by default, since the machine has only one user: see docs/decisions/0003. */
const unlimited = (setting: Setting<number>, standard: string): Setting<number> => ({ ...setting, standard });

// The command line sets the address: `PORT` and `HOST` are often set for other programs.
const { port: _port, host: _host, ...PROCESS } = PROCESS_SETTINGS;

const SETTINGS = {
  ...COLOR_SETTINGS,
  ...LIMIT_SETTINGS,
  ...PROCESS,
  invocationsPerMinute: unlimited(LIMIT_SETTINGS.invocationsPerMinute, '1000000'),
  concurrentInvocations: unlimited(LIMIT_SETTINGS.concurrentInvocations, '1000'),
  firesPerMinute: unlimited(LIMIT_SETTINGS.firesPerMinute, '1000000'),
  username: CONTROLLER_SETTINGS.username,
  password: CONTROLLER_SETTINGS.password,
  wellKnownKeys: CONTROLLER_SETTINGS.wellKnownKeys,
  userEvents: CONTROLLER_SETTINGS.userEvents,
  executeOnly: CONTROLLER_SETTINGS.executeOnly,
  requireApiKey: CONTROLLER_SETTINGS.requireApiKey,
  requireResponsePayload: CONTROLLER_SETTINGS.requireResponsePayload,
  transactionHeader: CONTROLLER_SETTINGS.transactionHeader,
  readinessFraction: CONTROLLER_SETTINGS.readinessFraction,
  maxConnections: CONTROLLER_SETTINGS.maxConnections,
  maxTarget: CONTROLLER_SETTINGS.maxTarget,
  managedFraction: CONTROLLER_SETTINGS.managedFraction,
  blackboxFraction: CONTROLLER_SETTINGS.blackboxFraction,
  timeoutFactor: CONTROLLER_SETTINGS.timeoutFactor,
  timeoutAddon: CONTROLLER_SETTINGS.timeoutAddon,
  invokerOffline: CONTROLLER_SETTINGS.invokerOffline,
  tags: INVOKER_SETTINGS.tags,
  dedicatedNamespaces: INVOKER_SETTINGS.dedicatedNamespaces,
  concurrentPeekFactor: INVOKER_SETTINGS.concurrentPeekFactor,
  waitingActivations: INVOKER_SETTINGS.waitingActivations,
  waitingMemory: INVOKER_SETTINGS.waitingMemory,
  ...OBJECT_MEMORY_SETTINGS,
  pauseGrace: INVOKER_SETTINGS.pauseGrace,
  idleContainer: INVOKER_SETTINGS.idleContainer,
  idlePrediction: INVOKER_SETTINGS.idlePrediction,
  storeBlocking: INVOKER_SETTINGS.storeBlocking,
  storeNonBlocking: INVOKER_SETTINGS.storeNonBlocking,
};

/** The names of all variables that the standalone server reads. */
export const STANDALONE_SETTINGS: ReadonlySet<string> = new Set(
  [...Object.values<Setting<unknown>>(SETTINGS), ...Object.values<Setting<unknown>>(DOCKER_SETTINGS)].map(
    ({ name }) => name,
  ),
);

/** @throws ConfigurationError for the first invalid variable. */
export function standaloneSettings(environment: Environment): StandaloneSettings {
  const values = readSettings(SETTINGS, environment);
  const { username, password } = values;
  if ((username === undefined) !== (password === undefined)) {
    throw new ConfigurationError(`set both ${SETTINGS.username.name} and ${SETTINGS.password.name}, or neither`);
  }
  const { logLevel, logFormat, runtimes, encryption } = processConfig({ ...values, host: '', port: 0 });
  return {
    logLevel,
    logFormat,
    runtimes,
    encryption,
    limits: limitsOf(values),
    colors: colorConfig(values),
    operator: username === undefined || password === undefined ? undefined : { username, password },
    wellKnownKeys: values.wellKnownKeys,
    userEvents: values.userEvents,
    objects: { objectsMemory: values.objectsMemory, objectsHost: values.objectsHost },
    controller: {
      sharedPackagesExecuteOnly: values.executeOnly,
      requireApiKeyAnnotation: values.requireApiKey,
      requireResponsePayload: values.requireResponsePayload,
      transactionHeader: values.transactionHeader,
      readinessFraction: values.readinessFraction,
    },
    server: { maxConnections: values.maxConnections, maxTargetBytes: values.maxTarget },
    balancer: {
      managedFraction: values.managedFraction,
      blackboxFraction: values.blackboxFraction,
      timeoutFactor: values.timeoutFactor,
      timeoutAddonMs: values.timeoutAddon,
      offlineAfterMs: values.invokerOffline,
    },
    selection: { tags: values.tags, dedicatedNamespaces: values.dedicatedNamespaces },
    invoker: {
      concurrentPeekFactor: values.concurrentPeekFactor,
      waitingActivations: values.waitingActivations,
      waitingBytes: values.waitingMemory * 1024 * 1024,
      pauseGraceMs: values.pauseGrace,
      idleContainerMs: values.idleContainer,
      predictsIdle: values.idlePrediction,
      storeLevels: { blocking: values.storeBlocking, nonBlocking: values.storeNonBlocking },
    },
  };
}

/** The kinds of actions: of `--runtimes`, else of the settings. @throws Error that describes the fault of the manifest. */
export function standaloneRuntimes(
  { runtimes }: Pick<StandaloneSettings, 'runtimes'>,
  { manifestFile }: Pick<StandaloneOptions, 'manifestFile'>,
): Runtimes {
  return configuredRuntimes(manifestFile === undefined ? runtimes : { ...runtimes, manifest: `file:${manifestFile}` });
}
